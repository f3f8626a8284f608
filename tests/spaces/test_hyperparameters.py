"""Spaces as KerasTuner's hyperparameters and back."""

from __future__ import annotations

from typing import Any

import keras_tuner
import numpy as np
import pytest

from autonas_keras.spaces import CellSpace, Choice, Space
from tests.spaces.cases import CONDITIONAL, FLAT, JOINED, SMALL

PARTS = {"cell_block_1": CellSpace.darts(nodes=2), "cell_block_2": CONDITIONAL}


def declared(space: Space) -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    return hp


@pytest.mark.parametrize("space", [space for space, _ in SMALL.values()], ids=SMALL)
def test_every_point_is_read_back_from_its_values(space: Space) -> None:
    hp = declared(space)
    assert space.read(hp) == space.default()
    for point in space.enumerate():
        hp.values = dict(point)
        read = space.read(hp)
        assert read == point
        assert [type(option) for option in read.values()] == [type(option) for option in point.values()]


@pytest.mark.parametrize("space", [space for space, _ in SMALL.values()], ids=SMALL)
def test_the_whole_space_is_declared_at_once_with_its_conditions(space: Space) -> None:
    entries = declared(space).space
    assert [entry.name for entry in entries] == [choice.name for choice, _ in space.walk()]
    assert [tuple(entry.values) for entry in entries] == [choice.options for choice, _ in space.walk()]
    for entry, (_, conditions) in zip(entries, space.walk(), strict=True):
        assert [(c.name, c.values) for c in entry.conditions] == [(name, [option]) for name, option in conditions]


def test_values_of_inactive_choices_that_come_along_are_ignored() -> None:
    hp = declared(CONDITIONAL)
    hp.values = {"kind": "plain", "rate": 0.01, "depth": 3, "width": 32}
    assert CONDITIONAL.read(hp) == CONDITIONAL.architecture({"kind": "plain", "rate": 0.01})


def test_booleans_come_back_as_booleans() -> None:
    hp = declared(FLAT)
    hp.values = {"a": "x", "b": 2, "c": 1}
    assert FLAT.read(hp)["c"] is True


def test_a_block_reads_its_space_in_the_name_scope_in_which_it_declared_it() -> None:
    hp, rng = keras_tuner.HyperParameters(), np.random.default_rng(0)
    for scope, space in PARTS.items():
        with hp.name_scope(scope):
            space.declare(hp)
    joined = Space.join(PARTS)
    for _ in range(20):
        point = joined.sample(rng)
        hp.values = dict(point)
        assert joined.read(hp) == point
        for scope, space in PARTS.items():
            with hp.name_scope(scope):
                assert space.read(hp) == point.scope(scope)


def test_joined_spaces_declare_the_names_that_name_scopes_give() -> None:
    scoped = keras_tuner.HyperParameters()
    for scope, space in PARTS.items():
        with scoped.name_scope(scope):
            space.declare(scoped)
    at_once = declared(Space.join(PARTS))
    assert [entry.get_config() for entry in at_once.space] == [entry.get_config() for entry in scoped.space]


def test_declaring_twice_adds_nothing() -> None:
    hp = declared(JOINED)
    before = [entry.name for entry in hp.space]
    JOINED.declare(hp)
    assert [entry.name for entry in hp.space] == before


def test_a_copy_as_a_trial_holds_it_reads_the_same() -> None:
    hp = declared(CONDITIONAL)
    hp.values = dict(CONDITIONAL.architecture({"kind": "deep", "depth": 3, "drop": 0.5, "skip": False, "rate": 0.01}))
    again = keras_tuner.HyperParameters.from_config(hp.get_config())
    assert CONDITIONAL.read(again) == CONDITIONAL.read(hp)


def options(**entries: Any) -> dict[str, tuple[Any, ...]]:
    """The options of hyperparameters that are given as the name of a method and its arguments."""
    hp = keras_tuner.HyperParameters()
    for name, (method, *arguments, keywords) in entries.items():
        getattr(hp, method)(name, *arguments, **keywords)
    return {choice.name: choice.options for choice in Space.from_hyperparameters(hp).choices}


def test_every_value_of_a_small_hyperparameter_is_an_option() -> None:
    found = options(
        activation=("Choice", ["relu", "gelu"], {}),
        bias=("Boolean", {}),
        units=("Int", 8, 32, {"step": 8}),
        any_of_twelve=("Int", 1, 12, {"sampling": "log"}),
        powers=("Int", 1, 8, {"step": 2, "sampling": "log"}),
        downwards=("Int", 3, 50, {"step": 3, "sampling": "reverse_log"}),
        dropout=("Float", 0.0, 1.0, {"step": 0.1}),
        rate=("Float", 1e-4, 1e-2, {"step": 10, "sampling": "log"}),
        none=("Float", 0.5, 0.5, {}),
        seed=("Fixed", 3, {}),
    )
    assert found["activation"] == ("relu", "gelu")
    assert found["bias"] == (True, False)
    assert found["units"] == (8, 16, 24, 32)
    assert found["any_of_twelve"] == tuple(range(1, 13))
    assert found["powers"] == (1, 2, 4, 8)
    assert found["downwards"] == (50, 44, 26)
    assert found["dropout"] == pytest.approx(np.linspace(0, 1, 11).tolist())
    assert found["rate"] == pytest.approx((1e-4, 1e-3, 1e-2))
    assert found["none"] == (0.5,)
    assert found["seed"] == (3,)


def test_a_number_of_too_many_values_gets_quantiles_along_its_sampling() -> None:
    found = options(
        linear=("Float", -1.0, 1.0, {}),
        log=("Float", 1e-4, 1.0, {"sampling": "log"}),
        reverse=("Float", 1e-4, 1.0, {"sampling": "reverse_log"}),
        stepped=("Float", 0.0, 1.0, {"step": 0.001}),
        many=("Int", 0, 10**6, {}),
        large=("Int", 1, 10**6, {"sampling": "log"}),
    )
    quantiles = np.linspace(0, 1, 65)
    assert found["linear"] == pytest.approx((2 * quantiles - 1).tolist())
    assert found["log"] == pytest.approx((10 ** (4 * quantiles - 4)).tolist())
    assert found["reverse"] == pytest.approx((1 + 1e-4 - 10 ** (-4 * quantiles)).tolist())
    assert set(np.round(np.array(found["stepped"]) * 1000, 6) % 1) == {0.0} and found["stepped"][-1] == 1.0
    for name in ("many", "large"):
        assert all(type(option) is int for option in found[name])
        assert 60 <= len(found[name]) <= 65 and found[name][-1] == 10**6
    assert found["large"][:6] == (1, 2, 3, 4, 5, 6)


def test_quantiles_hold_the_default_and_what_others_depend_on() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0.0, 1.0, default=1 / 3)
    hp.Int("steps", 0, 10**6)
    with hp.conditional_scope("steps", [77]):
        hp.Boolean("few")
    space = Space.from_hyperparameters(hp)
    assert 1 / 3 in space.named["rate"].options
    assert [(name, conditions) for name, conditions in conditions_of(space) if name == "few"] == [
        ("few", (("steps", 77),))
    ]


def conditions_of(space: Space) -> list[tuple[str, Any]]:
    return [(choice.name, conditions) for choice, conditions in space.walk()]


def test_conditions_become_nesting() -> None:
    for space in (CONDITIONAL, JOINED):
        assert Space.from_hyperparameters(declared(space)).choices == space.choices


def test_a_condition_on_several_values_hangs_under_each() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Int("layers", 1, 3)
    for layer in range(1, 4):
        with hp.conditional_scope("layers", list(range(layer, 4))):
            hp.Choice(f"units_{layer}", [16, 32])
    space = Space.from_hyperparameters(hp)
    assert space.size == 2 + 4 + 8
    assert sorted(space.named) == ["layers", "units_1", "units_2", "units_3"]


def test_one_name_for_two_hyperparameters_becomes_two_choices() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b", "c"])
    for kind, largest in (("a", 2), ("b", 3), ("c", 2)):
        with hp.conditional_scope("kind", [kind]):
            hp.Int("units", 1, largest)
    assert conditions_of(Space.from_hyperparameters(hp)) == [
        ("kind", ()),
        ("units", (("kind", "a"),)),
        ("units#2", (("kind", "b"),)),
        ("units", (("kind", "c"),)),
    ]


def test_the_order_in_which_hyperparameters_arrive_keeps_their_conditions() -> None:
    """Between processes KerasTuner sorts them by type, so that children may come before their parents."""
    hp = declared(CONDITIONAL)
    turned = keras_tuner.HyperParameters()
    turned._space = hp.space[::-1]
    found = Space.from_hyperparameters(turned)
    assert sorted(map(repr, conditions_of(found))) == sorted(map(repr, conditions_of(CONDITIONAL)))


def test_a_step_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected the step of 'units' to be positive, got -2"):
        options(units=("Int", 1, 9, {"step": -2}))


def test_a_space_survives_the_way_through_hyperparameters() -> None:
    assert Space.from_hyperparameters(declared(FLAT)) == FLAT
    space = Space((Choice("a", (1, 2)),))
    assert Space.from_hyperparameters(declared(space)) == space
