"""Parameters and multiply-adds as pairs, of which the costs of a network are summed."""

from __future__ import annotations

from autonas_keras.evaluation.costs import COSTS

Pair = tuple[int, int]


def named(cost: Pair) -> dict[str, int]:
    """A pair by the names of its costs."""
    return dict(zip(COSTS, cost, strict=True))


def total(*costs: Pair) -> Pair:
    """The sum of pairs."""
    return sum(params for params, _ in costs), sum(flops for _, flops in costs)


def least(*costs: Pair) -> Pair:
    """The least of each number, not always of the same pair."""
    return min(params for params, _ in costs), min(flops for _, flops in costs)


def normalised(weights: int, channels: int, area: int) -> Pair:
    """A convolution without bias, and the scale and offset of the batch normalisation after it.

    Args:
        weights: Numbers in its kernel, all of which work at each position.
        channels: What it gives.
        area: Positions that it gives.
    """
    return weights + 2 * channels, weights * area


def classifier(features: int, classes: int) -> Pair:
    """A dense layer with bias."""
    return (features + 1) * classes, (features + 1) * classes
