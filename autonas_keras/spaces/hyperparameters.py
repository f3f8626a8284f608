"""KerasTuner's hyperparameters as choices, conditions as nesting. It needs their attributes only, not KerasTuner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from autonas_keras.spaces.choice import Choice, Option

LISTED = 256  # values up to which each is an option
POINTS = 65  # options of a hyperparameter of more values, or of infinitely many: quantiles along its sampling


def read_choices(entries: Iterable[Any]) -> tuple[tuple[Choice, ...], dict[str, str]]:
    """The choices of KerasTuner's hyperparameters, those with conditions under what they depend on.

    A choice has the name of its hyperparameter. KerasTuner lets one name stand for several hyperparameters under
    different conditions; where these differ, the further ones are called "name#2" and so on.

    Args:
        entries: The ``space`` of keras_tuner.HyperParameters, in any order; what they depend on outside of it is ignored.

    Returns:
        The choices at the top, and the name of the hyperparameter by the name of each choice.
    """
    return _Naming().named(_Tree(list(entries)).under(None, {}), {})


def options(entry: Any, wanted: tuple[Option, ...] = ()) -> tuple[Option, ...]:
    """The options of one hyperparameter: all values, or 65 quantiles along its sampling where there are too many.

    Args:
        entry: A keras_tuner.HyperParameter.
        wanted: Values that are to be among the quantiles.

    Raises:
        ValueError: When its step is not positive.
    """
    if not hasattr(entry, "step"):
        return tuple(dict.fromkeys(entry.values))
    if entry.min_value == entry.max_value:
        return (entry.min_value,)
    whole = isinstance(entry.min_value, int)
    number = _steps(entry)
    if number is None or number > LISTED:
        positions = np.linspace(0.0, 1.0, POINTS)
        if number is None:
            values = [_quantile(entry, position) for position in positions]
        else:
            values = [_stepped(entry, round(position * (number - 1))) for position in positions]
        values = sorted([*values, *(value for value in wanted if isinstance(value, (int, float)))])
    else:
        values = [_stepped(entry, index) for index in range(number)]
    # Rounding may pass the ends: 3 * 0.1 > 0.3.
    clipped = [min(max(value, entry.min_value), entry.max_value) for value in values]
    return tuple(dict.fromkeys(round(value) if whole else float(value) for value in clipped))


def _steps(entry: Any) -> int | None:
    """The number of values; None when it has no step."""
    if entry.step is None:
        return None
    if not entry.step > 0:
        raise ValueError(f"Expected the step of {entry.name!r} to be positive, got {entry.step!r}.")
    # The margin keeps the maximum, which KerasTuner loses: (1 - 0) / 0.1 is a little less than 10.
    if entry.sampling == "linear":
        return int((entry.max_value - entry.min_value) / entry.step + 1e-9) + 1
    return int(np.log(entry.max_value / entry.min_value) / np.log(entry.step) + 1e-9) + 1


def _stepped(entry: Any, index: int) -> float:
    """The value after ``index`` steps."""
    if entry.sampling == "linear":
        return entry.min_value + index * entry.step
    value = entry.min_value * entry.step**index
    return value if entry.sampling == "log" else entry.max_value + entry.min_value - value


def _quantile(entry: Any, position: float) -> float:
    """The value below which a share of ``position`` of KerasTuner's draws lies."""
    low, high = entry.min_value, entry.max_value
    if entry.sampling == "linear":
        return low + position * (high - low)
    if entry.sampling == "log":
        return low * (high / low) ** position
    return high + low - low * (high / low) ** (1 - position)


@dataclass(frozen=True)
class _Node:
    """A choice before it has a name of its own."""

    name: str
    options: tuple[Option, ...]
    branches: tuple[tuple[Option, tuple[_Node, ...]], ...]


class _Tree:
    """Hyperparameters hung under those that they depend on.

    KerasTuner keeps the conditions on the way from the top, so the last one names the parent.
    """

    def __init__(self, entries: list[Any]) -> None:
        self.named: dict[str, list[Any]] = defaultdict(list)
        self.mentioned: dict[str, list[Option]] = defaultdict(list)
        for entry in entries:
            self.named[entry.name].append(entry)
            self.mentioned[entry.name].append(entry.default)
            for condition in entry.conditions:
                self.mentioned[condition.name].extend(condition.values)
        self.hanging: dict[str | None, list[Any]] = defaultdict(list)
        for entry in entries:
            parents = [condition.name for condition in entry.conditions if condition.name in self.named]
            self.hanging[parents[-1] if parents else None].append(entry)

    def under(self, parent: str | None, path: Mapping[str, Option]) -> tuple[_Node, ...]:
        """What exists below a choice, given the decisions on the way to it."""
        found: dict[str, _Node] = {}
        for entry in self.hanging[parent]:
            if entry.name in found or entry.name in path or not _possible(entry, path):
                continue
            values = options(entry, tuple(self.mentioned[entry.name]))
            below = ((option, self.under(entry.name, {**path, entry.name: option})) for option in values)
            found[entry.name] = _Node(entry.name, values, tuple(pair for pair in below if pair[1]))
        return tuple(found.values())


def _possible(entry: Any, path: Mapping[str, Option]) -> bool:
    """Whether the decisions on the way meet the conditions."""
    return all(condition.name not in path or path[condition.name] in condition.values for condition in entry.conditions)


class _Naming:
    """Gives every choice a name that stands for nothing else that can be active beside it."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.places: dict[str, list[tuple[Choice, Mapping[str, Option]]]] = defaultdict(list)

    def named(self, nodes: tuple[_Node, ...], path: Mapping[str, Option]) -> tuple[tuple[Choice, ...], dict[str, str]]:
        return tuple(self._choice(node, path) for node in nodes), self.names

    def _choice(self, node: _Node, path: Mapping[str, Option]) -> Choice:
        for name in _candidates(node.name):
            if any(other.options != node.options or not _exclude(place, path) for other, place in self.places[name]):
                continue
            children = {option: self.named(below, {**path, name: option})[0] for option, below in node.branches}
            choice = Choice(name, node.options, children)
            if all(other == choice for other, _ in self.places[name]):
                self.places[name].append((choice, path))
                self.names[name] = node.name
                return choice
        raise AssertionError("names never end")


def _candidates(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}#{number}" for number in count(2))


def _exclude(first: Mapping[str, Option], second: Mapping[str, Option]) -> bool:
    """Whether two ways through a space never occur together."""
    return any(name in second and second[name] != option for name, option in first.items())
