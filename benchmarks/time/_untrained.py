"""Untrained networks of NAS-Bench-201's cells, and the minibatch that they are asked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from autonas_keras.blocks.isolation import fresh_names, own_randomness
from autonas_keras.layers import cell_network
from autonas_keras.spaces import CellSpace
from benchmarks import data

MEAN, DEVIATION = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)  # of CIFAR-10's colours


def minibatch(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """The first images of CIFAR-10, standardised, and their labels."""
    images = data.cifar10(count, 1)
    x = (images.x_train.astype("float32") - np.array(MEAN, "float32")) / np.array(DEVIATION, "float32")
    return x, images.y_train


def network(
    space: CellSpace, architecture: Mapping[str, Any], seed: int, shape: tuple[int, ...] = (32, 32, 3)
) -> keras.Model:
    """The network of an architecture for images of ten classes that ends in logits, with weights of a seed."""
    with own_randomness(seed), fresh_names():
        x = keras.Input(shape)
        cells = {kind: space.cell(architecture, kind) for kind in space.cell_types}
        features = keras.layers.GlobalAveragePooling2D(name="pool")(cell_network(x, cells, space))
        return keras.Model(x, keras.layers.Dense(10, name="logits")(features))
