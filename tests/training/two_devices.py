"""Losses of a supernet on one device, and on two that share each batch.

TensorFlow has to know of the devices before anything runs, so this is a process of its own.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import ChainSpace
from autonas_keras.supernets import PathChain
from autonas_keras.training import PathModel, UniformSampling

SPACE = ChainSpace(("identity", "mbconv_k3_e2"), ((1, 4, 1),), stem=3)


def losses(strategy: tf.distribute.Strategy) -> dict[str, list[float]]:
    """Two epochs of three steps of two paths, and at the end the sum of all weights."""
    rng = np.random.default_rng(0)
    # Batch normalisation sees what its device has: both have the same images, and other labels.
    images = np.concatenate([np.tile(rng.normal(size=(4, 5, 5, 3)), (2, 1, 1, 1)) for _ in range(3)])
    labels = rng.integers(2, size=24)
    with strategy.scope():
        x = keras.Input((5, 5, 3))
        features = keras.layers.GlobalAveragePooling2D()(PathChain(SPACE, seed=0, name="chain")(x))
        model = PathModel(
            x, keras.layers.Dense(2, "softmax", kernel_initializer=keras.initializers.GlorotUniform(1))(features)
        )
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
        model.compile(
            optimizer,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            paths=2,
            weight_decay=0.01,
            distillation=0.0,
        )
    found = {"loss": [], "accuracy": []}
    sampling = UniformSampling(model.space, 0, paths=2)
    model.set_architectures(sampling.epoch(0, 6))
    batches = tf.data.Dataset.from_tensor_slices((images.astype("float32"), labels)).batch(8)
    history = model.fit(batches, epochs=2, verbose=0, shuffle=False).history
    found = {name: [float(value) for value in values] for name, values in history.items()}
    return {**found, "weights": [float(np.abs(weight.numpy()).sum()) for weight in model.trainable_variables]}


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one = losses(tf.distribute.get_strategy())
    print(json.dumps([one, losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))]))
