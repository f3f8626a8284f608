"""Spaces of every shape, for tests that hold for all of them."""

from __future__ import annotations

from autonas_keras.spaces import Choice, Space
from autonas_keras.testing.spaces import CONDITIONAL, FLAT, ONE_OPTION

ONE_OPTION_INSIDE = Space((Choice("top", ("p", "q"), {"p": (Choice("under", (7,)),)}), Choice("fixed", (3,))))
JOINED = Space.join({"left": CONDITIONAL, "right": ONE_OPTION_INSIDE})

# (deep: 1 plain depth + 2 under depth 3) x 2 skips; wide: 3; plain: 1; all times 2 rates.
SMALL = {
    "flat": (FLAT, 12),
    "conditional": (CONDITIONAL, (1 + (1 + 2) * 2 + 3) * 2),
    "one_option": (ONE_OPTION, 1),
    "one_option_inside": (ONE_OPTION_INSIDE, 2),
    "joined": (JOINED, 40),
}
