"""KerasTuner's hyperparameter values as architectures of a space, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from autonas_keras.spaces import Architecture, Option, Space
from autonas_keras.spaces.extended import ExtendedSpace
from autonas_keras.spaces.hyperparameters import read_choices


class Translation:
    """A space of hyperparameters, and the way between its architectures and their values.

    Args:
        hp: keras_tuner.HyperParameters, at least one.
        given: A space whose names are those of hyperparameters; what it does not name is added to it.

    Raises:
        ValueError: When there is nothing to search.
    """

    def __init__(self, hp: Any, given: Space | None = None) -> None:
        self._entries: dict[str, list[Any]] = defaultdict(list)
        for entry in hp.space:
            self._entries[entry.name].append(entry)
        known = given.named if given is not None else {}
        choices, names = read_choices(entry for entry in hp.space if entry.name not in known)
        if given is None:
            self.space = Space(choices)
        else:
            self.space = ExtendedSpace(given, choices) if choices else given
        self.names = {name: names.get(name, name) for name in self.space.named}
        self._defaults = {name: self._default(name) for name in self.names}

    def values(self, architecture: Mapping[str, Option]) -> dict[str, Option]:
        """The values of the active hyperparameters, in the types that KerasTuner keeps."""
        found: dict[str, Option] = {}
        for choice, option in architecture.items():
            found.setdefault(self.names[choice], option)
        # A given space may name hyperparameters whose conditions it does not know: their decisions have no effect.
        while idle := [name for name in found if not self._active(name, found)]:
            for name in idle:
                del found[name]
        return {name: self._own(name, option) for name, option in found.items()}

    def architecture(self, values: Mapping[str, Any]) -> Architecture:
        """The architecture of values: the nearest option of each, the default where there is none."""
        decisions = {
            name: nearest(choice.options, values[self.names[name]], self._defaults[name])
            if self.names[name] in values
            else self._defaults[name]
            for name, choice in self.space.named.items()
        }
        return self.space.architecture(decisions)

    def _active(self, name: str, values: Mapping[str, Option]) -> bool:
        entries = self._entries.get(name)
        return not entries or any(all(c.is_active(values) for c in entry.conditions) for entry in entries)

    def _own(self, name: str, option: Option) -> Option:
        """The option as the hyperparameter has it: KerasTuner makes 1 and 0 of the booleans of a Choice."""
        for entry in self._entries.get(name, ()):
            if not hasattr(entry, "step"):
                for value in entry.values:
                    if value == option:
                        return value
        return option

    def _default(self, name: str) -> Option:
        options = self.space.named[name].options
        for entry in self._entries.get(self.names[name], ()):
            return nearest(options, entry.default, options[0])
        return options[0]


def nearest(options: tuple[Option, ...], value: Any, default: Option) -> Option:
    """The option that equals ``value``; else the number nearest to it, or the default."""
    for option in options:
        if option == value:
            return option
    if isinstance(value, (int, float)) and isinstance(options[0], (int, float)):
        return min(options, key=lambda option: abs(float(option) - float(value)))
    return default


def settle(hp: Any) -> None:
    """Drop the values of hyperparameters that are not active, and give those that lack one their default.

    KerasTuner's own ``ensure_active_values`` drops the value of a name that stands for several hyperparameters as soon
    as one of them is not active, and draws what is missing from an unseeded generator.
    """
    found: dict[str, Any] = {}
    number = -1
    while number != len(found):
        number = len(found)
        for entry in hp.space:
            if entry.name not in found and all(condition.is_active(found) for condition in entry.conditions):
                found[entry.name] = hp.values.get(entry.name, entry.default)
    known = {entry.name for entry in hp.space}
    hp.values = {**{name: value for name, value in hp.values.items() if name in found or name not in known}, **found}
