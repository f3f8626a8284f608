"""What a strategy proposes: points of its space, each once, within limits."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autonas_keras.spaces import Architecture, Space
from autonas_keras.testing.spaces import (
    CONDITIONAL,
    FLAT,
    LARGE,
    SIXTEEN,
    every_small_space,
    every_space,
    size_in,
)
from autonas_keras.testing.strategy_case import StrategyCase


class ProposalTests(StrategyCase):
    """Proposals, limits and arguments."""

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
