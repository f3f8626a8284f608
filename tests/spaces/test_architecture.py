from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Space
from tests.spaces.cases import CONDITIONAL, FLAT, SMALL


def test_it_is_a_mapping_with_the_equality_and_hash_of_its_decisions() -> None:
    point = FLAT.architecture({"a": "x", "b": 1, "c": True})
    other = FLAT.architecture({"c": True, "b": 1, "a": "x"})
    assert dict(point) == {"a": "x", "b": 1, "c": True}
    assert point == other
    assert hash(point) == hash(other)
    assert hash(Architecture((("c", True), ("a", "x"), ("b", 1)))) == hash(point)
    assert point != FLAT.default()
    assert point != "a=x"


def test_it_cannot_be_changed() -> None:
    point = FLAT.default()
    with pytest.raises(TypeError):
        point["a"] = "y"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.decisions = ()  # type: ignore[misc]


@pytest.mark.parametrize("space", [space for space, _ in SMALL.values()], ids=SMALL)
def test_json_goes_both_ways(space: Space) -> None:
    for point in space.enumerate():
        assert Architecture.from_json(point.to_json(), space) == point
        assert Architecture.from_json(point.to_json()) == point
        assert json.loads(point.to_json()) == dict(point)


def test_json_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected the JSON object of an architecture, got 'no json'"):
        Architecture.from_json("no json")
    with pytest.raises(ValueError, match="Expected a JSON object of decisions, got list"):
        Architecture.from_json("[1]")
    with pytest.raises(ValueError, match="Expected a decision for 'b'"):
        Architecture.from_json('{"a": "x"}', FLAT)


def test_it_survives_pickle_with_its_space() -> None:
    point = CellSpace.darts(nodes=2).sample(np.random.default_rng(0))
    again = pickle.loads(pickle.dumps(point))
    assert again == point
    assert str(again) == str(point)


def test_it_prints_in_the_notation_of_its_space() -> None:
    assert str(FLAT.default()) == "a=x, b=1, c=False"
    assert str(Architecture((("a", 1),))) == "a=1"
    assert str(CellSpace.darts().default()).startswith("Genotype(normal=[('max_pool_3x3', 0), ('max_pool_3x3', 1)")
    assert str(CellSpace.nasbench201().default()) == "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def test_scope_keeps_what_is_under_a_prefix() -> None:
    point = Architecture((("left/kind", "wide"), ("left/width", 8), ("left/rate", 0.1), ("leftover", 1)))
    assert point.scope("left") == CONDITIONAL.architecture({"kind": "wide", "width": 8, "rate": 0.1})
    assert len(point.scope("right")) == 0
