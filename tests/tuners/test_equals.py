"""What a supernet cannot tell apart, and what zero-cost proxies say of it."""

from __future__ import annotations

import gc
import random
from typing import Any

import keras
import numpy as np
import pytest

from autonas_keras.evaluation import SharedWeights
from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import PathCell
from autonas_keras.training import PathModel
from autonas_keras.tuners.equals import by_vote, equals

SPACE = CellSpace.nasbench201().resized(3, 4)
WEAK = "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
MIDDLE = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"
STRONG = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"


def test_equal_is_what_lies_within_two_standard_errors_of_the_best() -> None:
    # sqrt(0.8 * 0.2 / 100) is 0.04.
    judged = [(name, score) for name, score in (("a", 0.71), ("b", 0.8), ("c", 0.73), ("d", 0.3))]
    assert [name for name, _ in equals(judged, 100)] == ["b", "c"]
    assert [name for name, _ in equals(judged, 16)] == ["b", "c", "a"]
    assert [name for name, _ in equals([("a", 1.0), ("b", 0.99), ("c", 1.0)], 10)] == ["a", "c"]


@pytest.fixture(scope="module")
def shared() -> SharedWeights:
    x = keras.Input((8, 8, 3))
    features = PathCell(SPACE, seed=0, name="cell")(keras.layers.Normalization()(x))
    y = keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(features))
    model = PathModel(x, y)
    rng = np.random.default_rng(0)
    return SharedWeights(model, rng.normal(size=(8, 8, 8, 3)), (rng.normal(size=(8, 8, 8, 3)), np.arange(8) % 3))


def found(shared: SharedWeights, *texts: str) -> list[tuple[Any, float]]:
    points = [{f"cell/{name}": option for name, option in SPACE.parse(text).items()} for text in texts]
    return [(shared.space.architecture(point), 0.5) for point in points]


def test_the_vote_takes_what_can_learn_more_first_and_leaves_the_supernet_alone(shared: SharedWeights) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(100, 50, (80, 8, 8, 3))
    given = found(shared, WEAK, STRONG, MIDDLE)
    before = [weight.numpy() for weight in shared.model.weights]
    ranked = by_vote(shared, given, x, seed=0)
    assert ranked == [given[1][0], given[2][0], given[0][0]]
    assert by_vote(shared, given[::-1], x, seed=0) == ranked
    assert all(np.array_equal(a, b) for a, b in zip(before, shared.model.weights, strict=True))


def test_what_there_is_no_time_for_keeps_its_place_behind(shared: SharedWeights) -> None:
    given = found(shared, WEAK, MIDDLE, STRONG)
    seconds = iter([1.0, -1.0])
    ranked = by_vote(shared, given, np.zeros((4, 8, 8, 3)), seed=0, left=lambda: next(seconds))
    assert ranked == [given[1][0], given[0][0], given[2][0]]


def test_a_vote_leaves_no_networks_and_no_generator_behind(shared: SharedWeights) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, keras.Model) for thing in gc.get_objects())

    given = found(shared, WEAK, MIDDLE, STRONG)
    by_vote(shared, given, np.zeros((4, 8, 8, 3)), seed=0)
    before, state = alive(), random.getstate()
    by_vote(shared, given, np.ones((4, 8, 8, 3)), seed=1)
    assert alive() == before and random.getstate() == state


@pytest.mark.parametrize("verbose", [False, True])
def test_a_vote_shows_how_far_it_is(shared: SharedWeights, verbose: bool, capsys: pytest.CaptureFixture[str]) -> None:
    by_vote(shared, found(shared, WEAK, MIDDLE, STRONG), np.ones((4, 8, 8, 3)), seed=0, verbose=verbose)
    assert ("3/3" in capsys.readouterr().out) == verbose
