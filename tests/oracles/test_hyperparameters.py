"""Hyperparameter values as architectures, and back."""

from __future__ import annotations

from typing import Any

import keras_tuner
import pytest

from autonas_keras.oracles.hyperparameters import Translation, nearest, settle
from autonas_keras.spaces import CellSpace, Choice, Space
from autonas_keras.testing.oracles import CONDITIONAL, FLAT, declared, numbers


def typed(values: Any) -> list[tuple[str, Any, type]]:
    return sorted((name, value, type(value)) for name, value in values.items())


def test_values_have_the_types_of_their_hyperparameters_and_come_back() -> None:
    translation = Translation(numbers())
    default = translation.values(translation.space.default())
    assert {name: type(value) for name, value in default.items()} == {
        "kind": str, "bias": bool, "units": int, "dropout": float, "rate": float, "late": float, "version": int,
    }  # fmt: skip
    for architecture in (translation.space.default(), *translation.space.neighbours(translation.space.default())):
        assert translation.architecture(translation.values(architecture)) == architecture


def test_booleans_of_a_choice_are_numbers_as_kerastuner_keeps_them() -> None:
    translation = Translation(declared(FLAT), FLAT)
    point = FLAT.architecture({"a": "x", "b": 1, "c": True})
    assert typed(translation.values(point)) == [("a", "x", str), ("b", 1, int), ("c", 1, int)]
    assert typed(translation.architecture({"a": "x", "b": 1, "c": 1})) == typed(point)


def test_missing_values_take_their_default_and_others_the_nearest_option() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("name", ["a", "b"], default="b")
    hp.Int("units", 8, 64, step=8, default=24)
    translation = Translation(hp)
    assert dict(translation.architecture({})) == {"name": "b", "units": 24}
    assert dict(translation.architecture({"name": "gone", "units": 29})) == {"name": "b", "units": 32}
    assert nearest((0.1, 0.2), 0.1 + 1e-9, 0.2) == 0.1


def test_decisions_without_effect_are_left_out() -> None:
    hp = declared(CONDITIONAL)
    flat = Space((Choice("kind", ("plain", "deep")), Choice("depth", (2, 3))))
    translation = Translation(hp, flat)
    assert set(translation.space.named) == set(CONDITIONAL.named)
    values = translation.values(translation.space.architecture({**CONDITIONAL.default(), "kind": "plain", "depth": 3,
                                                                "drop": 0.5, "skip": True, "width": 8}))  # fmt: skip
    assert values == {"kind": "plain", "rate": 0.1}


def test_what_a_given_space_does_not_name_is_searched_beside_it() -> None:
    cells = CellSpace.darts(nodes=2)
    hp = declared(cells)
    hp.Float("rate", 0.0, 1.0, step=0.25)
    space = Translation(hp, cells).space
    assert space.size == 5 * cells.size
    assert str(space.default()).endswith("rate=0.0") and str(space.default()).startswith("Genotype(")
    assert Translation(declared(cells), cells).space is cells


def test_there_has_to_be_something_to_search() -> None:
    with pytest.raises(ValueError, match="at least one choice"):
        Translation(keras_tuner.HyperParameters())


def test_values_are_settled_whatever_the_order_of_hyperparameters() -> None:
    hp = declared(CONDITIONAL)
    hp._space.reverse()
    hp.values = {"kind": "wide", "depth": 3, "drop": 0.5, "tuner/epochs": 3}
    settle(hp)
    assert hp.values == {"kind": "wide", "width": 8, "rate": 0.1, "tuner/epochs": 3}
