"""What a network costs that a function builds, counted from the parts of which its supernet is made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import keras

from autonas_keras.evaluation.costs import COSTS, model_costs
from autonas_keras.evaluation.parts import kept_randomness
from autonas_keras.spaces import Option, Space
from autonas_keras.supernets import PathFunction
from autonas_keras.supernets.function import Place, Within, space_config, space_of, walk

Parts = Sequence[tuple[tuple[Within, ...], float]]


class _Table(NamedTuple):
    """The costs of what is there under given options, and the channels of the features."""

    parts: tuple[tuple[tuple[Within, ...], dict[str, int]], ...]
    channels: int


def function_costs(
    space: Space, architecture: Mapping[str, Option], input_shape: tuple[int, ...], classes: int
) -> dict[str, int]:
    """The costs of the network of an architecture, without building it: ``model_costs`` gives the same.

    Args:
        space: A space in ``NETWORKS``.
        architecture: A point of it.
        input_shape: Sizes of what the network reads, without the batch.
        classes: Outputs of a dense layer that reads the channels of the features.

    Raises:
        ValueError: When the architecture is no point of the space.
    """
    point, table = space.architecture(architecture), _table_of(space, input_shape)
    taken = {Within(name, space.named[name].options.index(option)) for name, option in point.items()}
    classifier = (table.channels + 1) * classes
    return {
        name: classifier + sum(costs[name] for within, costs in table.parts if taken.issuperset(within))
        for name in COSTS
    }


def least_function_costs(space: Space, input_shape: tuple[int, ...], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``function_costs``."""
    classifier = (_table_of(space, input_shape).channels + 1) * classes
    sizes = {name: len(choice.options) for name, choice in space.named.items()}
    return {name: classifier + int(_least(function_parts(space, input_shape, name), sizes)) for name in COSTS}


def function_parts(space: Space, input_shape: tuple[int, ...], cost: str) -> Parts:
    """What the parts of the networks of a space cost, each with the options under which it is there.

    Args:
        space: A space in ``NETWORKS``.
        input_shape: Sizes of what the network reads, without the batch.
        cost: "params" or "flops".
    """
    return [(within, float(costs[cost])) for within, costs in _table_of(space, input_shape).parts]


def _least(parts: Parts, sizes: Mapping[str, int]) -> float:
    """The least sum of what is there, decision by decision; those that have no part in common are apart."""
    always = sum(cost for within, cost in parts if not within)
    return always + sum(_least_together(group, sizes) for group in _apart([part for part in parts if part[0]]))


def _least_together(parts: Parts, sizes: Mapping[str, int]) -> float:
    names = [name for within, _ in parts for name in {each.choice for each in within}]
    decided = max(dict.fromkeys(names), key=names.count)
    ways = []
    for position in range(sizes[decided]):
        taken = Within(decided, position)
        left = [
            (tuple(each for each in within if each != taken), cost)
            for within, cost in parts
            if all(each == taken or each.choice != decided for each in within)
        ]
        ways.append(_least(left, sizes))
    return min(ways)


def _apart(parts: Parts) -> list[Parts]:
    """Groups of parts that depend on no choice in common."""
    groups: list[tuple[set[str], list[tuple[tuple[Within, ...], float]]]] = []
    for part in parts:
        names, members = {each.choice for each in part[0]}, [part]
        touching = [group for group in groups if group[0] & names]
        for group in touching:
            names |= group[0]
            members = group[1] + members
        groups = [group for group in groups if not any(group is other for other in touching)]
        groups.append((names, members))
    return [members for _, members in groups]


def _table_of(space: Space, input_shape: Sequence[int]) -> _Table:
    # A space does not change; writing down one that knows its data takes longer than counting.
    known: dict[tuple[int, ...], _Table] = space.__dict__.setdefault("_cost_tables", {})
    shape = tuple(input_shape)
    if shape not in known:
        # The configuration tells apart what differs in its sizes only, which equal choices do not.
        known[shape] = _table(json.dumps(space_config(space)), shape)
    return known[shape]


@lru_cache(maxsize=32)
def _table(config: str, input_shape: tuple[int, ...]) -> _Table:
    with kept_randomness():
        layer = PathFunction(space_of(json.loads(config)), dtype="float32")
        layer.build((None, *input_shape))
    parts = tuple((within, _own_costs(model)) for within, model in walk(layer.network))
    return _Table(parts, int(layer.network.output.shape[-1]))


def _own_costs(model: keras.Model) -> dict[str, int]:
    """The costs of a model without those of the branches inside."""
    layers = [layer for layer in model.layers if not isinstance(layer, Place)]
    params = {id(weight): weight for layer in layers for weight in layer.trainable_weights}
    return {**model_costs(model), "params": sum(math.prod(weight.shape) for weight in params.values())}
