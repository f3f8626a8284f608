"""What a network of a chain space costs, counted from its architecture alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from autonas_keras.evaluation.pairs import Pair, classifier, least, named, normalised, total
from autonas_keras.spaces.chain import Block, ChainLayer, ChainSpace, parse_block
from autonas_keras.spaces.choice import Option

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
    return named(total(*costs))


def least_chain_costs(space: ChainSpace, input_shape: tuple[int, int, int], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``chain_costs``."""
    base, table = _table(space, tuple(input_shape), int(classes))
    # Layers do not depend on one another, so the least network takes the least everywhere.
    return named(total(base, *(least(*ways.values()) for ways in table)))


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
    return total(*base, classifier(space.features, classes)), layers


def _block(block: Block, layer: ChainLayer, width: float, before: int, after: int) -> Pair:
    """The cost of a block that reads ``before`` positions and gives ``after``."""
    hidden, kernel = block.hidden(layer.read, layer.given, width), block.kernel
    if block.family == "identity":
        return (0, 0) if layer.keeps_shape else _convolution(layer.read, layer.given, after)
    if block.family == "mbconv":
        expand = (0, 0) if block.expansion == 1 else _convolution(layer.read, hidden, before)
        return total(expand, _depthwise(hidden, kernel, after), _convolution(hidden, layer.given, after))
    read = layer.read // 2 if layer.keeps_shape else layer.read
    given = layer.given - read
    beside = (0, 0) if layer.keeps_shape else _separable(read, read, kernel, after)
    if block.family == "xception":
        inside = [_separable(a, b, kernel, after) for a, b in ((read, hidden), (hidden, hidden), (hidden, given))]
    else:
        inside = [_convolution(read, hidden, before), _separable(hidden, given, kernel, after)]
    return total(beside, *inside)


def _convolution(read: int, given: int, area: int, kernel: int = 1) -> Pair:
    return normalised(kernel * kernel * read * given, given, area)


def _depthwise(channels: int, kernel: int, area: int) -> Pair:
    return normalised(kernel * kernel * channels, channels, area)


def _separable(read: int, given: int, kernel: int, area: int) -> Pair:
    return total(_depthwise(read, kernel, area), _convolution(read, given, area))
