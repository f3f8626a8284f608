from __future__ import annotations

import pytest

from autonas_keras.spaces import Choice


def test_a_choice_holds_its_options_and_children_as_tuples() -> None:
    child = Choice("width", (8, 16))
    choice = Choice("kind", ["a", "b"], {"b": [child]})
    assert choice.options == ("a", "b")
    assert choice.under("b") == (child,)
    assert choice.under("a") == ()
    assert choice.size == 1 + 2
    assert hash(choice) == hash(Choice("kind", ("a", "b"), (("b", (child,)),)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", ()), "at least one option, got none"),
        (("a", (1, 1)), r"to be unique, got \[1, 1\]"),
        (("a", (1, "1")), r"to be all str, int, float or bool, got \['int', 'str'\]"),
        (("a", (1, True)), r"got \['bool', 'int'\]"),
        (("a", (1, 2.0)), r"got \['float', 'int'\]"),
        (("a", (None,)), r"got \['NoneType'\]"),
        (("a", ((1, 2),)), r"got \['tuple'\]"),
        (("", (1,)), "name of a choice to be a non-empty string, got ''"),
        ((3, (1,)), "name of a choice to be a non-empty string, got 3"),
        (("a", (1, 2), {3: (Choice("b", (1,)),)}), r"hang on one of its options \[1, 2\], got 3"),
    ],
)
def test_a_wrong_choice_is_one_sentence(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Choice(*arguments)
