"""Early stopping in a training that goes on after a kill."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autonas_keras.training.median import MedianStopping


class Patience(keras.callbacks.Callback):
    """Lets callbacks that stop a training know the epochs that came before, and keeps the best weights that they saw.

    It stands behind them among the callbacks.

    Args:
        callbacks: Those of the training.
        directory: Folder of its checkpoints.
        logs: What the finished epochs reported.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        directory: Path,
        logs: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__()
        self.stoppings = [c for c in callbacks if isinstance(c, (keras.callbacks.EarlyStopping, MedianStopping))]
        restoring = [c for c in self.stoppings if getattr(c, "restore_best_weights", False)]
        self.files = {directory / f"best_{number}.npz": stopping for number, stopping in enumerate(restoring)}
        self.logs = list(logs)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        for stopping in self.stoppings:
            for epoch, entry in enumerate(self.logs):
                stopping.on_epoch_end(epoch, entry)
        if self.logs:
            # What they took for the best weights just now are those of the last epoch.
            for file, stopping in self.files.items():
                stopping.best_weights = _read(file) if file.exists() else stopping.best_weights

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for file, stopping in self.files.items():
            if stopping.best_weights is not None and stopping.best_epoch == epoch:
                _write(file, stopping.best_weights)

    def give_back(self, model: keras.Model) -> None:
        """Do what the callbacks would have done at the end of a training that was killed between its last epoch and that."""
        for file in self.files:
            if file.exists():
                model.set_weights(_read(file))


def _write(file: Path, weights: Sequence[np.ndarray]) -> None:
    whole = file.with_name(f".writing.{file.name}")
    np.savez(whole, *weights)
    os.replace(whole, file)


def _read(file: Path) -> list[np.ndarray]:
    with np.load(file) as arrays:
        return [arrays[f"arr_{place}"] for place in range(len(arrays.files))]
