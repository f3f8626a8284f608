"""Proposals within what a search may try, found by how far others are beyond it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autonas_keras.oracles.hyperparameters import Translation
from autonas_keras.spaces import Architecture
from autonas_keras.strategies import Strategy

Excess = Callable[[dict[str, Any]], float]  # of values of hyperparameters; 0 for those that may be tried


class Within:
    """Lets a strategy propose what is within an excess, as if that were one more of its limits.

    Args:
        strategy: Proposes.
        translation: Between its architectures and values.
        excess: How far values are beyond what may be tried.
        asks: Architectures at most whose excess is asked for one proposal, the sample of a warm-up beside them.
    """

    def __init__(self, strategy: Strategy, translation: Translation, excess: Excess, asks: int) -> None:
        self.strategy, self.translation, self.excess, self.asks = strategy, translation, excess, asks
        self._limits, self._costs = {**strategy.limits, "excess": 1.0}, strategy.costs
        self._left = 0

    def __call__(self, architecture: Architecture) -> Mapping[str, float]:
        """The costs of an architecture, its excess among them."""
        self._left -= 1
        if self._left < 0:
            raise _NothingFoundError
        beyond = 1.0 + float(self.excess(self.translation.values(architecture)))
        return {**(self._costs(architecture) if self._costs is not None else {}), "excess": beyond}

    def propose(self) -> Architecture | None:
        """The next proposal that may be tried, None when none is found.

        Raises:
            ValueError: When the strategy's own limits leave nothing.
        """
        strategy = self.strategy
        self._left = self.asks + (strategy.warmup_sample or 5 * strategy.warmup)
        limits, costs = strategy.limits, strategy.costs
        strategy.limits, strategy.costs = self._limits, self
        try:
            return strategy.propose()
        except _NothingFoundError:
            return None
        except ValueError:
            if limits:
                raise
            return None
        finally:
            strategy.limits, strategy.costs = limits, costs


class _NothingFoundError(Exception):
    pass
