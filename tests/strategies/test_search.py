from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autonas_keras.spaces import Architecture, CellSpace
from autonas_keras.strategies import NSGA2, LocalSearch, RandomSearch, RegularizedEvolution, Strategy, search
from tests.spaces.cases import FLAT


def worth(architecture: Architecture) -> float:
    return float(architecture["b"]) + (architecture["a"] == "z")


def test_the_history_has_a_row_for_each_evaluation() -> None:
    seen = []
    result = search(RandomSearch(FLAT, seed=0), worth, 5, lambda *row: seen.append(row))
    assert list(result.history.columns) == ["architecture", "reward", "seconds"]
    assert [tuple(row) for row in result.history[["architecture", "reward"]].itertuples(index=False)] == [
        (architecture, reward) for _, architecture, reward in seen
    ]
    assert [number for number, _, _ in seen] == list(range(5))
    assert (result.history["seconds"] >= 0).all()
    assert result.best_reward == result.history["reward"].max()
    assert worth(result.best) == result.best_reward  # type: ignore[arg-type]


def test_it_ends_with_the_space_and_goes_on_when_called_again() -> None:
    strategy = RandomSearch(FLAT, seed=0)
    first, second, third = (search(strategy, worth, budget) for budget in (5, 100, 3))
    assert len(first.history) == 5
    assert len(second.history) == 7
    assert set(first.history["architecture"]) | set(second.history["architecture"]) == set(FLAT.enumerate())
    assert third.history.empty
    assert third.best is None


def test_what_fails_is_no_result() -> None:
    rewards = iter([math.inf, None, 0.5, math.nan, 0.25])
    result = search(RandomSearch(FLAT, seed=0), lambda architecture: next(rewards), 5)
    assert result.history["reward"].isna().tolist() == [True, True, False, True, False]
    assert result.best_reward == 0.5
    nothing = search(RandomSearch(FLAT, seed=0), lambda architecture: None, 5)
    assert nothing.best is None
    assert nothing.best_reward is None


def test_of_several_objectives_the_best_is_on_the_front() -> None:
    rewards = iter([(1.0, 0.0), (0.8, 0.8), (0.0, 1.0), None, (0.7, 0.7)])
    strategy = NSGA2(FLAT, seed=0)
    result = search(strategy, lambda architecture: next(rewards), 5)
    assert result.best_reward == (0.8, 0.8)
    assert result.best == strategy.best


@pytest.mark.parametrize("budget", [0, -1, 2.5, True])
def test_a_budget_is_a_positive_integer(budget: int) -> None:
    with pytest.raises(ValueError, match="Expected budget to be an integer of 1 or more"):
        search(RandomSearch(FLAT), worth, budget)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "least"),
    [
        (lambda space, seed: RandomSearch(space, seed=seed), (93.67, 44.8)),
        (lambda space, seed: RegularizedEvolution(space, population_size=10, sample_size=3, seed=seed), (93.92, 45.5)),
        (lambda space, seed: LocalSearch(space, seed=seed), (94.15, 45.9)),
    ],
    ids=["random", "evolution", "local_search"],
)
def test_nas_bench_201_is_searched_as_well_as_published(data_dir: Path, make, least: tuple[float, float]) -> None:
    """Search on the accuracy after 12 epochs, report the one after 200; 110 evaluations, 200 searches."""
    table, space = pd.read_csv(data_dir / "nas_bench_201.csv.gz"), CellSpace.nasbench201()
    rows = {text: row for row, text in enumerate(table["arch"])}
    for name, expected in zip(("cifar10", "imagenet16_120"), least, strict=True):
        signal = table[f"{name}_val_acc_12ep"].tolist()
        found = []
        for seed in range(200):
            strategy: Strategy = make(space, seed)
            for _ in range(110):
                architecture = strategy.propose()
                assert architecture is not None
                strategy.observe(architecture, signal[rows[str(architecture)]])
            found.append(table[f"{name}_test_acc_200ep"][rows[str(strategy.best)]])
        assert np.mean(found) >= expected
