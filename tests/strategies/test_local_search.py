from __future__ import annotations

import json

import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from autonas_keras.strategies import LocalSearch

BITS = Space(tuple(Choice(f"bit_{i}", (0, 1)) for i in range(8)))
CELL = CellSpace.nasbench201()


def ones(architecture: Architecture) -> float:
    return float(sum(map(int, architecture.values())))


def distance(first: Architecture, second: Architecture) -> int:
    return sum(first[name] != second[name] for name in first)


def step(strategy: LocalSearch, reward: float | None = None) -> Architecture:
    architecture = strategy.propose()
    assert architecture is not None
    strategy.observe(architecture, ones(architecture) if reward is None else reward)
    return architecture


def test_the_first_better_neighbour_is_where_it_goes_on() -> None:
    strategy = LocalSearch(BITS, starts=1, seed=0)
    at = step(strategy)
    for _ in range(60):
        point = step(strategy)
        assert distance(point, at) == 1
        at = max(at, point, key=ones)
        if ones(at) == 8:
            break
    assert ones(at) == 8


def test_the_best_neighbour_is_gone_to_after_all_were_seen() -> None:
    strategy = LocalSearch(CELL, starts=1, improvement="best", seed=0)
    start = step(strategy, 0.0)
    around = [step(strategy, float(i % 7)) for i in range(24)]
    assert set(around) == set(CELL.neighbours(start))
    # Rewards rise to 6 first with the seventh neighbour.
    assert all(distance(step(strategy, 0.0), around[6]) == 1 for _ in range(10))


def test_neighbours_come_in_random_order() -> None:
    orders = set()
    for seed in range(5):
        strategy = LocalSearch(CELL, starts=1, seed=seed)
        strategy.observe(CELL.default(), 1.0)
        orders.add(tuple(CELL.neighbours(CELL.default()).index(step(strategy, 0.0)) for _ in range(24)))  # type: ignore[arg-type]
    assert len(orders) == 5
    assert all(sorted(order) == list(range(24)) for order in orders)


def test_where_no_neighbour_is_better_it_begins_at_a_random_unseen_point() -> None:
    strategy = LocalSearch(CELL, starts=1, seed=0)
    top = step(strategy, 1.0)
    around = [step(strategy, 0.5) for _ in range(24)]
    assert {top, *around} == {top, *CELL.neighbours(top)}
    start = step(strategy, 0.1)
    assert distance(start, top) > 1
    # It climbs from there though the old top was better.
    assert all(distance(step(strategy, 0.0), start) == 1 for _ in range(10))


def test_a_climb_begins_at_the_best_of_its_starts() -> None:
    strategy = LocalSearch(CELL, starts=4, seed=0)
    starts = [step(strategy, reward) for reward in (1.0, 7.0, 2.0, 3.0)]
    assert max(distance(a, b) for a in starts for b in starts) > 2
    assert all(distance(step(strategy, 0.0), starts[1]) == 1 for _ in range(24))
    again = [step(strategy, reward) for reward in (1.0, 2.0, 3.0, 0.0)]
    assert distance(step(strategy, 0.0), again[2]) == 1


def test_what_is_known_is_used_without_being_spent() -> None:
    strategy = LocalSearch(BITS, starts=1, seed=0)
    for point in BITS.enumerate():
        if ones(point) in (5, 6, 7):
            strategy.observe(point, ones(point))
    assert ones(step(strategy)) in (4, 8)


def test_a_climb_goes_through_known_points_at_once() -> None:
    strategy = LocalSearch(BITS, starts=1, seed=0)
    path = [BITS.architecture({f"bit_{i}": int(i < n) for i in range(8)}) for n in range(8)]
    for point in path:
        strategy.observe(point, ones(point))
    point = strategy.propose()
    assert point is not None
    assert distance(point, path[-1]) == 1


def test_with_repeats_neighbours_are_evaluated_again() -> None:
    strategy = LocalSearch(BITS, starts=1, unique=False, seed=0)
    start = step(strategy, 5.0)
    around = [step(strategy, 0.0) for _ in range(8)]
    strategy.observe(around[0], 6.0)
    assert start in [step(strategy, 0.0) for _ in range(8)]


def test_results_that_come_back_late_are_used() -> None:
    strategy = LocalSearch(CELL, starts=1, seed=0)
    top = step(strategy, 1.0)
    around = [strategy.propose() for _ in range(24)]
    waiting = [strategy.propose() for _ in range(3)]
    assert all(point is not None and distance(point, top) > 1 for point in waiting)
    for point in around[:-1]:
        assert point is not None
        strategy.observe(point, 0.0)
    last = around[-1]
    assert last is not None
    strategy.observe(last, 2.0)
    assert distance(step(strategy, 0.0), last) == 1


def test_starts_that_are_lost_or_fail_do_not_stop_it() -> None:
    strategy = LocalSearch(CELL, starts=2, seed=0)
    for place in range(30):
        architecture = strategy.propose()
        assert architecture is not None
        if place % 2:
            strategy.observe(architecture, None)
    starts = [step(strategy, reward) for reward in (1.0, 2.0)]
    assert distance(step(strategy, 0.0), starts[1]) == 1


def test_a_better_point_from_elsewhere_is_climbed_from() -> None:
    strategy = LocalSearch(CELL, starts=1, seed=0)
    step(strategy, 1.0)
    elsewhere = CELL.architecture(dict.fromkeys(CELL.named, "avg_pool_3x3"))
    strategy.observe(elsewhere, 5.0)
    assert distance(step(strategy, 0.0), elsewhere) == 1


def test_neighbours_beyond_the_limits_are_passed_over() -> None:
    strategy = LocalSearch(BITS, starts=1, seed=0, limits={"ones": 4}, costs=lambda point: {"ones": ones(point)})
    found = []
    while (architecture := strategy.propose()) is not None:
        found.append(ones(architecture))
        strategy.observe(architecture, ones(architecture))
    assert max(found) == 4
    assert len(found) == 1 + 8 + 28 + 56 + 70


@pytest.mark.parametrize("name", ["queue", "sent", "at", "better", "back"])
def test_a_state_that_names_no_architecture_is_refused(name: str) -> None:
    strategy = LocalSearch(CELL, starts=2, seed=0)
    for reward in (1.0, 2.0, 0.0):
        step(strategy, reward)
    state = json.loads(json.dumps(strategy.get_state()))
    bad = "9.9.9.9.9.9"
    with pytest.raises(ValueError, match="Expected the state of a LocalSearch"):
        strategy.set_state({**state, name: [bad, 1.0] if name in ("at", "better") else [[bad, 1.0]]})
    assert strategy.get_state() == state
