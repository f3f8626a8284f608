"""An operation that nobody else has: one function makes it, a name puts it into a space, and a search weighs it.

    python examples/custom_operation.py [--quick]

Here squeeze was chosen for one of the twelve edges of the two cells.
"""

from __future__ import annotations

import sys

import keras
from sklearn.datasets import load_digits

import autonas_keras as ank


def squeeze(x: keras.KerasTensor, channels: int, strides: int) -> keras.KerasTensor:
    """Weighs the channels by what the whole image shows: squeeze and excitation."""
    x = keras.layers.Conv2D(channels, 1, strides=strides, padding="same", use_bias=False)(keras.layers.ReLU()(x))
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = keras.layers.Conv2D(channels, 1, activation="sigmoid")(weights)
    return keras.layers.Multiply()([x, weights])


def main(quick: bool) -> None:
    # Before anything is built of it, and in every process that builds: a name stands for a function.
    ank.register_operation("squeeze", squeeze)
    space = ank.spaces.CellSpace(
        operations=("sep_conv_3x3", "squeeze", "skip_connect"),
        nodes=1 if quick else 3,
        cells=2 if quick else 5,
        channels=2 if quick else 8,
    )
    digits = load_digits()
    count = 100 if quick else len(digits.target)
    x, y = digits.images[:count].astype("float32"), digits.target[:count]

    method = ank.tuners.Darts(search_epochs=1 if quick else None)
    clf = ank.ImageClassifier(tuner=method, space=space, directory="runs", project_name="squeeze", seed=0)
    clf.fit(x, y, epochs=1 if quick else 30, verbose=0)
    chosen = list(clf.best_architecture.values()).count("squeeze")
    print(f"found, with squeeze chosen {chosen} times:\n{clf.best_architecture}")

    # What comes out is made of stock layers all the same: whoever loads it needs no "squeeze".
    clf.export_model().save("squeeze.keras")
    print("loaded again:", keras.saving.load_model("squeeze.keras").output_shape)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
