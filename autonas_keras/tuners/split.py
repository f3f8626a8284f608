"""Which training samples teach the weights of a supernet, which choose the architecture, and which stand for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import tree


def halves(y: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices of two halves of the samples, every class in both as evenly as it can be.

    Data of fewer than four samples is not divided: both halves are all of it.

    Args:
        y: Encoded targets, or a tuple of them, the first of which counts.
        seed: Seed of the draw.
    """
    target = np.asarray(tree.flatten(y)[0])
    count = len(target)
    if count < 4:
        return np.arange(count), np.arange(count)
    rows = target.reshape(count, -1)
    groups = np.zeros(count, int)
    if np.isin(rows, (0, 1)).all():  # classes; numbers are drawn as they come
        groups = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.random.default_rng([seed, 2]).permutation(count)
    order = order[np.argsort(groups[order], kind="stable")]
    return np.sort(order[::2]), np.sort(order[1::2])


def drawn_samples(data: Any, most: int, *seed: int) -> Any:
    """So many samples of arrays at most, drawn by a seed: where data is sorted, its first ones are of one class.

    Args:
        data: Arrays, or a nest of them.
        most: Samples at most; data that has no more comes as it is.
        *seed: Integers that say the draw.
    """
    count = len(tree.flatten(data)[0])
    if count <= most:
        return data
    rows = np.random.default_rng(seed).permutation(count)[:most]
    return tree.map_structure(lambda array: np.asarray(array)[rows], data)
