"""Random search, the baseline of every other.

Reference: Li, Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019.
"""

from __future__ import annotations

from autonas_keras.spaces import Architecture
from autonas_keras.strategies.base import Strategy


class RandomSearch(Strategy):
    """Draws every active decision uniformly; without repeats it ends when every architecture was proposed once.

    Args:
        space: What is searched.
        **kwargs: What ``Strategy`` takes: ``seed``, ``unique``, ``limits``, ``costs``, ``scorer``, ``warmup`` and others.
    """

    def _suggest(self) -> Architecture:
        return self.space.sample(self.rng)
