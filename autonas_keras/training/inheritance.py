"""A network that begins with what another one learnt, where both have the same layers.

Reference: Real et al., "Large-Scale Evolution of Image Classifiers", ICML 2017; Chen, Goodfellow, Shlens,
"Net2Net", ICLR 2016; Elsken, Metzen, Hutter, "Simple And Efficient Architecture Search for Convolutional
Neural Networks", 2017 (network morphisms in a search).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from autonas_keras.training.net2net import BY_CHANNEL, MERGES, READERS, spread, widened

NOISE = 0.05  # of the deviation of a kernel: units that stay equal learn the same for ever
SIZED = (*READERS, keras.layers.SeparableConv2D)  # layers with a number of units of their own


class Units(NamedTuple):
    """Units of a network that stand for those of another.

    Attributes:
        origin: For each of them, which of the others it is.
        size: The number of the others.
    """

    origin: np.ndarray
    size: int


def inherit_weights(
    model: keras.Model, weights: Mapping[str, list[np.ndarray]], seed: int = 0, noise: float = NOISE
) -> int:
    """Give layers the weights that layers of the same name had in another network; others keep theirs.

    Where a dense or convolutional layer is wider than it was, unit j repeats unit j modulo the old width, and what reads
    repeated units shares its weights out, so that a network that only grew wider computes what the other one did but for
    the noise. Where it is narrower, its first units live on. Layers of another kind or kernel size, those that were
    adapted to the data, and those of other sizes that treat units in a way that is not known, such as recurrent ones,
    keep what they have.

    Args:
        model: The network.
        weights: The weights of the layers of the other network, by their names.
        seed: Seed of the noise.
        noise: Deviation of what is added to the weights of repeated units, in relation to that of all, so that they learn
            different things; 0 keeps the function exactly.

    Returns:
        The number of layers that inherited.

    Reference: Chen, Goodfellow, Shlens, "Net2Net", ICLR 2016, section 2.2.
    """
    rng, count, units = np.random.default_rng([int(seed), 9]), 0, dict[int, Units]()
    for layer in model.layers:
        nodes = [node for node in layer._inbound_nodes if not node.is_input]
        read = [units.get(id(tensor)) for tensor in nodes[0].input_tensors] if nodes else []
        held, fitted = weights.get(layer.name), None
        if held is not None and layer.weights and not hasattr(layer, "adapt") and len(held) == len(layer.weights):
            fitted = _fitted(layer, held, read[0] if len(read) == 1 else None, rng, noise)
        if fitted is not None:
            layer.set_weights(fitted)
            count += 1
        given = _given(layer, nodes[0].input_tensors, read, held if fitted is not None else None) if nodes else None
        if given is not None:
            units.update({id(tensor): given for node in nodes for tensor in node.outputs})
    return count


def _fitted(
    layer: Any, held: list[np.ndarray], read: Units | None, rng: np.random.Generator, noise: float
) -> list[np.ndarray] | None:
    """The old weights in the shapes of a layer that reads ``read``, None when they do not fit."""
    shapes = [tuple(weight.shape) for weight in layer.weights]
    if read is not None:
        try:
            held = widened(held, layer, *read)
        except (ValueError, IndexError):  # another kind of layer, or one that read something else
            return None
    if [weight.shape for weight in held] != shapes and isinstance(layer, SIZED) and getattr(layer, "groups", 1) == 1:
        size, width = held[-1].shape[-1], shapes[-1][-1]
        origin = np.arange(width) % size
        # Of a separable convolution the first kernel has nothing to do with the number of units.
        first = 1 if isinstance(layer, keras.layers.SeparableConv2D) else 0
        held = [weight if place < first else weight[..., origin] for place, weight in enumerate(held)]
        added = held[first][..., size:]
        added += (noise * held[first].std() * rng.standard_normal(added.shape)).astype(added.dtype)
    return held if [weight.shape for weight in held] == shapes else None


def _given(layer: Any, tensors: list[Any], read: list[Units | None], held: list[np.ndarray] | None) -> Units | None:
    """What the units that a layer gives stand for, None for as many as there were, or for new ones."""
    if isinstance(layer, SIZED):
        size, width = (0, 0) if held is None else (held[-1].shape[-1], int(layer.weights[-1].shape[-1]))
        return None if size == width else Units(np.arange(width) % size, size)
    if all(part is None for part in read):
        return None
    known = [
        Units(np.arange(tensor.shape[-1]), int(tensor.shape[-1])) if part is None else part
        for part, tensor in zip(read, tensors, strict=True)
    ]
    first = known[0]
    if isinstance(layer, MERGES):
        same = all(part.size == first.size and np.array_equal(part.origin, first.origin) for part in known)
        return first if same else None
    if isinstance(layer, keras.layers.Concatenate) and layer.axis in (-1, len(tensors[0].shape) - 1):
        starts = np.cumsum([0, *(part.size for part in known)])
        parts = [start + part.origin for start, part in zip(starts, known, strict=False)]
        return Units(np.concatenate(parts), int(starts[-1]))
    if isinstance(layer, keras.layers.Flatten):
        places = int(np.prod(tensors[0].shape[1:-1]))
        every = np.arange(places)[:, None] * first.size + first.origin[None]
        return Units(every.reshape(-1), places * first.size)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return Units(spread(first.origin, layer), first.size * layer.depth_multiplier)
    return first if isinstance(layer, (*BY_CHANNEL, keras.layers.BatchNormalization)) else None
