"""What a network of a chain space costs, counted from its architecture alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from autonas_keras.evaluation.costs import COSTS
from autonas_keras.spaces.chain import Block, ChainLayer, ChainSpace, parse_block
from autonas_keras.spaces.choice import Option

Pair = tuple[int, int]
Way = tuple[str, float]


def chain_costs(
    space: ChainSpace, architecture: Mapping[str, Option], input_shape: tuple[int, int, int], classes: int
) -> dict[str, int]:
    """The costs of the network of an architecture, without building it: ``model_costs`` gives the same.

    The published multiply-adds of NAS-Bench-Macro leave out the biases of the classifier, one for each class, which
    are counted here.

    Args:
        space: The space of the architecture, with the channels of the network.
        architecture: A point of it.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the dense layer after global average pooling.

    Raises:
        ValueError: When the architecture is no point of the space.
    """
    point = space.architecture(architecture)
    base, table = _table(space, tuple(input_shape), int(classes))
    costs = [base, *(ways[space.block(point, layer)] for layer, ways in zip(space.layers, table, strict=True))]
    return _named(_total(*costs))


def least_chain_costs(space: ChainSpace, input_shape: tuple[int, int, int], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``chain_costs``."""
    base, table = _table(space, tuple(input_shape), int(classes))
    # Layers do not depend on one another, so the least network takes the least everywhere.
    least = [tuple(min(way[i] for way in ways.values()) for i in range(len(COSTS))) for ways in table]
    return _named(tuple(base[i] + sum(costs[i] for costs in least) for i in range(len(COSTS))))


def _named(cost: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(COSTS, cost, strict=True))


def _total(*costs: Pair) -> Pair:
    return sum(params for params, _ in costs), sum(flops for _, flops in costs)


@cache
def _table(space: ChainSpace, input_shape: tuple[int, int, int], classes: int) -> tuple[Pair, list[dict[Way, Pair]]]:
    """The cost of stem, tail and head together, and of every way to make a layer."""
    height, width, colours = input_shape
    height, width = -(-height // space.stem_strides), -(-width // space.stem_strides)
    base = [_convolution(colours, space.stem, height * width, 3)]
    layers = []
    for layer in space.layers:
        before = height * width
        height, width = -(-height // layer.strides), -(-width // layer.strides)
        ways = {}
        for name in space.operations:
            block = parse_block(name)
            for multiple in space.widths if space.widths and block.elastic else (1.0,):
                ways[name, multiple] = _block(block, layer, multiple, before, height * width)
        layers.append(ways)
    if space.tail:
        base.append(_convolution(layer.given, space.tail, height * width))
    classifier = (space.features + 1) * classes
    return _total(*base, (classifier, classifier)), layers


def _block(block: Block, layer: ChainLayer, width: float, before: int, after: int) -> Pair:
    """The cost of a block that reads ``before`` positions and gives ``after``."""
    hidden, kernel = block.hidden(layer.read, layer.given, width), block.kernel
    if block.family == "identity":
        return (0, 0) if layer.keeps_shape else _convolution(layer.read, layer.given, after)
    if block.family == "mbconv":
        expand = (0, 0) if block.expansion == 1 else _convolution(layer.read, hidden, before)
        return _total(expand, _depthwise(hidden, kernel, after), _convolution(hidden, layer.given, after))
    read = layer.read // 2 if layer.keeps_shape else layer.read
    given = layer.given - read
    beside = (0, 0) if layer.keeps_shape else _separable(read, read, kernel, after)
    if block.family == "xception":
        inside = [_separable(a, b, kernel, after) for a, b in ((read, hidden), (hidden, hidden), (hidden, given))]
    else:
        inside = [_convolution(read, hidden, before), _separable(hidden, given, kernel, after)]
    return _total(beside, *inside)


def _convolution(read: int, given: int, area: int, kernel: int = 1) -> Pair:
    """A convolution, with the scale and offset of the batch normalisation after it."""
    size = kernel * kernel * read * given
    return size + 2 * given, size * area


def _depthwise(channels: int, kernel: int, area: int) -> Pair:
    size = kernel * kernel * channels
    return size + 2 * channels, size * area


def _separable(read: int, given: int, kernel: int, area: int) -> Pair:
    return _total(_depthwise(read, kernel, area), _convolution(read, given, area))
