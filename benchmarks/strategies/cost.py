"""What one step of a strategy costs when it has seen much."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonas_keras.nasbench import named_strategy
from autonas_keras.spaces import Architecture, CellSpace
from autonas_keras.strategies import Strategy

WINDOW = 200  # steps that are timed: a predictor learns anew only now and then


def cost(
    strategies: Sequence[str], evaluations: int = 10_000, seed: int = 0, patience: float = 120.0
) -> Iterator[dict[str, Any]]:
    """Microseconds of propose and observe on the DARTS cells, after 1,000 and after 10,000 evaluations.

    A strategy that does not come so far within ``patience`` seconds is timed where it is then.
    """
    space = CellSpace.darts()
    weights = {
        name: np.random.default_rng(seed + place).normal(size=len(choice.options)).tolist()
        for place, (name, choice) in enumerate(space.named.items())
    }
    indices = {name: {option: i for i, option in enumerate(c.options)} for name, c in space.named.items()}

    def reward(architecture: Architecture) -> float:
        return sum(weights[name][indices[name][option]] for name, option in architecture.items())

    for text in strategies:
        strategy = named_strategy(text, space)(space, seed=seed)
        start, done = time.perf_counter(), 0
        for mark in sorted({max(1, evaluations // 10), evaluations}):
            while done < mark and time.perf_counter() - start < patience:
                _step(strategy, reward)
                done += 1
            steps = np.array([_step(strategy, reward) for _ in range(WINDOW)]) * 1e6
            yield {
                "strategy": text,
                "evaluations": done,
                "propose_us": float(steps[:, 0].mean()),
                "observe_us": float(steps[:, 1].mean()),
                "slowest_step_us": float(steps.sum(axis=1).max()),
            }
            done += WINDOW
            if done < mark:
                break


def _step(strategy: Strategy, reward: Any) -> tuple[float, float]:
    """Seconds of one ``propose`` and one ``observe``."""
    start = time.perf_counter()
    architecture = strategy.propose()
    proposed = time.perf_counter()
    assert architecture is not None, "a space of 10^18 points is exhausted"
    value = reward(architecture)
    evaluated = time.perf_counter()
    strategy.observe(architecture, value)
    return proposed - start, time.perf_counter() - evaluated
