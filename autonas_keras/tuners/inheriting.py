"""Children of an evolution that begin with the weights of their parents.

Reference: Real et al., "Large-Scale Evolution of Image Classifiers", ICML 2017 (weight inheritance); Chen,
Goodfellow, Shlens, "Net2Net", ICLR 2016, for what grew wider.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autonas_keras.oracles import StrategyOracle
from autonas_keras.strategies import RegularizedEvolution
from autonas_keras.training import inherit_weights

Weights = Mapping[str, list[np.ndarray]]  # by the name of a layer


class Inheritance:
    """Keeps the weights of the networks of a population, one file each, and gives children those of their parents.

    Args:
        folder: Where the files are.
        oracle: Of an evolution.
    """

    def __init__(self, folder: Path, oracle: StrategyOracle) -> None:
        self.folder, self.oracle = folder, oracle
        self._model: keras.Model | None = None  # the network under way

    def bequeath(self, trial_id: str, model: keras.Model) -> int:
        """Give the network of a trial the weights of its parent where they agree; the number of its layers that do."""
        self._model = model
        parent = self._strategy().parent_of(self.oracle.asked(trial_id))
        file = None if parent is None else self._file(self._strategy().decode(parent))
        if file is None or not file.exists():
            return 0  # a random architecture, or one whose parent was known before
        return inherit_weights(model, _read(file), self.oracle.seed)

    def keep(self, architecture: Mapping[str, Any]) -> None:
        """Keep the weights of the network under way, which was trained."""
        model, self._model = self._model, None
        assert model is not None
        self.folder.mkdir(exist_ok=True)
        arrays = {
            f"{layer.name}/{place}": weight
            for layer in model.layers
            if not hasattr(layer, "adapt")
            for place, weight in enumerate(layer.get_weights())
        }
        file = self._file(architecture)
        whole = file.with_name(f".writing.{file.name}")
        np.savez(whole, **arrays)
        os.replace(whole, file)

    def tidy(self) -> None:
        """Remove the weights of networks that left the population."""
        alive = {self._file(self._strategy().decode(code)) for code in self._strategy().alive()}
        for file in self.folder.glob("*.npz"):
            if file not in alive:
                file.unlink()

    def _strategy(self) -> RegularizedEvolution:
        strategy = self.oracle.strategy
        assert isinstance(strategy, RegularizedEvolution)
        return strategy

    def _file(self, architecture: Mapping[str, Any]) -> Path:
        strategy = self._strategy()
        return self.folder / f"{strategy.code(architecture)}.npz"


def _read(file: Path) -> Weights:
    found: dict[str, list[np.ndarray]] = {}
    with np.load(file) as arrays:
        for key in arrays.files:  # in the order in which they were written
            found.setdefault(key.rpartition("/")[0], []).append(arrays[key])
    return found
