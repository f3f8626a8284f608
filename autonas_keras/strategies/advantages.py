"""How much better than expected a reward is, and how far PPO follows it."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np


class MovingMoments:
    """Exponentially weighted mean and deviation, with no bias towards a start.

    Args:
        decay: Weight of what was there for each value added; the first values weigh almost the same.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.weight = self.mean = self.squares = 0.0

    def add(self, value: float) -> None:
        """Take in one value."""
        self.weight = self.decay * self.weight + 1
        before = value - self.mean
        self.mean += before / self.weight
        self.squares = self.decay * self.squares + before * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Standard deviation of the values so far, 0 before the first."""
        return float(np.sqrt(self.squares / self.weight)) if self.weight else 0.0

    def get_state(self) -> list[float]:
        """The sums, as JSON knows them."""
        return [self.weight, self.mean, self.squares]

    def set_state(self, state: list[float]) -> None:
        """Go on from what ``get_state`` gave."""
        self.weight, self.mean, self.squares = map(float, state)


def surrogate_weights(
    log_prob: np.ndarray, old_log_prob: np.ndarray, advantages: np.ndarray, clip: float
) -> np.ndarray:
    """Derivative of PPO's clipped surrogate in the log-probabilities of the architectures.

    The surrogate is ``min(ratio * advantage, clip(ratio, 1 - clip, 1 + clip) * advantage)`` with the ratio of new to old
    probability: flat where the ratio has gone further than ``clip`` to the side that the advantage asks for.

    Reference: Schulman et al., "Proximal Policy Optimization Algorithms", arXiv 1707.06347, equation 7.
    """
    change = np.asarray(log_prob, np.float64) - old_log_prob
    flat = np.where(advantages > 0, change > np.log1p(clip), change < _log_below(clip))
    # Where it is not flat an advantage above zero has a bounded ratio; below zero the ratio could overflow.
    return np.where(flat, 0.0, np.exp(np.minimum(change, 20.0)) * advantages)


def _log_below(clip: float) -> float:
    return float(np.log1p(-clip)) if clip < 1 else -np.inf


def normal_scores(rewards: list[float], among: Iterable[float]) -> list[float]:
    """Quantile of the standard normal distribution at the rank of each reward among others, ties in the middle."""
    known = np.sort(np.array(list(among)))
    if not len(known):
        return [0.0] * len(rewards)
    below, up_to = np.searchsorted(known, rewards, "left"), np.searchsorted(known, rewards, "right")
    least = 0.5 / len(known)
    shares = np.clip((below + up_to) / (2 * len(known)), least, 1 - least)
    return [NormalDist().inv_cdf(share) for share in shares.tolist()]
