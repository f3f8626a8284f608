"""One point of a search space."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autonas_keras.spaces.choice import Option

if TYPE_CHECKING:
    from autonas_keras.spaces.space import Space


@dataclass(frozen=True, eq=False)
class Architecture(Mapping[str, Option]):
    """The active decisions that name one network of a space, in the order of the space.

    It is a read-only mapping from the name of a choice to the option taken; two architectures are equal when
    their decisions are. Make one with ``space.architecture(decisions)``, which checks it.

    Args:
        decisions: Pairs of name and option, or a mapping.
        space: The space it is a point of; it only decides how the architecture prints.
    """

    decisions: tuple[tuple[str, Option], ...]
    space: Space | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        pairs = self.decisions.items() if isinstance(self.decisions, Mapping) else self.decisions
        object.__setattr__(self, "decisions", tuple((str(name), option) for name, option in pairs))
        object.__setattr__(self, "_lookup", dict(self.decisions))

    def __getitem__(self, name: str) -> Option:
        return self._lookup[name]  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lookup)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.decisions)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self._lookup == other._lookup  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(frozenset(self.decisions))

    def __str__(self) -> str:
        if self.space is not None:
            return self.space.describe(self)
        return ", ".join(f"{name}={option}" for name, option in self.decisions)

    def scope(self, prefix: str, space: Space | None = None) -> Architecture:
        """The decisions whose names start with ``prefix/``, without the prefix, as an architecture of ``space``."""
        start = f"{prefix}/"
        return Architecture(
            tuple((name[len(start) :], option) for name, option in self.decisions if name.startswith(start)), space
        )

    def to_json(self) -> str:
        """The decisions as a JSON object."""
        return json.dumps(dict(self.decisions))

    @classmethod
    def from_json(cls, text: str, space: Space | None = None) -> Architecture:
        """Read what ``to_json`` wrote; with a space the decisions are checked against it.

        Raises:
            ValueError: When the text is not a JSON object, or names no point of ``space``.
        """
        try:
            decisions = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Expected the JSON object of an architecture, got {text[:80]!r}.") from error
        if not isinstance(decisions, dict):
            raise ValueError(f"Expected a JSON object of decisions, got {type(decisions).__name__}.")
        return cls(tuple(decisions.items())) if space is None else space.architecture(decisions)
