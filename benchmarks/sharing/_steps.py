"""Training steps of two models in turn, so that both meet what else the machine does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers import faster_training
from autonas_keras.supernets import PathSupernet
from autonas_keras.training import PathModel, light_graphs

CLASSES = 10
IMAGE = (32, 32, 3)


class CountedModel(PathModel):
    """A path model that counts how often its step is traced."""

    traces = 0

    def train_step(self, data: Any) -> dict[str, Any]:
        """As it is, and counted."""
        self.traces += 1
        return super().train_step(data)


def batch(size: int, seed: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and labels."""
    rng = np.random.default_rng(seed)
    return tf.constant(rng.standard_normal((size, *IMAGE)), tf.float32), tf.constant(rng.integers(CLASSES, size=size))


def classifier(features: Any) -> Any:
    """Logits of features."""
    return keras.layers.Dense(CLASSES, name="logits")(keras.layers.GlobalAveragePooling2D()(features))


def compiled(model: keras.Model) -> keras.Model:
    """The model with the loss and the optimizer that supernets are trained with."""
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


def supernet_model(layer: PathSupernet) -> CountedModel:
    """A compiled model of a supernet."""
    x = keras.Input(IMAGE)
    return compiled(CountedModel(x, classifier(layer(x))))


def alone(model: PathModel, layer: PathSupernet, architecture: Mapping[str, Any]) -> keras.Model:
    """The compiled stand-alone model of an architecture, with the weights that it has in the supernet."""
    features = layer.extract(architecture, IMAGE)
    network = keras.Model(features.inputs, classifier(features.outputs[0]))
    network.layers[-1].set_weights(model.layers[-1].get_weights())
    return compiled(network)


def step(model: keras.Model, data: tuple[tf.Tensor, tf.Tensor]) -> float:
    """Seconds of a step."""
    start = time.perf_counter()
    model.train_on_batch(*data)
    return time.perf_counter() - start


def traced_as_in_a_training(model: keras.Model, data: tuple[tf.Tensor, tf.Tensor]) -> float:
    """Seconds of the first step under the settings of ``fit_paths``."""
    with light_graphs(), faster_training(model):
        return step(model, data)


def compared(models: Mapping[str, keras.Model], data: tuple[tf.Tensor, tf.Tensor], rounds: int) -> dict[str, float]:
    """Steps of the first model against those of the others, in turn, the order turned round each time.

    Returns:
        Medians over the rounds of how many times as long, and as much processor time, the first one takes as "keras"
        and "kernels", and medians of the seconds of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in models}
    processor: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds):
        for name in list(models) if number % 2 else list(models)[::-1]:
            before = time.process_time()
            seconds[name].append(step(models[name], data))
            processor[name].append(time.process_time() - before)
    first = next(iter(models))

    def ratio(values: Mapping[str, list[float]], other: str) -> float:
        return median(a / b for a, b in zip(values[first], values[other], strict=True))

    return {
        "ratio": ratio(seconds, "keras"),
        "ratio_to_our_kernels": ratio(seconds, "kernels"),
        "processor_ratio": ratio(processor, "keras"),
        "processor_ratio_to_our_kernels": ratio(processor, "kernels"),
        **{f"{name}_seconds": median(values) for name, values in seconds.items()},
    }


def difference(model: PathModel, network: keras.Model, data: tuple[tf.Tensor, tf.Tensor]) -> float:
    """Largest difference of the logits of what is selected and of its network, relative to the largest logit."""
    found, expected = (np.asarray(each(data[0], training=False)) for each in (model, network))
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
