"""What a strategy makes of what it is told."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies import RandomSearch, Strategy
from autonas_keras.testing.spaces import CONDITIONAL, LARGE, SIXTEEN, every_small_space
from autonas_keras.testing.strategy_case import StrategyCase, mapped


class FeedbackTests(StrategyCase):
    """Rewards of every kind, and what is learned of them."""

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
                bad = mapped(lambda _: [math.nan, math.inf, -math.inf][seed % 3], value)
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
            scaled.observe(architecture, mapped(lambda v: 1024 * v - 4096, value))

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
