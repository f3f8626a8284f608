"""Spaces that the suites search: flat, conditional, of one option, of 16 points and of 10^10."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from autonas_keras.spaces import Choice, Option, Space

FLAT = Space((Choice("a", ("x", "y", "z")), Choice("b", (1, 2)), Choice("c", (False, True))))
CONDITIONAL = Space(
    (
        Choice(
            "kind",
            ("plain", "deep", "wide"),
            {
                "deep": (Choice("depth", (2, 3), {3: (Choice("drop", (0.0, 0.5)),)}), Choice("skip", (True, False))),
                "wide": (Choice("width", (8, 16, 32)),),
            },
        ),
        Choice("rate", (0.1, 0.01)),
    )
)
ONE_OPTION = Space((Choice("only", ("this",)),))
SIXTEEN = Space(tuple(Choice(f"bit_{i}", (0, 1)) for i in range(4)))
LARGE = Space(tuple(Choice(f"digit_{i}", tuple(range(10))) for i in range(10)))
SPACES = {"flat": FLAT, "conditional": CONDITIONAL, "one_option": ONE_OPTION, "16_points": SIXTEEN, "10^10": LARGE}

every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
every_small_space = pytest.mark.parametrize(
    "space",
    [space for space in SPACES.values() if space.size < 100],
    ids=[n for n, s in SPACES.items() if s.size < 100],
)


def size_in(space: Space) -> Callable[[Mapping[str, Option]], dict[str, float]]:
    """A cost for limits: the indices of the options taken, summed; the first options cost nothing."""

    def size(architecture: Mapping[str, Option]) -> dict[str, float]:
        return {"size": float(sum(space.named[name].options.index(value) for name, value in architecture.items()))}

    return size
