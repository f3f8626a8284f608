"""What a network of ENAS's macro space costs, counted from its architecture alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from autonas_keras.evaluation.pairs import Pair, classifier, least, named, normalised, total
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.macro import MacroSpace, parse_macro_operation


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
    return named(total(*costs))


def least_macro_costs(space: MacroSpace, input_shape: tuple[int, int, int], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``macro_costs``."""
    table = _table(space, tuple(input_shape), int(classes))
    # Without skip inputs a reduction halves one output, and layers do not depend on one another.
    operations = [least(*ways.values()) for ways in table.operations.values()]
    return named(total(table.base, *operations, *table.reductions.values()))


@cache
def _table(space: MacroSpace, input_shape: tuple[int, int, int], classes: int) -> _Table:
    height, width, colours = input_shape
    base = [normalised(9 * colours * space.channels, space.channels, height * width)]
    table = _Table((0, 0), {}, {}, {})
    for layer in range(1, space.layers + 1):
        channels, area = space.width(layer), height * width
        rows = channels * channels
        table.operations[layer] = {name: _operation(name, channels, area) for name in space.operations}
        table.skips[layer] = rows, rows * area
        if layer > 1:
            base.append(normalised(rows, channels, area))
        if layer in space.reductions:
            height, width, given = -(-height // 2), -(-width // 2), space.width(layer + 1)
            table.reductions[layer] = normalised(channels * given, given, height * width)
    return table._replace(base=total(*base, classifier(space.features, classes)))


def _operation(name: str, channels: int, area: int) -> Pair:
    family, kernel = parse_macro_operation(name)
    pointwise = normalised(channels * channels, channels, area)
    if family == "conv":
        return total(pointwise, normalised(kernel**2 * channels * channels, channels, area))
    if family == "sep_conv":
        return total(pointwise, pointwise, (kernel**2 * channels, kernel**2 * channels * area))
    return pointwise
