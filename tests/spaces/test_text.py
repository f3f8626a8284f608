"""The space of networks for texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import TEXT_OPERATIONS, Texts, TextSpace, get_space

TEXTS = Texts(words=20, length=6, characters=9, character_length=30)


def test_its_size_counts_the_cell_only_where_it_is_taken() -> None:
    cell = 2 * len(TEXT_OPERATIONS) ** 3 * 3
    assert TextSpace().size == 4 * 2 * (cell + 1) * 2
    assert TextSpace(sequences=("average",)).size == 4 * 2 * 2


def test_decisions_of_the_cell_are_active_under_it_alone() -> None:
    space = TextSpace(nodes=1)
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = space.sample(rng)
        assert ("edge_0_1" in found) == (found["sequence"] == "cell")


def test_what_is_known_of_the_texts_changes_no_decision() -> None:
    space = TextSpace(nodes=1, width=8)
    fitted = space.fitted(TEXTS)
    assert fitted.choices == space.choices and fitted != space
    assert TextSpace(**fitted.get_config()) == fitted and fitted.texts == TEXTS
    assert hash(TextSpace(**fitted.get_config())) == hash(fitted)
    assert TextSpace(**space.get_config()) == space and repr(fitted) == repr(space)
    assert get_space("text") == TextSpace()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bags": ("word",)}, "did you mean 'words'"),
        ({"operations": ("conv_7",)}, "Expected operations of"),
        ({"poolings": ("mean",)}, "Expected poolings of"),
        ({"nodes": 0}, "Expected nodes to be an integer of 1 or more, got 0"),
        ({"channels": 2.5}, "Expected channels"),
        ({"lengths": (0.0,)}, r"Expected lengths in \(0, 1\]"),
        ({"dropouts": (1.0,)}, r"Expected dropouts in \[0, 1\)"),
        ({"bags": ()}, "at least one option"),
    ],
)
def test_what_makes_no_space_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextSpace(**settings)
