from __future__ import annotations

import pytest

from autonas_keras.spaces import Architecture, CellSpace
from autonas_keras.strategies import EpsilonGreedy

SPACE = CellSpace.nasbench201()


def distance(first: Architecture, second: Architecture) -> int:
    return sum(first[name] != second[name] for name in first)


def test_the_best_is_mutated() -> None:
    strategy = EpsilonGreedy(SPACE, epsilon=0.0, seed=0)
    best, reward = strategy.propose(), 0.0
    assert best is not None
    strategy.observe(best, reward)
    for step in range(20):
        child = strategy.propose()
        assert child is not None
        assert distance(child, best) == 1
        strategy.observe(child, reward + (1 if step % 3 == 0 else -1))
        if step % 3 == 0:
            best, reward = child, reward + 1


def test_epsilon_is_the_share_of_random_ones() -> None:
    strategy = EpsilonGreedy(SPACE, epsilon=0.5, unique=False, seed=0)
    strategy.observe(SPACE.default(), 1.0)
    near = [distance(point, SPACE.default()) == 1 for point in (strategy.propose() for _ in range(1000)) if point]
    # A random point is a neighbour once in 651 draws.
    assert sum(near) == pytest.approx(500, abs=60)


def test_everything_is_random_before_the_first_result_and_with_epsilon_one() -> None:
    first, second = EpsilonGreedy(SPACE, seed=0), EpsilonGreedy(SPACE, epsilon=1.0, seed=0)
    first.observe(SPACE.default(), None)
    second.observe(SPACE.default(), 1.0)
    for strategy in (first, second):
        found = [point for point in (strategy.propose() for _ in range(30)) if point is not None]
        assert sum(distance(point, SPACE.default()) > 1 for point in found) > 25


def test_the_first_of_equal_ones_stays_the_best() -> None:
    strategy = EpsilonGreedy(SPACE, epsilon=0.0, seed=0)
    strategy.observe(SPACE.default(), 1.0)
    for _ in range(24):
        child = strategy.propose()
        assert child is not None
        assert distance(child, SPACE.default()) == 1
        strategy.observe(child, 1.0)
