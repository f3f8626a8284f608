from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from autonas_keras.strategies import RandomSearch, Strategy, base as base_module
from tests.spaces.cases import CONDITIONAL, FLAT

LARGE = CellSpace.darts()


class Given(Strategy):
    """Suggests what it is given, and writes down what it is told."""

    def __init__(self, space: Space, suggestions: list[Architecture], **kwargs: object) -> None:
        super().__init__(space, **kwargs)  # type: ignore[arg-type]
        self.suggestions: Iterator[Architecture] = iter(suggestions)
        self.told: list[tuple] = []

    def _suggest(self) -> Architecture | None:
        return next(self.suggestions, None)

    def _learn(self, architecture: Architecture, reward: object) -> None:
        self.told.append(("learn", architecture, reward))

    def _repeat(self, architecture: Architecture, reward: object) -> None:
        self.told.append(("repeat", architecture, reward))

    def _proposed(self, architecture: Architecture) -> None:
        self.told.append(("proposed", architecture))


def points() -> list[Architecture]:
    return list(FLAT.enumerate())


def test_a_subclass_hears_what_happens_to_its_suggestions() -> None:
    a, b, c, *_ = points()
    strategy = Given(FLAT, [a, a, b, a, b, c])
    assert strategy.propose() == a
    assert strategy.propose() == b
    strategy.observe(a, 0.5)
    strategy.observe(b, None)
    assert strategy.propose() == c
    assert strategy.told == [
        ("proposed", a),
        ("repeat", a, None),
        ("proposed", b),
        ("learn", a, 0.5),
        ("learn", b, None),
        ("repeat", a, 0.5),
        ("repeat", b, ()),
        ("proposed", c),
    ]


def test_nothing_suggested_is_nothing_proposed() -> None:
    assert Given(FLAT, []).propose() is None


def test_history_and_best_leave_out_failures_and_what_is_under_way() -> None:
    a, b, c, d, *_ = points()
    strategy = RandomSearch(FLAT, seed=0)
    assert strategy.best is None
    strategy.propose()
    for architecture, reward in ((a, 0.1), (b, math.nan), (c, 0.3), (d, 0.3), (a, 0.2)):
        strategy.observe(architecture, reward)
    assert [pair for pair in strategy.history if pair[0] in (a, b, c, d)] == [(a, 0.2), (c, 0.3), (d, 0.3)]
    assert strategy.best == c


@pytest.mark.parametrize("reward", ["0.5", [0.5], (0.5, 0.5), {}, object(), np.ones(2)])
def test_what_is_no_number_is_refused(reward: object) -> None:
    strategy = RandomSearch(FLAT, seed=0)
    with pytest.raises(ValueError, match="Expected one number as the reward, got"):
        strategy.observe(FLAT.default(), reward)  # type: ignore[arg-type]
    assert strategy.history == []


@pytest.mark.parametrize("reward", [1, True, np.float32(1), np.int64(1), np.array(1.0)])
def test_numbers_of_every_kind_are_rewards(reward: float) -> None:
    strategy = RandomSearch(FLAT, seed=0)
    strategy.observe(FLAT.default(), reward)
    assert strategy.history == [(FLAT.default(), 1.0)]
    json.dumps(strategy.get_state())


def test_codes_name_every_point_and_turn_back() -> None:
    strategy = RandomSearch(CONDITIONAL)
    codes = [strategy.code(point) for point in CONDITIONAL.enumerate()]
    assert len(set(codes)) == CONDITIONAL.size
    assert [RandomSearch(CONDITIONAL).decode(code) for code in codes] == list(CONDITIONAL.enumerate())


def test_a_state_is_refused_by_a_space_whose_conditions_differ() -> None:
    def space(option: str) -> Space:
        return Space((Choice("top", ("p", "q"), {option: (Choice("under", (1, 2)),)}),))

    state = RandomSearch(space("p"), seed=0).get_state()
    RandomSearch(space("p"), seed=1).set_state(state)
    with pytest.raises(ValueError, match="on another space"):
        RandomSearch(space("q"), seed=1).set_state(state)


@pytest.mark.parametrize("reward", ["nonsense", math.nan, [0.1, 0.2], {}])
def test_a_state_with_nonsense_for_a_reward_is_refused(reward: object) -> None:
    strategy = RandomSearch(FLAT, seed=0)
    strategy.observe(FLAT.default(), 0.5)
    state = strategy.get_state()
    with pytest.raises(ValueError, match="Expected the state of a RandomSearch on this space"):
        strategy.set_state({**state, "known": [[state["known"][0][0], reward]]})
    assert strategy.get_state() == state


# Limits


def count(architecture: Architecture) -> dict[str, float]:
    """Convolutions of an architecture of the DARTS space, 0 to 16, and its dilated ones."""
    taken = [str(option) for option in architecture.values()]
    return {
        "convolutions": sum(option.endswith(("conv_3x3", "conv_5x5")) for option in taken),
        "dilated": sum(option.startswith("dil") for option in taken),
    }


def test_a_limit_that_a_thousandth_of_a_large_space_meets_is_met() -> None:
    rng = np.random.default_rng(0)
    limits = {"convolutions": 3}
    share = np.mean([count(LARGE.sample(rng))["convolutions"] <= 3 for _ in range(4000)])
    assert share < 0.004
    strategy = RandomSearch(LARGE, seed=0, limits=limits, costs=count)
    found = [strategy.propose() for _ in range(20)]
    assert len(set(found)) == 20
    assert all(point is not None and count(point)["convolutions"] <= 3 for point in found)


def test_several_limits_are_met_together_though_chance_never_would() -> None:
    # One point in 770,000 has no convolution.
    strategy = RandomSearch(LARGE, seed=0, limits={"convolutions": 1e-9, "dilated": 1}, costs=count)
    point = strategy.propose()
    assert point is not None
    assert count(point) == {"convolutions": 0, "dilated": 0}


def test_costs_are_counted_a_bounded_number_of_times() -> None:
    calls = 0

    def costs(architecture: Architecture) -> dict[str, float]:
        nonlocal calls
        calls += 1
        return {"size": 10}

    with pytest.raises(ValueError, match="got size <= 5; the nearest feasible value found is size <= 10"):
        RandomSearch(LARGE, seed=0, limits={"size": 5}, costs=costs).propose()
    assert calls <= base_module.REFUSALS * 2 + base_module.CLIMBS * (base_module.STEPS + 1)


def test_a_limit_is_refused_though_architectures_beyond_it_were_observed() -> None:
    strategy = RandomSearch(FLAT, seed=0, limits={"size": 5}, costs=lambda point: {"size": 10})
    strategy.observe(FLAT.default(), 0.5)
    with pytest.raises(ValueError, match="nearest feasible value found is size <= 10"):
        strategy.propose()


def test_an_end_is_no_error_when_something_within_the_limits_was_proposed() -> None:
    strategy = RandomSearch(FLAT, seed=0, limits={"size": 5}, costs=lambda p: {"size": 1 if p["a"] == "x" else 10})
    found = [strategy.propose() for _ in range(4)]
    assert all(point is not None and point["a"] == "x" for point in found)
    assert strategy.propose() is None


def test_a_cost_that_is_not_a_number_is_beyond_every_limit() -> None:
    strategy = RandomSearch(
        FLAT, seed=0, limits={"size": math.inf}, costs=lambda p: {"size": math.nan if p["b"] == 1 else 7}
    )
    found = [strategy.propose() for _ in range(6)]
    assert all(point is not None and point["b"] == 2 for point in found)
    assert strategy.propose() is None


def test_what_is_left_of_a_small_space_is_drawn_evenly() -> None:
    """Suggestions that never help leave the draw to the base."""
    default, first = FLAT.default(), []
    for seed in range(600):
        strategy = Given(FLAT, [default] * 1000, seed=seed)
        strategy.observe(default, 0.0)
        first.append(strategy.propose())
    counts = [first.count(point) for point in points()]
    assert counts[0] == 0
    assert all(30 < found < 85 for found in counts[1:])


def test_what_is_left_of_a_large_space_is_found_when_suggestions_repeat() -> None:
    strategy = Given(LARGE, [LARGE.default()] * 2000, seed=0)
    first, second, third = (strategy.propose() for _ in range(3))
    assert first == LARGE.default()
    assert len({first, second, third}) == 3
