"""A searched block beside AutoKeras's own in one graph: an image and a row of numbers decide together.

    python examples/custom_graph.py

AutoKeras's blocks, heads and inputs work in the same places as ours.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

import autonas_keras as ank


def main() -> None:
    digits = load_digits()
    images = digits.images[..., None].astype("float32")
    # The second input: how much ink stands in each row and column.
    ink = np.concatenate([digits.images.sum(1), digits.images.sum(2)], axis=1).astype("float32")

    image, numbers = ank.ImageInput(), ank.Input()
    searched = ank.CellBlock(space=ank.spaces.CellSpace(nodes=2, cells=3, channels=8))(ank.Normalization()(image))
    dense = ank.DenseBlock()(ank.Normalization()(numbers))
    output = ank.ClassificationHead()(ank.Merge()([searched, dense]))

    model = ank.AutoModel(
        inputs=[image, numbers], outputs=output, tuner="darts", directory="runs", project_name="graph", seed=0
    )
    model.fit([images[:1500], ink[:1500]], digits.target[:1500])
    print("test loss and accuracy:", model.evaluate([images[1500:], ink[1500:]], digits.target[1500:], verbose=0))
    print(model.best_architecture)
    model.plot_architecture("graph.svg")


if __name__ == "__main__":
    main()
