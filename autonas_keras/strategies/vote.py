"""Choosing among architectures that were not trained, by what cheap proxies say of them.

Reference: Abdelfattah, Mehrotra, Dudziak, Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021: their vote, and the
warm-up and the moves of a search that they guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autonas_keras.checks import check_count
from autonas_keras.spaces import Architecture

if TYPE_CHECKING:
    from autonas_keras.strategies.base import Strategy

TRIES = 20  # random draws for each architecture of a sample
REFUSED = 4_000  # of them, so many may be beyond the limits

# What proxies say of architectures, larger is better: shape (architectures,) or (architectures, proxies).
Scorer = Callable[[Sequence[Architecture]], Any]


def rank_vote(scores: np.ndarray) -> np.ndarray:
    """The mean over the proxies of the rank of each row, from 0 to 1, larger is better; equal scores share a rank.

    Args:
        scores: Shape (architectures, proxies) or (architectures,).
    """
    table = np.asarray(scores, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    ranks = np.zeros(len(table))
    for column in table.T:
        _, group, counts = np.unique(column, return_inverse=True, return_counts=True)
        ranks += (np.cumsum(counts) - (counts + 1) / 2)[group]
    return ranks / (table.shape[1] * max(1, len(table) - 1))


def told(scorer: Scorer, architectures: Sequence[Architecture]) -> np.ndarray:
    """What a scorer says of architectures, shape (architectures, proxies).

    Raises:
        ValueError: When it is not a finite number or row for each.
    """
    found = np.asarray(scorer(architectures), dtype=float)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or len(found) != len(architectures) or not np.isfinite(found).all():
        raise ValueError(
            f"Expected a scorer that gives a finite number or row for each of {len(architectures)} architectures, got "
            f"shape {found.shape}{'' if np.isfinite(found).all() else ' with numbers that are not finite'}."
        )
    return found


def best_of(scorer: Scorer, architectures: Sequence[Architecture]) -> Architecture:
    """The architecture that the vote ranks first, the first of equal ones."""
    if len(architectures) == 1:
        return architectures[0]
    return architectures[int(np.argmax(rank_vote(told(scorer, architectures))))]


class WarmUp:
    """The first proposals of a strategy: of a random sample those that the vote ranks first.

    Args:
        scorer: What ranks them.
        count: Proposals.
        sample: Architectures of the sample.
    """

    def __init__(self, scorer: Scorer, count: int, sample: int) -> None:
        self.scorer, self.count, self.sample = scorer, count, sample
        self._queue: list[str] | None = None

    def suggest(self, strategy: Strategy) -> Architecture | None:
        """The next of them, None when they have all been suggested."""
        if self._queue is None:
            drawn = self._drawn(strategy)
            votes = rank_vote(told(self.scorer, drawn)) if drawn else np.zeros(0)
            self._queue = [strategy.code(drawn[i]) for i in np.argsort(-votes, kind="stable")[: self.count]]
        return strategy.decode(self._queue.pop(0)) if self._queue else None

    def _drawn(self, strategy: Strategy) -> list[Architecture]:
        """Different random architectures within the limits that are not known."""
        found: dict[str, Architecture] = {}
        refused: set[str] = set()
        for _ in range(TRIES * self.sample):
            if len(found) == self.sample or len(refused) == REFUSED:
                break
            architecture = strategy.space.sample(strategy.rng)
            code = strategy.code(architecture)
            if code in found or code in refused or strategy.knows(code):
                continue
            if strategy.within(architecture):
                found[code] = architecture
            else:
                refused.add(code)
        return list(found.values())

    def get_state(self) -> dict[str, Any]:
        """What is left, as JSON knows it."""
        return {"queue": self._queue}

    def set_state(self, state: Mapping[str, Any], strategy: Strategy) -> None:
        """The inverse of ``get_state``."""
        queue = state["queue"]
        self._queue = None if queue is None else [strategy.code(strategy.decode(code)) for code in queue]


def make_warm_up(scorer: Scorer | None, warmup: int, sample: int | None) -> WarmUp | None:
    """The warm-up of checked settings, None for none.

    Raises:
        ValueError: When there is no scorer for it, or the sample is smaller than what is taken of it.
    """
    check_count("warmup", warmup, least=0)
    check_count("warmup_sample", 1 if sample is None else sample)
    if scorer is not None and not callable(scorer):
        raise ValueError(f"Expected scorer to be a function of architectures, got {scorer!r}.")
    if not warmup:
        return None
    if scorer is None:
        raise ValueError("Expected a scorer, a function that ranks architectures, with warmup, got None.")
    size = 5 * warmup if sample is None else sample
    if size < warmup:
        raise ValueError(f"Expected warmup_sample of {warmup} or more, of which warmup takes so many, got {sample}.")
    return WarmUp(scorer, int(warmup), int(size))
