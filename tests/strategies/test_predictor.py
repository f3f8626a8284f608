"""Search guided by a model, and the models."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from autonas_keras.strategies.base import Strategy
from autonas_keras.strategies.predictor import Predictor
from autonas_keras.strategies.random import RandomSearch
from autonas_keras.testing.spaces import LARGE
from autonas_keras.testing.strategies import StrategyTestCase

FLAT = Space(tuple(Choice(f"layer_{i}", ("a", "b", "c")) for i in range(8)))  # 6,561 points
# What each option of each layer is worth: the best architecture takes c, b, a, c, ... and is worth 1.
WORTH = {f"layer_{i}": {option: (0.0, 0.6, 1.0)[(k + i) % 3] for k, option in enumerate("abc")} for i in range(8)}


def additive(architecture: Any) -> float:
    return sum(WORTH[name][option] for name, option in architecture.items()) / 8


class Nearest:
    """A predictor of the user: the mean of the three nearest."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def predict(self, x: np.ndarray) -> np.ndarray:
        distance = ((x[:, None] - self.x) ** 2).sum(axis=2)
        return self.y[np.argsort(distance, axis=1, kind="stable")[:, :3]].mean(axis=1)


class Constant:
    """A predictor of the user that knows its deviation."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.mean = y.mean()

    def predict(self, x: np.ndarray, return_std: bool = False) -> Any:
        assert return_std
        return np.full(len(x), self.mean), np.ones(len(x))


class TestGaussianProcess(StrategyTestCase):
    steps = 9
    evaluations = 100
    nonsense = (
        {"predictor": "svm"},
        {"predictor": Nearest},
        {"predictor": object()},
        {"predictor": None},
        {"encoding": "onehot"},
        {"acquisition": "pi"},
        {"initial": 1},
        {"initial": 2.5},
        {"candidates": 0},
        {"mutations": -1},
        {"parents": 0},
        {"beta": -1.0},
        {"beta": float("nan")},
        {"beta": "1"},
        {"most": 1},
        {"every": 0},
        {"every": True},
    )

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return Predictor(space, seed=seed, **{"initial": 5, "candidates": 40, "mutations": 20, **kwargs})


class TestLinear(StrategyTestCase):
    steps = 10
    evaluations = 80

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return Predictor(
            space,
            seed=seed,
            **{"predictor": "linear", "initial": 5, "candidates": 40, "mutations": 20, "every": 3, **kwargs},
        )


def run(strategy: Strategy, steps: int) -> list[Architecture]:
    found = []
    for _ in range(steps):
        architecture = strategy.propose()
        assert architecture is not None
        found.append(architecture)
        strategy.observe(architecture, additive(architecture))
    return found


@pytest.mark.parametrize("acquisition", ["thompson", "ei", "ucb"])
def test_the_optimum_of_an_additive_table_is_found_among_6561_in_60(acquisition: str) -> None:
    strategy = Predictor(FLAT, acquisition=acquisition, candidates=300, seed=0)
    assert max(map(additive, run(strategy, 60))) == 1.0
    assert max(map(additive, run(RandomSearch(FLAT, seed=0), 60))) < 1.0


@pytest.mark.parametrize("predictor", ["forest", "linear", Nearest()], ids=["forest", "linear", "object"])
def test_every_predictor_proposes_better_architectures_than_random(predictor: Any) -> None:
    strategy = Predictor(FLAT, predictor, initial=20, candidates=200, seed=0)
    rewards = [additive(architecture) for architecture in run(strategy, 40)]
    # Random architectures are worth 0.533 +- 0.145: the mean of 20 lies above 0.6 in 2 % of cases.
    assert np.mean(rewards[20:]) > 0.6


@pytest.mark.parametrize("predictor", ["gp", "forest", "linear", Nearest(), Constant()])
def test_a_search_with_any_predictor_goes_on_from_a_cut(predictor: Any) -> None:
    def new(seed: int) -> Predictor:
        return Predictor(CellSpace.nasbench201(), predictor, initial=3, candidates=20, most=6, every=4, seed=seed)

    strategy, states, found = new(0), [], []
    rng = np.random.default_rng(0)
    rewards = rng.random(10).round(1).tolist()  # some are equal
    for reward in rewards:
        states.append(json.dumps(strategy.get_state()))
        found.append(strategy.propose())
        strategy.observe(found[-1], reward)
    for cut in (2, 5, 9):  # before the first model, and after one and two
        again = new(1)
        again.set_state(json.loads(states[cut]))
        for place in range(cut, 10):
            assert again.propose() == found[place]
            again.observe(found[place], rewards[place])


@pytest.mark.parametrize("layers, name, other", [(12, "thompson", "ei"), (13, "ei", "thompson")])
def test_the_acquisition_follows_the_size_of_the_space(layers: int, name: str, other: str) -> None:
    space = Space(tuple(Choice(f"layer_{i}", ("a", "b", "c")) for i in range(layers)))  # 531,441 and 1,594,323
    found = []
    for acquisition in (None, name, other):
        strategy = Predictor(space, acquisition=acquisition, initial=5, candidates=50, mutations=20, seed=0)
        for _ in range(10):
            architecture = strategy.propose()
            assert architecture is not None
            strategy.observe(architecture, float(list(architecture.values()).count("a")))
        found.append(strategy.propose())
    assert found[0] == found[1] != found[2]


def test_random_architectures_come_until_enough_were_observed() -> None:
    strategy, plain = Predictor(FLAT, initial=4, seed=0), Predictor(FLAT, initial=100, seed=0)
    for step in range(6):
        architecture, other = strategy.propose(), plain.propose()
        assert (architecture == other) == (step < 5)
        # The first fails, so that the model has four rewards only after the fifth.
        for each in (strategy, plain):
            each.observe(architecture, None if step == 0 else additive(architecture))


def test_failures_are_left_out_of_the_fit() -> None:
    first, second = (Predictor(FLAT, initial=4, candidates=50, seed=0) for _ in range(2))
    points = [FLAT.sample(np.random.default_rng(seed)) for seed in range(12)]
    for place, point in enumerate(points):
        for strategy in (first, second):
            # What is known is not proposed again, so that both know the same.
            strategy.observe(point, float("nan" if strategy is first else "inf") if place % 3 == 0 else additive(point))
    assert [first.propose() for _ in range(3)] == [second.propose() for _ in range(3)]
    assert len(first.history) == 8


def test_several_under_way_are_different_and_use_one_fit() -> None:
    strategy = Predictor(FLAT, initial=5, candidates=100, seed=0)
    run(strategy, 10)
    assert len({strategy.propose() for _ in range(30)}) == 30


def test_a_space_is_compared_as_a_whole_when_it_is_small() -> None:
    space = Space(tuple(Choice(f"layer_{i}", ("a", "b", "c")) for i in range(4)))
    strategy = Predictor(space, acquisition="ei", initial=10, candidates=2, seed=0)
    found = []
    while (architecture := strategy.propose()) is not None:
        found.append(architecture)
        strategy.observe(architecture, additive(architecture))
    assert len(set(found)) == len(found) == 81
    best = max(space.enumerate(), key=additive)
    assert found.index(best) < 20


def test_a_joined_space_of_cells_and_other_choices_is_searched() -> None:
    space = Space.join({"image": CellSpace.nasbench201(), "head": Space((Choice("units", (16, 32, 64, 128)),))})
    strategy = Predictor(space, initial=8, candidates=60, seed=0)

    def worth(architecture: Architecture) -> float:
        convolutions = sum(option == "nor_conv_3x3" for option in architecture.values())
        return convolutions / 6 + float(architecture["head/units"]) / 128

    rewards = []
    for _ in range(30):
        architecture = strategy.propose()
        assert architecture is not None and space.contains(architecture)
        rewards.append(worth(architecture))
        strategy.observe(architecture, rewards[-1])
    assert np.mean(rewards[-10:]) > max(rewards[:8])


def test_equal_rewards_are_survived() -> None:
    for predictor in ("gp", "forest", "linear"):
        strategy = Predictor(CellSpace.nasbench201(), predictor, initial=3, candidates=20, seed=0)
        found = []
        for _ in range(8):
            found.append(strategy.propose())
            strategy.observe(found[-1], 0.5)
        assert None not in found and len(set(found)) == 8


def test_the_model_is_fitted_to_the_best_and_the_latest() -> None:
    seen: list[int] = []

    class Counting(Constant):
        def fit(self, x: np.ndarray, y: np.ndarray) -> None:
            seen.append(len(y))
            assert (x[np.argmax(y)] == best).all()
            super().fit(x, y)

    strategy = Predictor(FLAT, Counting(), initial=5, candidates=20, most=8, every=1, seed=0)
    rng = np.random.default_rng(0)
    points = list({FLAT.sample(rng) for _ in range(20)})
    top = max(points, key=additive)
    best = strategy._encoder([top])[0]
    for number, point in enumerate([top, *(point for point in points if additive(point) < additive(top))], 1):
        strategy.observe(point, additive(point))
        if number in (5, 8, 9, 15):
            strategy.propose()
    assert seen == [5, 8, 8, 8]


def test_limits_hold_for_what_the_model_chooses() -> None:
    def costs(architecture: Architecture) -> dict[str, float]:
        return {"c": sum(option == "c" for option in architecture.values())}

    strategy = Predictor(FLAT, initial=5, candidates=50, limits={"c": 1}, costs=costs, seed=0)
    assert all(costs(architecture)["c"] <= 1 for architecture in run(strategy, 20))


def test_importing_it_leaves_scikit_learn_alone() -> None:
    import subprocess
    import sys

    # autonas_keras itself imports autokeras, and that scikit-learn: the rooms are imported without it.
    code = """
import sys, types, pathlib, importlib.util
root = pathlib.Path(importlib.util.find_spec("autonas_keras").origin).parent
package = types.ModuleType("autonas_keras"); package.__path__ = [str(root)]; sys.modules["autonas_keras"] = package
import autonas_keras.strategies.predictor
assert "sklearn" not in sys.modules and "keras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_within_tight_limits_the_model_chooses_and_no_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    def size(architecture: Architecture) -> float:
        return float(sum(map(int, architecture.values())))

    strategy = Predictor(LARGE, initial=10, limits={"sum": 30}, costs=lambda a: {"sum": size(a)}, seed=0)
    walks: list[int] = []
    climbed = strategy._climbed
    monkeypatch.setattr(strategy, "_climbed", lambda refused: walks.append(1) or climbed(refused))
    for _ in range(10):
        drawn = strategy.propose()
        assert drawn is not None
        strategy.observe(drawn, size(drawn))  # larger is better: all that the model wants is beyond the limit
    walks.clear()
    found = []
    for _ in range(10):
        architecture = strategy.propose()
        assert architecture is not None
        found.append(size(architecture))
        strategy.observe(architecture, found[-1])
    assert not walks and max(found) <= 30 and np.mean(found) > 28
