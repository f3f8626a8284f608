"""A space with further choices beside it."""

from __future__ import annotations

from collections.abc import Mapping

from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.cell import CellSpace
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.space import JoinedSpace, Space


class ExtendedSpace(JoinedSpace):
    """The product of a space and further choices, such as cells and the rate at which they learn.

    The names stay as they are, and ``parts`` are those of the space, so that what knows cells still finds them.

    Args:
        base: The space; a ``CellSpace`` is the part "".
        choices: The further choices.

    Raises:
        ValueError: When a name is used twice.
    """

    def __init__(self, base: Space, choices: tuple[Choice, ...]) -> None:
        parts = base.parts if isinstance(base, JoinedSpace) else {"": base} if isinstance(base, CellSpace) else {}
        object.__setattr__(self, "parts", dict(parts))
        object.__setattr__(self, "base", base)
        Space.__init__(self, (*base.choices, *choices))

    base: Space

    def describe(self, architecture: Mapping[str, Option]) -> str:
        """The architecture in the notation of the space, and the further decisions after it."""
        point = self.architecture(architecture)
        inside = tuple((name, option) for name, option in point.items() if name in self.base.named)
        outside = [f"{name}={option}" for name, option in point.items() if name not in self.base.named]
        return ", ".join([self.base.describe(Architecture(inside, self.base)), *outside])
