"""The oracles of KerasTuner and AutoKeras, made durable and reproducible."""

from __future__ import annotations

from typing import Any

import numpy as np
from autokeras.tuners import greedy
from keras_tuner import oracles
from keras_tuner.engine import hyperparameters

from autonas_keras.oracles.saving import DRAWS, DurableOracle


class BayesianOptimization(DurableOracle, oracles.BayesianOptimizationOracle):
    """KerasTuner's Gaussian process."""


class Hyperband(DurableOracle, oracles.HyperbandOracle):
    """KerasTuner's Hyperband."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        # Brackets count what is proposed, so what is not accepted is refused before they see it.
        return oracles.HyperbandOracle.populate_space(self, trial_id)

    def _random_values(self) -> dict[str, Any] | None:
        for _ in range(DRAWS):
            values = super()._random_values()
            if self.excess is None or values is None or self.excess(values) <= 0:
                return values
        return self._random_within()


class Greedy(DurableOracle, greedy.GreedyOracle):
    """AutoKeras's greedy search, which draws from NumPy's global generator; here from the seed, beginning with the defaults."""

    def _select_hps(self) -> list[str]:
        """Names of the hyperparameters that the next trial changes: none at first, then a random subtree of their names."""
        if not self._tried_so_far:
            return []
        best = self._get_best_hps()
        trie = greedy.Trie()
        for entry in best.space:
            if best.is_active(entry) and not isinstance(entry, hyperparameters.Fixed):
                trie.insert(entry.name)
        if len(trie.nodes) <= 1:
            return []
        weights = np.array([1 / node.num_leaves for node in trie.nodes])
        rng = np.random.default_rng([self.seed, self._seed_state])
        self._seed_state += 1
        return trie.get_hp_names(trie.nodes[rng.choice(len(weights), p=weights / weights.sum())])
