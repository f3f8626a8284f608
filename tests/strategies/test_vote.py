"""Proxies that choose: the vote, the warm-up, the filter of mutations, the screen and the features of a model."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Architecture
from autonas_keras.strategies import Genetic, LocalSearch, Predictor, RandomSearch, RegularizedEvolution, rank_vote
from autonas_keras.strategies.base import Strategy
from autonas_keras.strategies.vote import best_of
from autonas_keras.testing.spaces import LARGE, SIXTEEN
from autonas_keras.testing.strategies import StrategyTestCase


def digits(architectures: Sequence[Architecture]) -> np.ndarray:
    """Two proxies that agree: the sum of the decisions, and its square."""
    sums = np.array([sum(map(int, architecture.values())) for architecture in architectures], float)
    return np.stack([sums, sums**2], axis=1)


class Asked:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.seen: list[Architecture] = []

    def __call__(self, architectures: Sequence[Architecture]) -> np.ndarray:
        self.seen += architectures
        return digits(architectures)[:, 0]


class TestWarmUp(StrategyTestCase):
    """A warm-up keeps what every strategy has to keep."""

    beats_random = False

    def strategy(self, space: Any, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return RandomSearch(space, seed=seed, **{"scorer": zero, "warmup": 6, **kwargs})


def zero(architectures: Sequence[Architecture]) -> np.ndarray:
    return np.zeros(len(architectures))


def test_the_vote_is_the_mean_rank_and_equal_scores_share_one() -> None:
    scores = np.array([[1.0, -5.0], [2.0, 7.0], [2.0, 1e9], [0.0, 8.0]])
    np.testing.assert_allclose(rank_vote(scores), [0.5 / 3, 1.75 / 3, 2.75 / 3, 1.0 / 3])
    np.testing.assert_allclose(rank_vote(scores[:, 0]), [1 / 3, 2.5 / 3, 2.5 / 3, 0])
    np.testing.assert_allclose(rank_vote(np.ones((1, 3))), [0])


@pytest.mark.parametrize("kind", [RandomSearch, RegularizedEvolution, Genetic, LocalSearch, Predictor])
def test_the_first_proposals_are_the_best_of_a_sample(kind: type[Strategy]) -> None:
    asked = Asked()
    strategy = kind(LARGE, seed=0, scorer=asked, warmup=4, warmup_sample=50)
    found = [strategy.propose() for _ in range(6)]
    assert len(asked.seen) == len(set(asked.seen)) == 50
    ranked = sorted(asked.seen, key=lambda architecture: -sum(map(int, architecture.values())))
    assert found[:4] == ranked[:4]
    assert None not in found and len(set(found)) == 6


@pytest.mark.parametrize(("sample", "most"), [(3_000, 60), (250, 33)])
def test_a_sample_is_as_large_as_asked_within_limits_too(sample: int, most: int) -> None:
    asked = Asked()
    strategy = RandomSearch(
        LARGE, seed=0, scorer=asked, warmup=50, warmup_sample=sample, limits={"sum": most},
        costs=lambda a: {"sum": sum(map(int, a.values()))},
    )  # fmt: skip
    assert strategy.propose() is not None
    assert len(asked.seen) == sample  # of 250 the limit refuses nine of ten draws


def test_a_warm_up_keeps_the_limits_and_goes_on_from_its_state() -> None:
    def costs(architecture: Any) -> dict[str, float]:
        return {"sum": float(sum(map(int, architecture.values()))) + 1}

    settings: dict[str, Any] = {"scorer": digits, "warmup": 5, "limits": {"sum": 40}, "costs": costs, "seed": 0}
    one, other = RegularizedEvolution(LARGE, 5, 2, **settings), RegularizedEvolution(LARGE, 5, 2, **settings)
    first = [one.propose() for _ in range(2)]
    assert all(sum(map(int, a.values())) <= 39 for a in first if a is not None)
    other.set_state(json.loads(json.dumps(one.get_state())))
    assert [one.propose() for _ in range(6)] == [other.propose() for _ in range(6)]


def test_of_several_children_the_best_by_the_proxy_is_proposed() -> None:
    gains = []
    for children in (1, 8):
        strategy = RegularizedEvolution(LARGE, 2, 1, children=children, scorer=digits, seed=0)
        for _ in range(2):
            start = strategy.propose()
            assert start is not None
            strategy.observe(start, 0.0)
        level = digits([a for a, _ in strategy.history])[:, 0].mean()
        gains.append(np.mean([digits([strategy.propose() or start])[0, 0] - level for _ in range(30)]))
    assert gains[1] > gains[0] + 1


def test_a_screened_model_compares_what_the_proxy_ranks_first() -> None:
    strategy = Predictor(LARGE, initial=3, candidates=200, mutations=0, scorer=digits, screen=0.05, seed=0)
    for _ in range(3):
        architecture = strategy.propose()
        assert architecture is not None
        strategy.observe(architecture, float(architecture["digit_0"]))
    sums = [digits([a])[0, 0] for a in (strategy.propose() for _ in range(5)) if a is not None]
    assert min(sums) > 52  # of random ones 5 % have more, the mean is 45


def test_a_model_learns_from_features_what_decisions_do_not_say() -> None:
    def parity(architectures: Sequence[Architecture]) -> np.ndarray:
        return np.array([sum(map(int, a.values())) % 2 for a in architectures], float)

    strategy = Predictor(
        SIXTEEN, "linear", acquisition="ucb", beta=0.0, initial=6, scorer=parity, features=True, seed=0
    )
    found = []
    for _ in range(9):
        architecture = strategy.propose()
        assert architecture is not None
        found.append(parity([architecture])[0])
        strategy.observe(architecture, float(found[-1]))
    assert found[6:] == [1, 1, 1]
    again = Predictor(SIXTEEN, "linear", acquisition="ucb", beta=0.0, initial=6, scorer=parity, features=True, seed=0)
    again.set_state(json.loads(json.dumps(strategy.get_state())))
    assert again.propose() == strategy.propose()


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (RandomSearch, {"warmup": 3}, "Expected a scorer"),
        (RandomSearch, {"warmup": 3, "scorer": digits, "warmup_sample": 2}, "warmup_sample of 3 or more"),
        (RandomSearch, {"warmup": -1, "scorer": digits}, "warmup to be an integer of 0 or more"),
        (RandomSearch, {"scorer": "synflow"}, "scorer to be a function"),
        (RegularizedEvolution, {"children": 3}, "Expected a scorer"),
        (RegularizedEvolution, {"children": 0}, "children to be an integer of 1 or more"),
        (Predictor, {"features": True}, "Expected a scorer"),
        (Predictor, {"screen": 0.5}, "Expected a scorer"),
        (Predictor, {"screen": 0, "scorer": digits}, "screen to be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(LARGE, **settings)


def test_a_proxy_has_to_give_a_finite_number_for_each() -> None:
    some = [LARGE.sample(np.random.default_rng(i)) for i in range(3)]
    for wrong in (lambda a: [1.0], lambda a: np.full(len(a), np.nan)):
        with pytest.raises(ValueError, match="a finite number or row for each of 3"):
            best_of(wrong, some)


@pytest.mark.parametrize("kind", [RandomSearch, RegularizedEvolution, Genetic, Predictor])
def test_what_an_earlier_search_found_best_is_proposed_first(kind: type[Strategy]) -> None:
    some = [LARGE.sample(np.random.default_rng(i)) for i in range(12)]
    history = [(a, float(digits([a])[0, 0])) for a in some]
    history.insert(1, (LARGE.sample(np.random.default_rng(99)), math.nan))
    best = sorted(some, key=lambda a: -digits([a])[0, 0])
    strategy = kind(LARGE, seed=0)
    strategy.begin(history)
    again = kind(LARGE, seed=0)
    again.set_state(json.loads(json.dumps(strategy.get_state())))
    found = [again.propose() for _ in range(3)]
    assert found == best[:3] == [strategy.propose() for _ in range(3)]


def test_a_model_learns_from_an_earlier_search() -> None:
    rng = np.random.default_rng(0)
    history = [(a, float(a["digit_0"]) * 1000) for a in (LARGE.sample(rng) for _ in range(60))]
    strategy = Predictor(LARGE, "linear", acquisition="ucb", beta=0.0, seed=0)
    strategy.begin(history)
    for _ in range(5):
        architecture = strategy.propose()
        assert architecture is not None
        strategy.observe(architecture, float(architecture["digit_0"]))
    assert [int((strategy.propose() or {})["digit_0"]) for _ in range(3)] == [9, 9, 9]
