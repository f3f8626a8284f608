from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, Choice, Space
from autonas_keras.strategies import NSGA2, RandomSearch, crowding_distance, non_dominated_sort, pareto_front
from autonas_keras.strategies.pareto import compromise

DIGITS = Space(tuple(Choice(f"digit_{i}", tuple(range(10))) for i in range(8)))


def dominates(first: tuple, second: tuple) -> bool:
    return all(a >= b for a, b in zip(first, second, strict=True)) and first != second


def test_the_front_is_what_nothing_dominates() -> None:
    rng = np.random.default_rng(0)
    for objectives in (2, 3):
        table = [tuple(row) for row in rng.integers(0, 12, (80, objectives)).tolist()]
        expected = [i for i, row in enumerate(table) if not any(dominates(other, row) for other in table)]
        assert pareto_front(table) == expected == non_dominated_sort(table)[0]


def test_fronts_come_off_one_after_another() -> None:
    rng = np.random.default_rng(1)
    table = [tuple(row) for row in rng.integers(0, 9, (60, 2)).tolist()]
    left = list(range(60))
    for front in non_dominated_sort(table):
        assert front == [i for i in left if not any(dominates(table[j], table[i]) for j in left)]
        left = [i for i in left if i not in front]
    assert left == []


def test_the_crowding_distance_is_that_of_the_paper() -> None:
    # In each objective the gap between a point's neighbours over the whole range; the ends are infinite.
    found = crowding_distance([(0.0, 10.0), (1.0, 6.0), (4.0, 5.0), (10.0, 0.0)])
    assert found.tolist() == pytest.approx([np.inf, 0.4 + 0.5, 0.9 + 0.6, np.inf])
    assert crowding_distance([(1.0, 2.0)]).tolist() == [np.inf]
    assert np.isinf(crowding_distance([(1.0, 1.0)] * 3)).sum() == 2


def test_nothing_has_an_empty_front_and_nonsense_is_refused() -> None:
    assert pareto_front([]) == []
    assert non_dominated_sort([]) == []
    assert crowding_distance([]).tolist() == []
    for wrong in ([1.0, 2.0], [(1.0, np.nan)], [(np.inf, 1.0)]):
        with pytest.raises(ValueError, match="finite rewards of shape"):
            pareto_front(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one reward"):
        compromise([])


def test_the_compromise_is_on_the_front_and_near_the_best_of_each() -> None:
    assert compromise([(0.0, 1.0), (1.0, 0.0), (0.7, 0.7), (0.6, 0.6)]) == 2
    # What one objective is measured in does not matter.
    assert compromise([(0.0, 1000.0), (1.0, 0.0), (0.7, 700.0), (0.6, 600.0)]) == 2
    assert compromise([(1.0, 1.0), (1.0, 1.0)]) == 0


def worth(architecture: Architecture) -> tuple[float, float]:
    """How near to all zeros, and how near to all nines: every digit of 0 or 9 is on the front."""
    digits = np.array([int(option) for option in architecture.values()])
    return -float((digits**2).sum()), -float(((9 - digits) ** 2).sum())


def run(strategy: RandomSearch | NSGA2, evaluations: int) -> list[tuple[float, float]]:
    found = []
    for _ in range(evaluations):
        architecture = strategy.propose()
        assert architecture is not None
        strategy.observe(architecture, worth(architecture) if strategy.objectives != 1 else 0.0)
        found.append(worth(architecture))
    return found


def volume(rewards: list[tuple[float, float]]) -> float:
    """Area that the front dominates, from half the worst value of each objective."""
    corner = -4 * 81.0
    area, best = 0.0, corner
    for first, second in sorted((rewards[i] for i in pareto_front(rewards)), reverse=True):
        area += max(0.0, first - corner) * max(0.0, second - best)
        best = max(best, second)
    return area


def test_its_front_dominates_more_than_that_of_random_search() -> None:
    mine = [volume(run(NSGA2(DIGITS, population_size=20, seed=seed), 300)) for seed in range(3)]
    theirs = [volume(run(RandomSearch(DIGITS, seed=seed), 300)) for seed in range(3)]
    assert min(mine) > 1.05 * max(theirs)


def test_the_front_of_the_history_is_given_with_its_rewards() -> None:
    strategy = NSGA2(DIGITS, population_size=10, seed=0)
    assert strategy.front == []
    rewards = run(strategy, 50)
    assert sorted(found for _, found in strategy.front) == sorted(rewards[i] for i in pareto_front(rewards))
    assert all(worth(architecture) == found for architecture, found in strategy.front)
    assert strategy.best in [architecture for architecture, _ in strategy.front]


def test_the_population_is_the_first_fronts_and_of_the_last_those_that_stand_apart() -> None:
    strategy = NSGA2(DIGITS, population_size=4, seed=0)
    rng = np.random.default_rng(0)
    points = [DIGITS.sample(rng) for _ in range(8)]
    rewards = [(0, 9), (9, 0), (5, 5), (5.1, 4.9), (4, 4), (8, 1), (1, 1), (0, 0)]
    for point, reward in zip(points, rewards, strict=True):
        strategy.observe(point, reward)
    population = [tuple(reward) for _, reward in strategy.get_state()["population"]]
    # Of the five on the first front (5.1, 4.9) has the nearest neighbours: 7/9 against 8.8/9 of (8, 1) and 9.2/9.
    assert set(population) == {(0, 9), (9, 0), (5, 5), (8, 1)}
    assert [place[0] for place in strategy.get_state()["order"]] == [0] * 4


def test_the_better_of_two_is_the_parent() -> None:
    strategy = NSGA2(DIGITS, population_size=4, crossover_rate=0.0, mutation_rate=0.0, unique=False, seed=0)
    rng = np.random.default_rng(0)
    points = [DIGITS.sample(rng) for _ in range(4)]
    for point, reward in zip(points, [(4, 4), (3, 3), (2, 2), (1, 1)], strict=True):
        strategy.observe(point, reward)
    found = [strategy.propose() for _ in range(1600)]
    # The best of two drawn with replacement out of four: 7, 5, 3 and 1 in 16.
    for point, share in zip(points, (7, 5, 3, 1), strict=True):
        assert found.count(point) == pytest.approx(100 * share, abs=80)


def test_the_number_of_objectives_is_kept() -> None:
    open_, three = NSGA2(DIGITS, seed=0), NSGA2(DIGITS, objectives=3, seed=0)
    open_.observe(DIGITS.default(), (1.0, 2.0))
    with pytest.raises(ValueError, match="a reward of 2 objectives, got"):
        open_.observe(DIGITS.default(), (1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="a reward of 3 objectives, got"):
        three.observe(DIGITS.default(), (1.0, 2.0))
    with pytest.raises(ValueError, match="Expected several numbers as the reward, got 1.0"):
        NSGA2(DIGITS).observe(DIGITS.default(), 1.0)
