"""DARTS with one data split against two: why weights and alphas learn on different images.

    python examples/one_split_or_two.py [--quick]

Half of the labels are wrong, so there is much to learn by heart. The alphas see their own loss only: where they learn
on the images of the weights it falls with what the weights know by heart, and says nothing of new images.
Here, with one split, the alphas' loss fell to 0.01 as the weights' did, with 5.6 on new images; with two it stayed at
2.5, and the new images had 2.8.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import CellSupernet
from autonas_keras.training import BilevelModel, fit_bilevel


def supernet(space: CellSpace) -> BilevelModel:
    """The mixture of all networks of the space, with a classifier."""
    inputs = keras.Input((8, 8, 1))
    features = keras.layers.GlobalAveragePooling2D()(CellSupernet(space, seed=0)(inputs))
    kernel = keras.initializers.GlorotUniform(seed=0)
    model = BilevelModel(inputs, keras.layers.Dense(10, "softmax", kernel_initializer=kernel)(features))
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.optimizers.Adam(3e-3, beta_1=0.5),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main(quick: bool) -> None:
    rng, digits = np.random.default_rng(0), load_digits()
    x = digits.images[..., None].astype("float32") / 16
    wrong = rng.integers(10, size=len(x))
    y = np.where(rng.random(len(x)) < 0.5, wrong, digits.target)
    half, count = (20, 40) if quick else (300, 600)
    first, second, new = (x[:half], y[:half]), (x[half:count], y[half:count]), (x[count:], y[count:])

    space = CellSpace(
        ("sep_conv_3x3", "max_pool_3x3", "skip_connect", "none"),
        nodes=1 if quick else 3,
        cells=2 if quick else 3,
        channels=8,
    )
    for label, search in (("one split ", first), ("two splits", second)):
        model = supernet(space)
        history = fit_bilevel(
            model, first, search, epochs=1 if quick else 30, batch_size=20, seed=0, learning_rate=(0.1, 1e-3), verbose=0
        ).history
        print(
            f"{label}: loss of the weights {history['loss'][-1]:.2f}, of the alphas {history['alpha_loss'][-1]:.2f}, "
            f"on new images {model.evaluate(*new, verbose=0)[0]:.2f}"
        )
        print(f"  chosen: {model.supernets[0].architecture()}")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
