"""Seeds, processes and states: a strategy does the same again, and goes on where it was."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import CellSpace, Space
from autonas_keras.strategies import Strategy
from autonas_keras.testing.process import other_process
from autonas_keras.testing.spaces import CONDITIONAL, LARGE, SIXTEEN, SPACES, every_space
from autonas_keras.testing.strategy_case import StrategyCase

BROKEN_VALUES = ("nonsense", math.nan, {"nonsense": 1}, [["nonsense", 1.0]])


class StateTests(StrategyCase):
    """Seeds, processes and states."""

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
        there = other_process().submit(_sequences, asked).result()
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


def _global_generators() -> tuple[Any, Any]:
    state = np.random.get_state(legacy=False)
    return random.getstate(), {**state, "state": {**state["state"], "key": state["state"]["key"].tolist()}}


class _Runner(StrategyCase):
    """The sequences of the suite in a process that does not know the class under test."""

    def __init__(self, objectives: int) -> None:
        self.objectives = objectives


def _sequences(asked: list[tuple[type[Strategy], Space, dict[str, Any], int, int]]) -> list[Any]:
    found = []
    for kind, space, settings, objectives, steps in asked:
        found.append(_Runner(objectives).sequence(kind(space, **settings), steps))
    return found
