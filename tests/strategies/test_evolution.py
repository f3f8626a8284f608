from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Space
from autonas_keras.strategies import RegularizedEvolution
from tests.spaces.cases import FLAT, ONE_OPTION

SPACE = CellSpace.nasbench201()


def distance(first: Architecture, second: Architecture) -> int:
    return sum(first[name] != second[name] for name in first)


def filled(strategy: RegularizedEvolution, rewards: list[float]) -> list[Architecture]:
    found = []
    for reward in rewards:
        architecture = strategy.propose()
        assert architecture is not None
        strategy.observe(architecture, reward)
        found.append(architecture)
    return found


def population(strategy: RegularizedEvolution) -> list[Architecture]:
    return [strategy.decode(code) for code, _ in strategy.get_state()["population"]]


def test_the_first_population_is_random() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=20, sample_size=20, seed=0)
    first = filled(strategy, [1.0] * 20)
    rng = np.random.default_rng(0)
    assert first == [SPACE.sample(rng) for _ in range(20)]
    # With the whole population drawn and all equal, a child is one step from a member.
    child = strategy.propose()
    assert child is not None
    assert min(distance(child, member) for member in first) == 1


def test_the_oldest_dies_even_when_it_is_the_best() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=4, sample_size=4, seed=0)
    first = filled(strategy, [9.0, 1.0, 2.0, 3.0])
    assert population(strategy) == first
    (fifth,) = filled(strategy, [0.0])
    assert population(strategy) == [*first[1:], fifth]
    (sixth,) = filled(strategy, [0.0])
    assert population(strategy) == [*first[2:], fifth, sixth]


def test_age_is_counted_from_the_result_not_from_the_proposal() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=3, sample_size=1, seed=0)
    first, second, third, fourth = (strategy.propose() for _ in range(4))
    for architecture in (third, first, fourth, second):
        assert architecture is not None
        strategy.observe(architecture, 1.0)
    assert population(strategy) == [first, fourth, second]


def test_the_parent_is_the_best_of_a_sample_drawn_with_replacement() -> None:
    # The best of a population of 5 is in a sample of 2 with probability 1 - (4/5)^2.
    wins = 0
    for seed in range(400):
        strategy = RegularizedEvolution(SPACE, population_size=5, sample_size=2, identity=0, seed=seed)
        first = filled(strategy, [1.0, 2.0, 9.0, 3.0, 4.0])
        child = strategy.propose()
        assert child is not None
        nearest = [distance(child, member) for member in first]
        wins += nearest[2] == 1 and min(nearest[:2] + nearest[3:]) > 1
    assert wins == pytest.approx(400 * (1 - 0.8**2), abs=45)


def test_a_child_is_one_mutation_from_its_parent() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=1, sample_size=1, seed=0)
    (parent,) = filled(strategy, [1.0])
    for _ in range(20):
        (child,) = filled(strategy, [1.0])
        assert distance(parent, child) == 1
        parent = child


def test_the_identity_gives_the_parent_again_when_repeats_are_allowed() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=1, sample_size=1, identity=1.0, unique=False, seed=0)
    assert len(set(filled(strategy, [1.0] * 5))) == 1
    once = RegularizedEvolution(SPACE, population_size=1, sample_size=1, identity=1.0, seed=0)
    assert len(set(filled(once, [1.0] * 5))) == 5


def test_failures_in_the_first_population_are_replaced_and_later_ones_are_not() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=4, sample_size=4, seed=0)
    rng = np.random.default_rng(0)
    drawn = [SPACE.sample(rng) for _ in range(6)]
    for place, expected in enumerate(drawn):
        architecture = strategy.propose()
        assert architecture == expected
        strategy.observe(expected, None if place in (0, 3) else float(place))
    assert population(strategy) == [drawn[i] for i in (1, 2, 4, 5)]
    child = strategy.propose()
    assert child is not None
    assert distance(child, drawn[5]) == 1
    strategy.observe(child, None)
    assert population(strategy) == [drawn[i] for i in (1, 2, 4, 5)]


def test_nothing_that_failed_is_a_parent() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=3, sample_size=3, seed=0)
    for _ in range(30):
        architecture = strategy.propose()
        assert architecture is not None
        strategy.observe(architecture, None)
    assert population(strategy) == []


def test_what_was_observed_before_the_search_is_in_the_population() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=3, sample_size=3, seed=0)
    strategy.observe(SPACE.default(), 9.0)
    filled(strategy, [1.0, 2.0, 3.0])
    assert SPACE.default() not in population(strategy)
    assert len(population(strategy)) == 3


@pytest.mark.parametrize("space", [FLAT, ONE_OPTION], ids=["flat", "one_option"])
def test_spaces_without_cells_are_exhausted(space: Space) -> None:
    strategy = RegularizedEvolution(space, population_size=2, sample_size=2, seed=0)
    assert len(set(filled(strategy, [1.0] * space.size))) == space.size
    assert strategy.propose() is None


def test_the_settings_make_the_same_again() -> None:
    strategy = RegularizedEvolution(SPACE, population_size=7, sample_size=2, identity=0.5, seed=3, unique=False)
    again = strategy.fresh(FLAT, 4)
    assert (again.population_size, again.sample_size, again.identity) == (7, 2, 0.5)
    assert (again.seed, again.unique, again.space) == (4, False, FLAT)
