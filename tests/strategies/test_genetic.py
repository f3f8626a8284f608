from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, Choice, Space
from autonas_keras.strategies import Genetic
from autonas_keras.strategies.genetic import one_point, uniform
from tests.spaces.cases import CONDITIONAL, ONE_OPTION

BITS = Space(tuple(Choice(f"bit_{i}", (0, 1)) for i in range(12)))
DIGITS = Space(tuple(Choice(f"digit_{i}", tuple(range(10))) for i in range(10)))
ZEROS, ONES = BITS.default(), BITS.architecture({f"bit_{i}": 1 for i in range(12)})


def step(strategy: Genetic, reward: float | None = None, worth: bool = False) -> Architecture:
    architecture = strategy.propose()
    assert architecture is not None
    strategy.observe(architecture, float(sum(map(int, architecture.values()))) if worth else reward)
    return architecture


def distance(first: Architecture, second: Architecture) -> int:
    return sum(first[name] != second[name] for name in first)


def between(child: Architecture, first: Architecture, second: Architecture) -> bool:
    return all(child[name] in (first[name], second[name]) for name in child)


def pool(strategy: Genetic) -> list[Architecture]:
    return [strategy.decode(code) for code, _ in strategy.get_state()["pool"]]


def test_one_point_crossover_cuts_everywhere_inside_evenly() -> None:
    rng = np.random.default_rng(0)
    cuts = Counter()
    for _ in range(2200):
        bits = list(one_point(BITS, ZEROS, ONES, rng).values())
        assert bits == sorted(bits)
        cuts[bits.count(0)] += 1
    assert set(cuts) == set(range(1, 12))
    assert all(abs(count - 200) < 60 for count in cuts.values())


def test_uniform_crossover_takes_each_decision_from_either_parent() -> None:
    rng = np.random.default_rng(0)
    found = np.array([list(uniform(BITS, ZEROS, ONES, rng).values()) for _ in range(2000)])
    assert np.abs(found.mean(axis=0) - 0.5).max() < 0.06
    assert np.abs(np.corrcoef(found.T) - np.eye(12)).max() < 0.1


@pytest.mark.parametrize("cross", [one_point, uniform])
def test_crossover_takes_what_one_parent_lacks_from_the_other(cross) -> None:
    rng = np.random.default_rng(0)
    deep = CONDITIONAL.architecture({"kind": "deep", "depth": 3, "drop": 0.5, "skip": False, "rate": 0.1})
    wide = CONDITIONAL.architecture({"kind": "wide", "width": 32, "rate": 0.01})
    for _ in range(100):
        child = cross(CONDITIONAL, deep, wide, rng)
        assert CONDITIONAL.contains(child)
        parent = deep if child["kind"] == "deep" else wide
        assert all(child[name] == parent[name] for name in child if name != "rate")
    assert cross(ONE_OPTION, ONE_OPTION.default(), ONE_OPTION.default(), rng) == ONE_OPTION.default()


def test_parents_are_the_best_of_all_so_far() -> None:
    strategy = Genetic(DIGITS, population_size=10, parents=4, seed=0)
    seen: dict[Architecture, float] = {}
    for generation in range(1, 6):
        for _ in range(10):
            architecture = step(strategy, worth=True)
            seen[architecture] = sum(map(int, architecture.values()))
        best = sorted(seen.values(), reverse=True)[:4]
        assert [seen[member] for member in pool(strategy)] == best, generation


def test_without_elites_a_generation_is_forgotten() -> None:
    strategy = Genetic(DIGITS, population_size=6, parents=None, elites=0, seed=0)
    for reward in (9.0, 1.0):
        last = [step(strategy, reward) for _ in range(6)]
    assert set(pool(strategy)) == set(last)


def test_one_elite_lives_on_beside_the_generation() -> None:
    strategy = Genetic(DIGITS, population_size=6, parents=None, elites=1, seed=0)
    best = step(strategy, 9.0)
    last = [step(strategy, 1.0) for _ in range(11)][-6:]
    assert set(pool(strategy)) == {best, *last}


def test_a_generation_is_mutants_then_children_then_random_ones() -> None:
    # SPOS: half the generation are mutants, half are crossed.
    strategy = Genetic(
        DIGITS, 20, parents=10, mutation_share=0.4, random_share=0.2, mutation_rate=0.1, tournament=1, seed=0
    )
    for _ in range(20):
        step(strategy, worth=True)
    parents = pool(strategy)
    children = [step(strategy, worth=True) for _ in range(20)]
    mutants, crossed, drawn = children[:8], children[8:16], children[16:]
    assert all(min(distance(child, parent) for parent in parents) <= 5 for child in mutants)
    assert all(any(between(child, a, b) for a in parents for b in parents if a != b) for child in crossed)
    assert not any(any(between(child, a, b) for a in parents for b in parents) for child in drawn)


def test_the_winner_of_a_tournament_is_a_parent() -> None:
    # With replacement, the best of 5 wins a tournament of 2 with probability 1 - (4/5)^2.
    def wins(tournament: int) -> int:
        total = 0
        for seed in range(300):
            strategy = Genetic(
                DIGITS, 5, parents=5, mutation_share=1.0, mutation_rate=0.1, tournament=tournament, seed=seed
            )
            best = max([step(strategy, reward) for reward in (1.0, 5.0, 2.0, 3.0, 4.0)], key=str)
            best = pool(strategy)[0]
            child = strategy.propose()
            assert child is not None
            total += min(pool(strategy), key=lambda member: distance(child, member)) == best
        return total

    assert wins(1) == pytest.approx(300 * 0.2, abs=30)
    assert wins(2) == pytest.approx(300 * 0.36, abs=35)
    assert wins(20) > 280


def test_children_are_mutated_too_when_asked() -> None:
    outside = {}
    for mutate_children in (False, True):
        strategy = Genetic(DIGITS, 10, mutation_share=0.0, mutate_children=mutate_children, seed=0)
        for _ in range(10):
            step(strategy, worth=True)
        parents = pool(strategy)
        children = [strategy.propose() for _ in range(20)]
        outside[mutate_children] = sum(
            not any(between(child, a, b) for a in parents for b in parents) for child in children if child
        )
    assert outside[False] == 0
    assert outside[True] > 5


def test_workers_need_not_wait_for_a_generation() -> None:
    strategy = Genetic(DIGITS, population_size=4, parents=2, seed=0)
    first = [strategy.propose() for _ in range(7)]
    for architecture in first[:4]:
        assert architecture is not None
        strategy.observe(architecture, 1.0)
    assert pool(strategy) == first[:2]
    assert strategy.get_state()["arrived"] == []
    assert strategy.propose() not in first


def test_failures_count_and_do_not_breed() -> None:
    strategy = Genetic(DIGITS, population_size=4, parents=4, seed=0)
    for _ in range(4):
        step(strategy, None)
    assert pool(strategy) == []
    good = step(strategy, 1.0)
    for _ in range(3):
        step(strategy, None)
    assert pool(strategy) == [good]


def test_what_was_known_before_is_the_first_generation() -> None:
    strategy = Genetic(DIGITS, population_size=4, parents=2, mutation_share=1.0, mutation_rate=0.1, seed=0)
    rng = np.random.default_rng(5)
    given = [DIGITS.sample(rng) for _ in range(4)]
    for reward, architecture in enumerate(given):
        strategy.observe(architecture, reward)
    child = strategy.propose()
    assert child is not None
    assert min(distance(child, parent) for parent in given[2:]) < 5


def test_an_architecture_seen_twice_counts_once_with_its_last_reward() -> None:
    strategy = Genetic(DIGITS, population_size=4, parents=4, seed=0)
    first = step(strategy, 9.0)
    second = step(strategy, 5.0)
    strategy.observe(first, 1.0)
    step(strategy, 0.0)
    assert pool(strategy)[:2] == [second, first]
    assert len(pool(strategy)) == 3


def test_a_pool_that_has_bred_all_it_can_gives_random_ones() -> None:
    strategy = Genetic(DIGITS, population_size=2, parents=2, mutation_share=0.0, seed=0)
    parents = [step(strategy, 1.0) for _ in range(2)]
    found = [strategy.propose() for _ in range(1100)]
    assert len(set(found)) == 1100
    # Two parents have at most 2^10 children.
    assert any(child is not None and not between(child, *parents) for child in found)
