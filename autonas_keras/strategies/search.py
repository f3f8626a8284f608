"""A strategy and a function that says what an architecture is worth, in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from autonas_keras.checks import check_count
from autonas_keras.spaces import Architecture
from autonas_keras.strategies.base import Strategy
from autonas_keras.strategies.pareto import compromise


@dataclass(frozen=True)
class SearchResult:
    """What a search tried.

    Attributes:
        history: A row for each evaluation in its order: architecture, reward (missing where it failed), seconds.
        best: The architecture of the largest reward, of several objectives as ``Strategy.best`` has it; None when all
            failed.
        best_reward: Its reward.
    """

    history: pd.DataFrame
    best: Architecture | None
    best_reward: Any


def search(
    strategy: Strategy,
    evaluate: Callable[[Architecture], Any],
    budget: int,
    callback: Callable[[int, Architecture, Any], None] | None = None,
) -> SearchResult:
    """Evaluate up to ``budget`` architectures, one after another; call it again with the same strategy to go on.

    Args:
        strategy: What proposes.
        evaluate: Reward of an architecture, larger is better; None or NaN: it failed.
        budget: Number of evaluations.
        callback: Called after each with its number from 0, the architecture and the reward.

    Returns:
        The history and its best, of this call.

    Raises:
        ValueError: When the budget is not positive.
    """
    rows: list[dict[str, Any]] = []
    for number in range(check_count("budget", budget)):
        architecture = strategy.propose()
        if architecture is None:
            break
        start = time.perf_counter()
        reward = evaluate(architecture)
        seconds = time.perf_counter() - start
        strategy.observe(architecture, reward)
        failed = reward is None or not np.isfinite(np.asarray(reward, dtype=float)).all()
        rows.append({"architecture": architecture, "reward": None if failed else reward, "seconds": seconds})
        if callback is not None:
            callback(number, architecture, reward)
    valid = [row for row in rows if row["reward"] is not None]
    best: dict[str, Any]
    if not valid:
        best = {"architecture": None, "reward": None}
    elif np.ndim(valid[0]["reward"]):
        best = valid[compromise([row["reward"] for row in valid])]
    else:
        best = max(valid, key=lambda row: row["reward"])
    table = pd.DataFrame(rows, columns=["architecture", "reward", "seconds"])
    return SearchResult(table, best["architecture"], best["reward"])
