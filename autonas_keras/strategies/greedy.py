"""Epsilon-greedy mutation of the best, the simplest baseline that learns.

Reference: Sutton, Barto, "Reinforcement Learning: An Introduction", 2nd edition, 2018, section 2.2, for the trade of
exploring with probability epsilon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autonas_keras.checks import check_share
from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.mutation import mutate_cell


class EpsilonGreedy(Strategy):
    """Mutates the best architecture so far, or draws a random one with probability ``epsilon``.

    Args:
        space: What is searched.
        epsilon: Probability of a random architecture.
        **kwargs: ``seed``, ``unique``, ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When ``epsilon`` is no probability.
    """

    def __init__(self, space: Space, epsilon: float = 0.1, **kwargs: Any) -> None:
        super().__init__(space, **kwargs)
        self.epsilon = check_share("epsilon", epsilon)
        self._leader: tuple[Architecture, float] | None = None

    def _suggest(self) -> Architecture:
        if self._leader is None or self.rng.random() < self.epsilon:
            return self.space.sample(self.rng)
        return mutate_cell(self.space, self._leader[0], self.rng)

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        if reward is not None and (self._leader is None or reward > self._leader[1]):  # type: ignore[operator]
            self._leader = architecture, reward  # type: ignore[assignment]

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "epsilon": self.epsilon}

    def _get(self) -> dict[str, Any]:
        return {"leader": None if self._leader is None else [self.code(self._leader[0]), self._leader[1]]}

    def _set(self, state: Mapping[str, Any]) -> None:
        if state["leader"] is None:
            self._leader = None
        else:
            code, reward = state["leader"]
            self._leader = self.decode(code), float(reward)
