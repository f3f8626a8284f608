"""What every strategy has to keep, as tests to inherit.

A new strategy is tested by five lines::

    class TestMine(StrategyTestCase):
        nonsense = ({"population_size": 0},)

        def strategy(self, space, seed=0, **kwargs):
            return Mine(space, seed=seed, **kwargs)

The rest of the class says what the strategy claims (``objectives``, ``scale_free``, ``beats_random``) and how long it is
run (``steps``). What has to hold through an oracle is in ``autonas_keras.testing.oracles``.
"""

from __future__ import annotations

import atexit
import functools
import json
import math
import multiprocessing
import random
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Option, Space
from autonas_keras.strategies import RandomSearch, Strategy

FLAT = Space((Choice("a", ("x", "y", "z")), Choice("b", (1, 2)), Choice("c", (False, True))))
CONDITIONAL = Space(
    (
        Choice(
            "kind",
            ("plain", "deep", "wide"),
            {
                "deep": (Choice("depth", (2, 3), {3: (Choice("drop", (0.0, 0.5)),)}), Choice("skip", (True, False))),
                "wide": (Choice("width", (8, 16, 32)),),
            },
        ),
        Choice("rate", (0.1, 0.01)),
    )
)
ONE_OPTION = Space((Choice("only", ("this",)),))
SIXTEEN = Space(tuple(Choice(f"bit_{i}", (0, 1)) for i in range(4)))
LARGE = Space(tuple(Choice(f"digit_{i}", tuple(range(10))) for i in range(10)))
SPACES = {"flat": FLAT, "conditional": CONDITIONAL, "one_option": ONE_OPTION, "16_points": SIXTEEN, "10^10": LARGE}

every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
every_small_space = pytest.mark.parametrize(
    "space",
    [space for space in SPACES.values() if space.size < 100],
    ids=[n for n, s in SPACES.items() if s.size < 100],
)
BROKEN_VALUES = ("nonsense", math.nan, {"nonsense": 1}, [["nonsense", 1.0]])


class StrategyTestCase:
    """Inherit it as ``class TestMine(StrategyTestCase)`` and override ``strategy``.

    Attributes:
        objectives: Numbers in a reward.
        scale_free: Whether the strategy claims that rewards times a positive number plus another change nothing.
        beats_random: Whether it claims to find better architectures than random search.
        steps: Evaluations of the sequences that are compared; fewer for strategies that think long.
        evaluations: Evaluations of each of three searches in the comparison with random search.
        nonsense: Arguments that must raise ValueError.
    """

    objectives = 1
    scale_free = True
    beats_random = True
    steps = 40
    evaluations = 150
    nonsense: tuple[dict[str, Any], ...] = ()

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        """The strategy under test, with settings that let it learn within ``steps``."""
        raise NotImplementedError

    def reward(self, architecture: Mapping[str, Option]) -> Any:
        """What an architecture is worth in the sequences: arbitrary, and the same in every process."""
        texts = [f"{i} {sorted(architecture.items())}" for i in range(self.objectives)]
        values = [zlib.crc32(text.encode()) / 2**32 for text in texts]
        return values[0] if self.objectives == 1 else tuple(values)

    def sequence(self, strategy: Strategy, steps: int) -> list[dict[str, Option] | None]:
        """The proposals of so many steps, each observed at once."""
        found: list[dict[str, Option] | None] = []
        for _ in range(steps):
            architecture = strategy.propose()
            found.append(None if architecture is None else dict(architecture))
            if architecture is None:
                break
            strategy.observe(architecture, self.reward(architecture))
        return found

    # What is proposed

    @every_space
    def test_proposals_lie_in_the_space(self, space: Space) -> None:
        strategy = self.strategy(space)
        for _ in range(self.steps):
            architecture = strategy.propose()
            if architecture is None:
                break
            assert isinstance(architecture, Architecture)
            assert space.contains(architecture)
            strategy.observe(architecture, self.reward(architecture))

    @every_small_space
    @pytest.mark.parametrize("observed", [True, False], ids=["observed", "under_way"])
    def test_every_point_comes_once_and_then_none(self, space: Space, observed: bool) -> None:
        strategy = self.strategy(space)
        found = []
        while (architecture := strategy.propose()) is not None:
            found.append(architecture)
            assert len(found) <= space.size
            if observed:
                strategy.observe(architecture, self.reward(architecture))
        assert set(found) == set(space.enumerate())
        assert strategy.propose() is None

    def test_repeats_come_when_they_are_allowed(self) -> None:
        strategy = self.strategy(SIXTEEN, unique=False)
        found = self.sequence(strategy, max(self.steps, 20))
        assert None not in found
        assert all(SIXTEEN.contains(point) for point in found if point is not None)

    # Seeds and processes

    @every_space
    def test_a_seed_gives_one_sequence(self, space: Space) -> None:
        for seed in (0, 7):
            assert self.sequence(self.strategy(space, seed=seed), self.steps) == self.sequence(
                self.strategy(space, seed=seed), self.steps
            )

    def test_seeds_give_sequences_of_their_own(self) -> None:
        first, second, *drawn = (self.sequence(self.strategy(LARGE, seed=seed), 3) for seed in (0, 1, None, None))
        assert first != second
        assert drawn[0] != drawn[1]

    def test_a_spawned_process_gives_the_same_sequence(self) -> None:
        spaces = [*SPACES.values(), CellSpace.darts()]
        made = [self.strategy(space, seed=0) for space in spaces]
        asked = [
            (type(s), space, s.settings(), self.objectives, self.steps) for s, space in zip(made, spaces, strict=True)
        ]
        there = _process().submit(_sequences, asked).result()
        runner = _Runner(self.objectives)
        here = [runner.sequence(strategy, self.steps) for strategy in made]
        assert here == there

    @every_space
    def test_no_global_generator_moves_or_matters(self, space: Space) -> None:
        before, found = _global_generators(), []
        try:
            for seed in (1, 2):
                random.seed(seed)
                np.random.seed(seed)
                seeded = repr(_global_generators())
                found.append(self.sequence(self.strategy(space), self.steps))
                assert repr(_global_generators()) == seeded
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
        assert found[0] == found[1]

    # State

    @every_space
    def test_state_goes_on_from_every_cut(self, space: Space) -> None:
        strategy = self.strategy(space)
        states: list[str] = []
        found: list[Any] = []
        while len(found) < self.steps and found[-1:] != [None]:
            states.append(json.dumps(strategy.get_state(), allow_nan=False))
            found += self.sequence(strategy, 1)
        for cut, text in enumerate(states):
            again = self.strategy(space, seed=99)
            again.set_state(json.loads(text))
            assert json.dumps(again.get_state()) == text
            assert self.sequence(again, len(found) - cut) == found[cut:]

    def test_state_holds_what_is_under_way(self) -> None:
        strategy, again = self.strategy(LARGE), self.strategy(LARGE, seed=99)
        under_way = [strategy.propose() for _ in range(4)]
        self.sequence(strategy, self.steps // 2)
        again.set_state(json.loads(json.dumps(strategy.get_state())))
        for architecture in under_way:
            assert architecture is not None
            for each in (strategy, again):
                each.observe(architecture, self.reward(architecture))
        assert self.sequence(strategy, self.steps // 2) == self.sequence(again, self.steps // 2)

    def test_a_bad_state_raises_and_changes_nothing(self) -> None:
        strategy = self.strategy(SIXTEEN)
        self.sequence(strategy, 9)
        good = json.dumps(strategy.get_state())
        other = self.strategy(CONDITIONAL)
        self.sequence(other, 3)
        broken: list[Any] = [None, [], {}, "nonsense", other.get_state(), {**json.loads(good), "strategy": "Other"}]
        for name in json.loads(good):
            broken.append({key: value for key, value in json.loads(good).items() if key != name})
            broken += [{**json.loads(good), name: value} for value in BROKEN_VALUES]
        broken.append(json.loads(good.replace('"0.0.', '"0.9.').replace('"1.', '"7.')))
        for state in broken:
            with pytest.raises(ValueError, match="Expected the state of"):
                strategy.set_state(state)
            assert json.dumps(strategy.get_state()) == good
        untouched = self.strategy(SIXTEEN)
        self.sequence(untouched, 9)
        assert self.sequence(strategy, 7) == self.sequence(untouched, 7)

    # What comes back

    @pytest.mark.parametrize("seed", range(5))
    def test_feedback_of_every_kind_is_survived(self, seed: int) -> None:
        """Out of order, twice, never, as a failure, as NaN, as a plain dictionary."""
        for space in (SIXTEEN, CONDITIONAL, LARGE):
            rng = np.random.default_rng(seed)
            strategy = self.strategy(space, seed=seed)
            under_way: list[Architecture] = []
            found = []
            for _ in range(3 * self.steps):
                if len(under_way) < 5 and (architecture := strategy.propose()) is not None:
                    assert space.contains(architecture)
                    under_way.append(architecture)
                    found.append(architecture)
                if not under_way:
                    break
                fate = int(rng.integers(9))
                architecture = under_way[int(rng.integers(len(under_way)))]
                if fate:
                    under_way.remove(architecture)
                value = self.reward(architecture)
                bad = _map(lambda _: [math.nan, math.inf, -math.inf][seed % 3], value)
                for feedback in {
                    0: [],
                    1: [],
                    2: [None],
                    3: [bad],
                    4: [value, value],
                    5: [None, value],
                    6: [value, None],
                }.get(fate, [value]):
                    strategy.observe(dict(architecture) if fate == 7 else architecture, feedback)
                json.dumps(strategy.get_state(), allow_nan=False)
            assert len(set(found)) == len(found)
            if space.size < self.steps:
                assert set(found) == set(space.enumerate())

    @every_small_space
    def test_a_search_where_all_fail_ends(self, space: Space) -> None:
        strategy = self.strategy(space)
        found = 0
        while (architecture := strategy.propose()) is not None:
            strategy.observe(architecture, None)
            found += 1
        assert found == space.size
        assert strategy.best is None

    def test_architectures_from_elsewhere_are_learned_and_not_proposed(self) -> None:
        strategy = self.strategy(SIXTEEN)
        given = list(SIXTEEN.enumerate())[:9]
        for architecture in given:
            strategy.observe(dict(architecture), self.reward(architecture))
        assert strategy.history == [(architecture, self.reward(architecture)) for architecture in given]
        found = self.sequence(strategy, 20)
        assert found[-1] is None
        assert {tuple(point.items()) for point in found if point} == {
            point.decisions for point in SIXTEEN.enumerate() if point not in given
        }

    def test_what_is_no_observation_raises_and_changes_nothing(self) -> None:
        strategy = self.strategy(CONDITIONAL)
        self.sequence(strategy, 5)
        before = json.dumps(strategy.get_state())
        point = CONDITIONAL.default()
        wrong: list[tuple[Any, Any]] = [
            ({"kind": "plain"}, self.reward(point)),
            ({"kind": "plane", "rate": 0.1}, self.reward(point)),
            (SIXTEEN.default(), self.reward(point)),
            (point, "nonsense"),
            (point, (0.5, 0.5) if self.objectives == 1 else 0.5),
            (point, (0.5,) * (self.objectives + 1)),
        ]
        for architecture, reward in wrong:
            with pytest.raises(ValueError, match="Expected"):
                strategy.observe(architecture, reward)
            assert json.dumps(strategy.get_state()) == before

    # What is learned

    def test_the_best_is_the_best_observed(self) -> None:
        strategy = self.strategy(LARGE)
        assert strategy.best is None
        self.sequence(strategy, self.steps)
        if self.objectives == 1:
            assert strategy.best == max(strategy.history, key=lambda pair: pair[1])[0]
        else:
            assert strategy.best is not None
            best = self.reward(strategy.best)
            assert not any(
                all(a >= b for a, b in zip(other, best, strict=True)) and other != best  # type: ignore[arg-type]
                for _, other in strategy.history
            )

    @pytest.mark.parametrize("space", [CONDITIONAL, LARGE], ids=["conditional", "10^10"])
    def test_scale_and_shift_of_rewards_change_nothing(self, space: Space) -> None:
        if not self.scale_free:
            pytest.skip("this strategy does not claim it")
        # Powers of two and a shift that rounds nothing away keep the order of rewards exact.
        strategy, scaled = self.strategy(space), self.strategy(space)
        for _ in range(self.steps):
            architecture = strategy.propose()
            assert architecture == scaled.propose()
            if architecture is None:
                break
            value = self.reward(architecture)
            strategy.observe(architecture, value)
            scaled.observe(architecture, _map(lambda v: 1024 * v - 4096, value))

    def test_it_beats_random_search_where_the_optimum_is_known(self) -> None:
        if not self.beats_random:
            pytest.skip("this strategy does not claim it")
        mine = [self.found(self.strategy(LARGE, seed=seed)) for seed in range(3)]
        theirs = [self.found(RandomSearch(LARGE, seed=seed)) for seed in range(3)]
        assert np.mean(mine) > np.mean(theirs) + 0.03, f"{mine} against {theirs} of random search; the optimum is 1"

    def found(self, strategy: Strategy) -> float:
        """How near to the known optimum, worth 1, a search on the 10^10-point space comes."""
        best = -math.inf
        for _ in range(self.evaluations):
            architecture = strategy.propose()
            assert architecture is not None
            shares = [1 - abs(int(option) - (3 * i + 2) % 10) / 9 for i, option in enumerate(architecture.values())]
            # Several objectives: each is the same for some decisions, so that one architecture is best in all.
            parts = [float(np.mean(shares[i :: strategy.objectives or 2])) for i in range(strategy.objectives or 2)]
            strategy.observe(architecture, parts[0] if strategy.objectives == 1 else tuple(parts))
            best = max(best, float(np.mean(shares)))
        return best

    # Limits

    @pytest.mark.parametrize(
        "space", [FLAT, CONDITIONAL, SIXTEEN, LARGE], ids=["flat", "conditional", "16_points", "10^10"]
    )
    def test_limits_are_obeyed_and_all_within_them_is_found(self, space: Space) -> None:
        costs = size_in(space)
        limit = 20 if space is LARGE else 2
        found = self.sequence(self.strategy(space, limits={"size": limit}, costs=costs), self.steps)
        points = [point for point in found if point is not None]
        assert all(costs(point)["size"] <= limit for point in points)
        if space is not LARGE:
            assert len(points) == min(self.steps, sum(costs(point)["size"] <= limit for point in space.enumerate()))

    def test_a_limit_that_few_meet_is_met(self) -> None:
        # 0.08 % of the points have a digit sum of at most 17.
        strategy = self.strategy(LARGE, limits={"size": 17}, costs=size_in(LARGE))
        found = self.sequence(strategy, min(self.steps, 20))
        assert len(found) == min(self.steps, 20)
        assert all(point is not None and size_in(LARGE)(point)["size"] <= 17 for point in found)

    @pytest.mark.parametrize("space", [FLAT, CONDITIONAL, LARGE], ids=["flat", "conditional", "10^10"])
    def test_a_limit_that_none_meets_names_the_nearest(self, space: Space) -> None:
        costs = size_in(space)
        strategy = self.strategy(space, limits={"size": 5}, costs=lambda point: {"size": 10 + costs(point)["size"]})
        with pytest.raises(ValueError, match="got size <= 5; the nearest feasible value found is size <= 10"):
            strategy.propose()

    # Arguments

    def test_nonsense_arguments_are_refused(self) -> None:
        size = size_in(FLAT)
        common: tuple[dict[str, Any], ...] = (
            {"seed": -1},
            {"seed": 1.5},
            {"seed": True},
            {"limits": {"size": 5}},
            {"limits": {"size": 0}, "costs": size},
            {"limits": {"size": "5"}, "costs": size},
            {"limits": {"size": math.nan}, "costs": size},
            {"limits": ["size"], "costs": size},
        )
        for arguments in (*common, *self.nonsense):
            with pytest.raises(ValueError, match="Expected"):
                self.strategy(FLAT, **arguments)
        with pytest.raises(TypeError, match="Expected a Space"):
            self.strategy({"a": (1, 2)})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="Expected costs that count the limited 'weight'"):
            self.strategy(FLAT, limits={"weight": 5}, costs=size).propose()

    def test_a_fresh_one_has_the_same_settings(self) -> None:
        strategy = self.strategy(FLAT, unique=False, limits={"size": 2}, costs=size_in(FLAT))
        fresh = strategy.fresh(LARGE, 3)
        assert type(fresh) is type(strategy)
        assert fresh.space == LARGE
        assert fresh.settings() == {**strategy.settings(), "seed": 3}


def size_in(space: Space) -> Callable[[Mapping[str, Option]], dict[str, float]]:
    """A cost for limits: the indices of the options taken, summed; the first options cost nothing."""

    def size(architecture: Mapping[str, Option]) -> dict[str, float]:
        return {"size": float(sum(space.named[name].options.index(value) for name, value in architecture.items()))}

    return size


def _global_generators() -> tuple[Any, Any]:
    state = np.random.get_state(legacy=False)
    return random.getstate(), {**state, "state": {**state["state"], "key": state["state"]["key"].tolist()}}


def _map(function: Any, reward: Any) -> Any:
    return tuple(map(function, reward)) if isinstance(reward, tuple) else function(reward)


class _Runner(StrategyTestCase):
    """The sequences of the suite in a process that does not know the class under test."""

    def __init__(self, objectives: int) -> None:
        self.objectives = objectives


def _sequences(asked: list[tuple[type[Strategy], Space, dict[str, Any], int, int]]) -> list[Any]:
    found = []
    for kind, space, settings, objectives, steps in asked:
        found.append(_Runner(objectives).sequence(kind(space, **settings), steps))
    return found


@functools.cache
def _process() -> ProcessPoolExecutor:
    """One process for all tests of a session: it takes seconds to start, and hashes strings in its own way."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    atexit.register(pool.shutdown)
    return pool
