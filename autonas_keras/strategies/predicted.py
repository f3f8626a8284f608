"""Evolution of what a model predicts architectures to be worth.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autonas_keras.spaces import Architecture, Option, Space
from autonas_keras.strategies.encoding import Encoder
from autonas_keras.strategies.genetic import Genetic
from autonas_keras.strategies.surrogate import make_surrogate


class PredictedWorth:
    """A model of what architectures are worth, fitted once.

    Args:
        space: The space.
        architectures: Points of it.
        rewards: What they are worth, larger is better.
        predictor: "gp", "forest", "linear", or an object with ``fit(x, y)`` and ``predict(x)``.
        seed: Seed of the model.

    Raises:
        ValueError: When there are fewer than two architectures, or the predictor is unknown.

    Example:
        ``worth = PredictedWorth(space, seen, accuracies); worth(space.neighbours(architecture))``
    """

    def __init__(
        self,
        space: Space,
        architectures: Sequence[Mapping[str, Option]],
        rewards: Sequence[float],
        predictor: Any = "gp",
        seed: int = 0,
    ) -> None:
        if len(architectures) < 2:
            raise ValueError(f"Expected two architectures or more to learn from, got {len(architectures)}.")
        self._encoder, self._model = Encoder(space), make_surrogate(predictor)
        values = np.asarray(rewards, float)
        self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._model.fit(self._encoder(architectures), (values - self._mean) / self._scale, seed, len(values))

    def __call__(self, architectures: Sequence[Mapping[str, Option]]) -> np.ndarray:
        """What they are probably worth, shape (architectures,)."""
        mean, _ = self._model.predict(self._encoder(architectures))
        return np.asarray(mean) * self._scale + self._mean


def evolve_predicted(
    space: Space,
    worth: PredictedWorth,
    generations: int = 50,
    population_size: int = 100,
    keep: int = 20,
    seed: int = 0,
    **limited: Any,
) -> list[Architecture]:
    """The architectures of the largest predicted worth that evolution finds, the best first.

    Args:
        space: What is searched.
        worth: The model.
        generations: Generations.
        population_size: Architectures of each.
        keep: How many are given at most.
        seed: Seed of the evolution.
        **limited: ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When no architecture within the limits was found.
    """
    strategy = Genetic(
        space,
        population_size,
        parents=max(1, population_size // 4),
        mutation_share=0.5,
        mutation_rate=0.1,
        tournament=1,
        seed=seed,
        **limited,
    )
    for _ in range(generations):
        # A generation at a time: predictions of many rows cost little more than of one.
        proposed: list[Architecture] = []
        while len(proposed) < population_size and (architecture := strategy.propose()) is not None:
            proposed.append(architecture)
        if not proposed:
            break
        for architecture, value in zip(proposed, worth(proposed).tolist(), strict=True):
            strategy.observe(architecture, value)
    ranked = sorted(strategy.history, key=lambda pair: pair[1], reverse=True)
    return [architecture for architecture, _ in ranked[:keep]]
