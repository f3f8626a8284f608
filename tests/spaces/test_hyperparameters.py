"""Spaces as KerasTuner's hyperparameters and back."""

from __future__ import annotations

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


def test_finite_hyperparameters_make_a_flat_space() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("activation", ["relu", "gelu"])
    hp.Boolean("bias")
    hp.Int("units", 8, 32, step=8)
    hp.Int("any_of_twelve", 1, 12, sampling="log")
    hp.Int("powers", 1, 8, step=2, sampling="log")
    hp.Float("dropout", 0.0, 1.0, step=0.1)
    hp.Float("rate", 1e-4, 1e-2, step=10, sampling="log")
    hp.Fixed("seed", 3)
    options = {choice.name: choice.options for choice in Space.from_hyperparameters(hp).choices}
    assert options["activation"] == ("relu", "gelu")
    assert options["bias"] == (True, False)
    assert options["units"] == (8, 16, 24, 32)
    assert options["any_of_twelve"] == tuple(range(1, 13))
    assert options["powers"] == (1, 2, 4, 8)
    assert options["dropout"] == pytest.approx(np.linspace(0, 1, 11).tolist())
    assert options["rate"] == pytest.approx((1e-4, 1e-3, 1e-2))
    assert options["seed"] == (3,)


def test_a_continuous_hyperparameter_is_refused_by_name() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0.0, 1.0)
    with pytest.raises(ValueError, match="finitely many values, got 'rate' without a step"):
        Space.from_hyperparameters(hp)


def test_a_space_survives_the_way_through_hyperparameters() -> None:
    assert Space.from_hyperparameters(declared(FLAT)) == FLAT
    space = Space((Choice("a", (1, 2)),))
    assert Space.from_hyperparameters(declared(space)) == space
