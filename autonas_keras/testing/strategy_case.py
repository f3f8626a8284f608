"""What the suites of strategies have in common: the strategy under test, and what they run it on."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from autonas_keras.spaces import Option, Space
from autonas_keras.strategies import Strategy


class StrategyCase:
    """A strategy and its sequences; ``StrategyTestCase`` says what the attributes mean."""

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


def mapped(function: Any, reward: Any) -> Any:
    """A reward, each of whose numbers a function has changed."""
    return tuple(map(function, reward)) if isinstance(reward, tuple) else function(reward)
