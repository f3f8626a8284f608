"""A space of your own: which operations, how many nodes, and one operation that nobody else has.

python examples/custom_space.py          # ask the space, draw a point of it
python examples/custom_space.py search   # search it on the digits of scikit-learn
"""

from __future__ import annotations

import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

import autonas_keras as ank


def squeeze(x: keras.KerasTensor, channels: int, strides: int) -> keras.KerasTensor:
    """Weighs the channels by what the whole image shows: squeeze and excitation."""
    x = keras.layers.Conv2D(channels, 1, strides=strides, padding="same", use_bias=False)(keras.layers.ReLU()(x))
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = keras.layers.Conv2D(channels, 1, activation="sigmoid")(weights)
    return keras.layers.Multiply()([x, weights])


def main(search: bool) -> None:
    ank.register_operation("squeeze", squeeze)
    space = ank.spaces.CellSpace(
        operations=("sep_conv_3x3", "squeeze", "max_pool_3x3", "skip_connect", "none"), nodes=3, cells=5, channels=8
    )
    architecture = space.sample(np.random.default_rng(0))
    print(f"{space.size:,} architectures; one of them:\n{architecture}")
    print(
        f"it has {len(space.neighbours(architecture))} neighbours, and reads back: {space.parse(str(architecture)) == architecture}"
    )
    print("drawn in", ank.reporting.plot_architecture(space, architecture, "sample.svg"))

    if search:
        digits = load_digits()
        clf = ank.ImageClassifier(tuner="darts", space=space, directory="runs", project_name="squeeze", seed=0)
        clf.fit(digits.images.astype("float32"), digits.target)
        print("found:", clf.best_architecture)


if __name__ == "__main__":
    main(search="search" in sys.argv[1:])
