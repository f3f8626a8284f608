"""Weight sharing on two architectures: which weights both use, and how the shared ones rank them.

    python examples/weight_sharing.py [--quick]

Here a step of the flat network moved 8 of the 80 weights; with the shared weights the deep network had 94 % right and
the flat one 50 %, alone 97 and 63 %: lower, in the same order.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

from autonas_keras.evaluation import InheritedScore
from autonas_keras.layers import chain_network
from autonas_keras.spaces import ChainSpace
from autonas_keras.supernets import PathChain
from autonas_keras.training import PathModel, UniformSampling, fit_paths

SPACE = ChainSpace(("mbconv_k3_e2", "mbconv_k5_e2", "identity"), stages=((2, 8, 1), (2, 16, 2)), stem=8)


def main(quick: bool) -> None:
    digits = load_digits()
    x, y = digits.images[..., None].astype("float32") / 16, digits.target
    train, test, epochs = (slice(192 if quick else 1400), slice(1400, None), 1 if quick else 40)

    inputs = keras.Input((8, 8, 1))
    features = PathChain(SPACE, seed=0, name="chain")(inputs)
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.GlobalAveragePooling2D()(features))
    model = PathModel(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    # A step moves the weights of the architecture that is selected, and no others.
    deep, flat = (
        model.space.architecture({name: option for name in model.space.default()})
        for option in ("mbconv_k3_e2", "identity")
    )
    model.set_architectures([[flat]])
    before = [weight.numpy() for weight in model.trainable_variables]
    model.fit(x[:32], y[:32], verbose=0)
    moved = sum(np.any(old != new.numpy()) for old, new in zip(before, model.trainable_variables, strict=True))
    print(f"A step of the flat network moved {moved} of {len(before)} weights, which the deep one shares.")

    sampling = UniformSampling(model.space, seed=0)
    fit_paths(model, (x[train], y[train]), sampling, epochs=epochs, batch_size=32, seed=0, verbose=0)
    judge = InheritedScore(model, x[train][:500], (x[test], y[test]))
    for name, architecture in (("deep", deep), ("flat", flat)):
        shared = judge(architecture)
        inputs = keras.Input((8, 8, 1))
        features = chain_network(inputs, architecture.scope("chain", SPACE), SPACE)
        alone = keras.Model(inputs, keras.layers.Dense(10, "softmax")(keras.layers.GlobalAveragePooling2D()(features)))
        alone.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
        alone.fit(x[train], y[train], batch_size=32, epochs=1 if quick else 15, verbose=0)
        print(f"{name}: {shared:.3f} with shared weights, {alone.evaluate(x[test], y[test], verbose=0)[1]:.3f} alone")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
