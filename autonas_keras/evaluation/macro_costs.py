"""What a network of ENAS's macro space costs, counted from its architecture alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from autonas_keras.evaluation.costs import COSTS
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.macro import MacroSpace, parse_macro_operation

Pair = tuple[int, int]


class _Table(NamedTuple):
    """Parameters and multiply-adds of what all networks have, and of what each decision adds."""

    base: Pair
    operations: dict[int, dict[str, Pair]]
    skips: dict[int, Pair]  # one skip input of a layer
    reductions: dict[int, Pair]  # one layer's output


def macro_costs(
    space: MacroSpace, architecture: Mapping[str, Option], input_shape: tuple[int, int, int], classes: int
) -> dict[str, int]:
    """The costs of the network of an architecture, without building it: ``model_costs`` gives the same.

    Args:
        space: The space of the architecture, with the channels of the network.
        architecture: A point of it.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the dense layer after global average pooling.

    Raises:
        ValueError: When the architecture is no point of the space.
    """
    point = space.architecture(architecture)
    table = _table(space, tuple(input_shape), int(classes))
    costs = [table.base]
    for layer, operations in table.operations.items():
        costs.append(operations[space.operation(point, layer)])
        costs += [table.skips[layer]] * len(space.sources(point, layer))
    for reduction, cost in table.reductions.items():
        costs += [cost] * len(space.reduced(point, reduction))
    return _named(_total(*costs))


def least_macro_costs(space: MacroSpace, input_shape: tuple[int, int, int], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``macro_costs``."""
    table = _table(space, tuple(input_shape), int(classes))
    # Without skip inputs a reduction halves one output, and layers do not depend on one another.
    operations = [
        (min(params for params, _ in ways.values()), min(flops for _, flops in ways.values()))
        for ways in table.operations.values()
    ]
    return _named(_total(table.base, *operations, *table.reductions.values()))


def _named(cost: Pair) -> dict[str, int]:
    return dict(zip(COSTS, cost, strict=True))


def _total(*costs: Pair) -> Pair:
    return sum(params for params, _ in costs), sum(flops for _, flops in costs)


@cache
def _table(space: MacroSpace, input_shape: tuple[int, int, int], classes: int) -> _Table:
    height, width, colours = input_shape
    base = [_normalised(9 * colours * space.channels, space.channels, height * width)]
    table = _Table((0, 0), {}, {}, {})
    for layer in range(1, space.layers + 1):
        channels, area = space.width(layer), height * width
        rows = channels * channels
        table.operations[layer] = {name: _operation(name, channels, area) for name in space.operations}
        table.skips[layer] = rows, rows * area
        if layer > 1:
            base.append(_normalised(rows, channels, area))
        if layer in space.reductions:
            height, width, given = -(-height // 2), -(-width // 2), space.width(layer + 1)
            table.reductions[layer] = _normalised(channels * given, given, height * width)
    classifier = (space.features + 1) * classes
    return table._replace(base=_total(*base, (classifier, classifier)))


def _operation(name: str, channels: int, area: int) -> Pair:
    family, kernel = parse_macro_operation(name)
    pointwise = _normalised(channels * channels, channels, area)
    if family == "conv":
        return _total(pointwise, _normalised(kernel**2 * channels * channels, channels, area))
    if family == "sep_conv":
        return _total(pointwise, pointwise, (kernel**2 * channels, kernel**2 * channels * area))
    return pointwise


def _normalised(weights: int, channels: int, area: int) -> Pair:
    """A convolution without bias, and the scale and offset of the batch normalisation after it."""
    return weights + 2 * channels, weights * area
