"""Small data and spaces that tests share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from autonas_keras.evaluation import LatencyTable
from autonas_keras.evaluation.cell_parts import CellCut
from autonas_keras.evaluation.conditions import Conditions
from autonas_keras.spaces import CellSpace

SPACE = CellSpace(operations=("sep_conv_3x3", "skip_connect", "none"), nodes=2, cells=3, channels=4)
TINY = CellSpace(operations=("max_pool_3x3", "skip_connect", "conv_1x1"), nodes=1, cells=2, channels=2)
# What is traced in half the time of TINY: one dense cell of three edges. Supernets of it take search_cells=1.
ONE_CELL = CellSpace(TINY.operations, nodes=2, cells=1, channels=2, topology="dense")


@cache
def _digits() -> Any:
    return load_digits()


def digits(count: int = 120, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Digits of 8x8 grey pixels, the same number of each class."""
    data = _digits()
    rows = np.concatenate([np.flatnonzero(data.target == c)[: count // classes] for c in range(classes)])
    rows = np.random.default_rng(0).permutation(rows)
    return data.images[rows].astype(np.float32), data.target[rows]


def latency_table(space: CellSpace, shape: tuple[int, int, int], classes: int) -> LatencyTable:
    """Convolutions take 2 ms, everything else 1."""
    names = {part.name for part in CellCut(space, shape, classes).all_parts()}
    times = {name: (1 + name.startswith("conv")) * (1 + name.endswith("twice")) for name in names}
    return LatencyTable(space, Conditions(shape, classes, 1, "keras", 1, "a", "2"), {"call": 0.0, **times})
