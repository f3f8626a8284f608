"""What may be searched, said once for every method."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.choice import Choice, Option


@dataclass(frozen=True)
class Space:
    """A search space: choices, some of which may exist only under an option of another.

    Args:
        choices: The choices made at the top. A name stands for one choice; the same choice may hang under several
            options that exclude each other. A decision is shared between places of a network by reading its name in
            both.

    Attributes:
        input_dtype: Of what its networks read, such as "int32" for numbers of tokens; None for numbers of the dtype
            that the network computes in.
        mixture_only: Options that take part in a mixture but never win it, such as ("none",) as in DARTS.

    Raises:
        ValueError: When there is no choice at all, or a name is used twice.
    """

    choices: tuple[Choice, ...]
    input_dtype: ClassVar[str | None] = None
    mixture_only: ClassVar[tuple[Option, ...]] = ()

    def __post_init__(self) -> None:
        choices = tuple(self.choices)
        if not choices:
            raise ValueError("Expected a space of at least one choice, got none.")
        object.__setattr__(self, "choices", choices)
        seen: dict[str, list[tuple[Choice, dict[str, Option]]]] = {}
        for choice, conditions in self.walk():
            places = seen.setdefault(choice.name, [])
            for other, others in places:
                if other != choice or not any(others.get(name, option) != option for name, option in conditions):
                    raise ValueError(
                        f"Expected every choice of a space to have its own name, got {choice.name!r} twice."
                    )
            places.append((choice, dict(conditions)))

    def walk(self) -> Iterator[tuple[Choice, tuple[tuple[str, Option], ...]]]:
        """Every choice, parents before children, with the decisions it depends on."""

        def visit(
            choices: Iterable[Choice], conditions: tuple[tuple[str, Option], ...]
        ) -> Iterator[tuple[Choice, tuple[tuple[str, Option], ...]]]:
            for choice in choices:
                yield choice, conditions
                for option, children in choice.branches:
                    yield from visit(children, (*conditions, (choice.name, option)))

        yield from visit(self.choices, ())

    @property
    def size(self) -> int:
        """Exact number of architectures."""
        product = 1
        for choice in self.choices:
            product *= choice.size
        return product

    @cached_property
    def named(self) -> dict[str, Choice]:
        """Every choice by its name, parents before children."""
        return {choice.name: choice for choice, _ in self.walk()}

    @cached_property
    def flat(self) -> bool:
        """Whether every choice is always active."""
        return not any(choice.branches for choice in self.choices)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture with every active decision uniform over its options."""
        return self.complete({}, rng)

    def complete(self, decisions: Mapping[str, Option], rng: np.random.Generator) -> Architecture:
        """The architecture that takes ``decisions``, which are not checked, where active, and draws all others."""
        # One draw for all choices costs as much as one for a single choice.
        draws = dict(zip(self.named, rng.random(len(self.named)).tolist(), strict=True))

        def decide(choice: Choice) -> Option:
            options = choice.options
            return (
                decisions[choice.name] if choice.name in decisions else options[int(draws[choice.name] * len(options))]
            )

        return self._make(decide)

    def default(self) -> Architecture:
        """The architecture that takes the first option everywhere."""
        return self._make(lambda choice: choice.options[0])

    def _make(self, decide: Any) -> Architecture:
        if self.flat:
            return Architecture(tuple((choice.name, decide(choice)) for choice in self.choices), self)
        decisions: list[tuple[str, Option]] = []

        def visit(choices: Iterable[Choice]) -> None:
            for choice in choices:
                option = decide(choice)
                decisions.append((choice.name, option))
                visit(choice.under(option))

        visit(self.choices)
        return Architecture(tuple(decisions), self)

    def architecture(self, decisions: Mapping[str, Option]) -> Architecture:
        """The point that ``decisions`` name; decisions that are not active are dropped.

        Raises:
            ValueError: When a decision is missing, takes an unknown option, or belongs to no choice of the space.
        """
        known = self.named
        for name in decisions:
            if name not in known:
                raise ValueError(f"Expected decisions of this space, got {name!r}{close_names(name, known)}.")

        def decide(choice: Choice) -> Option:
            if choice.name not in decisions:
                raise ValueError(f"Expected a decision for {choice.name!r}, got none; it takes {list(choice.options)}.")
            value = decisions[choice.name]
            for option in choice.options:
                if option == value:
                    return option
            raise ValueError(f"Expected {choice.name!r} to be one of {list(choice.options)}, got {value!r}.")

        return self._make(decide)

    def contains(self, architecture: Mapping[str, Option]) -> bool:
        """Whether ``architecture`` is a point of this space, with active decisions only."""
        try:
            return len(self.architecture(architecture)) == len(architecture)
        except ValueError:
            return False

    __contains__ = contains

    def neighbours(self, architecture: Mapping[str, Option]) -> list[Architecture]:
        """All architectures that differ in one decision; decisions that this activates take their first option."""
        point = self.architecture(architecture)
        found = []
        for name, taken in point.items():
            for option in self.named[name].options:
                if option != taken:
                    changed = {**point, name: option}
                    found.append(self._make(lambda c, values=changed: values.get(c.name, c.options[0])))
        return found

    def enumerate(self) -> Iterator[Architecture]:
        """Every architecture once, lazily, in a fixed order."""

        def visit(choices: tuple[Choice, ...]) -> Iterator[tuple[tuple[str, Option], ...]]:
            if not choices:
                yield ()
                return
            first, rest = choices[0], choices[1:]
            for option in first.options:
                for tail in visit((*first.under(option), *rest)):
                    yield ((first.name, option), *tail)

        for decisions in visit(self.choices):
            yield Architecture(decisions, self)

    def encode(self, architecture: Mapping[str, Option]) -> np.ndarray:
        """Index of the option taken for each choice of ``named``, -1 where inactive; int32 of shape (choices,)."""
        point = self.architecture(architecture)
        return np.array(
            [choice.options.index(point[name]) if name in point else -1 for name, choice in self.named.items()],
            dtype=np.int32,
        )

    def decode(self, code: Sequence[int] | np.ndarray) -> Architecture:
        """The architecture of an ``encode`` vector.

        Raises:
            ValueError: When the length or an index of an active choice is out of range.
        """
        names = list(self.named)
        if len(code) != len(names):
            raise ValueError(f"Expected a code of {len(names)} indices, got {len(code)}.")
        index = dict(zip(names, (int(i) for i in code), strict=True))

        def decide(choice: Choice) -> Option:
            if not 0 <= index[choice.name] < len(choice.options):
                raise ValueError(
                    f"Expected the index of {choice.name!r} in 0..{len(choice.options) - 1}, got {index[choice.name]}."
                )
            return choice.options[index[choice.name]]

        return self._make(decide)

    def describe(self, architecture: Mapping[str, Option]) -> str:
        """The architecture in the notation of this space."""
        return ", ".join(f"{name}={option}" for name, option in architecture.items())

    def declare(self, hp: Any) -> None:
        """Declare every choice to KerasTuner's hyperparameters, children under their conditions."""

        def visit(choices: Iterable[Choice]) -> None:
            for choice in choices:
                hp.Choice(choice.name, list(choice.options))
                # A choice that several options ask for is declared once: of one name under two conditions KerasTuner
                # forgets the value.
                parents: dict[Choice, list[Option]] = {}
                for option, children in choice.branches:
                    for child in children:
                        parents.setdefault(child, []).append(option)
                for child, options in parents.items():
                    with hp.conditional_scope(choice.name, options):
                        visit([child])

        visit(self.choices)

    def read(self, hp: Any) -> Architecture:
        """The architecture that KerasTuner's hyperparameters (or an ``hp`` in a name scope) name at this moment."""

        def decide(choice: Choice) -> Option:
            value = hp.get(choice.name)
            return type(choice.options[0])(value)

        return self._make(decide)

    @classmethod
    def from_hyperparameters(cls, hp: Any) -> Space:
        """The space of KerasTuner's hyperparameters, conditions included.

        A number of more than 256 values, or of infinitely many, gets 65 quantiles along its sampling as options.

        Raises:
            ValueError: When there is no hyperparameter.
        """
        from autonas_keras.spaces.hyperparameters import read_choices

        return cls(read_choices(hp.space)[0])

    @staticmethod
    def join(parts: Mapping[str, Space]) -> Space:
        """One space of several, the names of each prefixed with its key and a slash."""
        return JoinedSpace(parts)


def close_names(name: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the known names that look like ``name``, or all of them when few."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), names, n=3)
    if close:
        return f"; did you mean {' or '.join(repr(c) for c in close)}?"
    return f"; known are {', '.join(sorted(names))}" if len(names) <= 20 else ""


def known_options(name: str, given: Sequence[str] | str, known: Sequence[str]) -> tuple[str, ...]:
    """Options by name, one or several.

    Raises:
        ValueError: When one of them is unknown.
    """
    found = (given,) if isinstance(given, str) else tuple(str(option) for option in given)
    for option in found:
        if option not in known:
            raise ValueError(f"Expected {name} of {list(known)}, got {option!r}{close_names(option, known)}.")
    return found


class JoinedSpace(Space):
    """The product of named spaces, as a graph with several searched blocks has it."""

    parts: dict[str, Space]

    def __init__(self, parts: Mapping[str, Space]) -> None:
        def prefixed(choice: Choice, prefix: str) -> Choice:
            return Choice(
                f"{prefix}/{choice.name}",
                choice.options,
                tuple((option, tuple(prefixed(c, prefix) for c in children)) for option, children in choice.branches),
            )

        object.__setattr__(self, "parts", dict(parts))
        super().__init__(tuple(prefixed(choice, key) for key, space in parts.items() for choice in space.choices))

    def describe(self, architecture: Mapping[str, Option]) -> str:
        point = self.architecture(architecture)
        texts = {key: space.describe(point.scope(key)) for key, space in self.parts.items()}
        if len(texts) == 1:
            return next(iter(texts.values()))
        return "\n".join(f"{key}: {text}" for key, text in texts.items())
