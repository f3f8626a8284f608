"""A network that begins with what another one learnt, where both have the same layers.

Reference: Real et al., "Large-Scale Evolution of Image Classifiers", ICML 2017; Chen, Goodfellow, Shlens,
"Net2Net", ICLR 2016; Elsken, Metzen, Hutter, "Simple And Efficient Architecture Search for Convolutional
Neural Networks", 2017 (network morphisms in a search).
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

READS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D)


def inherit_weights(model: keras.Model, weights: Mapping[str, list[np.ndarray]]) -> int:
    """Give layers the weights that layers of the same name had in another network; others keep theirs.

    Where a layer is wider than it was, unit j repeats unit j modulo the old width, and what reads repeated units
    shares its weights out, so that a network that only grew wider computes what the other one did. Where it is
    narrower, its first units live on. Layers of another kind or kernel size, and those that were adapted to the data,
    keep what they have.

    Args:
        model: The network.
        weights: The weights of the layers of the other network, by their names.

    Returns:
        The number of layers that inherited.
    """
    count = 0
    for layer in model.layers:
        held = weights.get(layer.name)
        if held is None or not layer.weights or hasattr(layer, "adapt") or len(held) != len(layer.weights):
            continue
        fitted = [_fitted(layer, old, tuple(new.shape)) for old, new in zip(held, layer.weights, strict=True)]
        found = [value for value in fitted if value is not None]
        if len(found) == len(fitted):
            layer.set_weights(found)
            count += 1
    return count


def _fitted(layer: keras.layers.Layer, old: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The old weight in the new shape, None when it does not fit."""
    if old.shape == shape:
        return old
    if old.ndim != len(shape) or old.shape[:-2] != shape[:-2]:
        return None
    for axis in range(max(0, old.ndim - 2), old.ndim):
        size, wanted = old.shape[axis], shape[axis]
        origin = np.arange(wanted) % size
        old = old.take(origin, axis=axis)
        if axis == len(shape) - 2 and isinstance(layer, READS):
            counts = np.bincount(origin, minlength=size)[origin]
            old = (old / counts[:, None]).astype(old.dtype)
    return old
