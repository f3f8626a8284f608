"""The median rule: a training that does worse than others did by then is not worth its end."""

from __future__ import annotations

import json
import math
import statistics
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from autonas_keras.checks import check_count
from autonas_keras.files import write_atomically

FILE = "curves.json"
RISING = ("acc", "auc", "precision", "recall", "f1", "r2")  # in names of metrics of which more is better


class MedianStopping(keras.callbacks.Callback):
    """Stop a training whose best value so far is worse than the median of what other trainings averaged until then.

    Trainings know one another by the files that each leaves in a folder when it ends, so that the rule goes on after a
    kill and holds across processes. Those that were stopped count for the epochs that they had.

    Args:
        directory: Folder of all trainings to compare; each has a folder of its own in it.
        monitor: Name of a metric in the logs.
        mode: "min", "max", or "auto" to tell by the name.
        warmup_epochs: Epochs after which nothing is stopped yet; a quarter of all when None.
        min_trials: Ended trainings that are needed before one is stopped.
        name: Name of this training's folder; None makes one up.

    Raises:
        ValueError: When ``mode`` is unknown, or a number is out of its range.

    Example:
        ``tuner.search(x, y, validation_data=judged, callbacks=[MedianStopping("runs/curves", "val_accuracy")])``

    Reference: Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2.
    """

    def __init__(
        self,
        directory: str | Path,
        monitor: str = "val_loss",
        mode: str = "auto",
        warmup_epochs: int | None = None,
        min_trials: int = 5,
        name: str | None = None,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'Expected mode to be "auto", "min" or "max", got {mode!r}.')
        check_count("warmup_epochs", 0 if warmup_epochs is None else warmup_epochs, least=0)
        check_count("min_trials", min_trials)
        self.directory, self.monitor, self.name = Path(directory), monitor, name
        if mode == "auto":
            mode = "max" if any(part in monitor for part in RISING) else "min"
        self.mode, self.warmup_epochs, self.min_trials = mode, warmup_epochs, min_trials
        self._logs: list[dict[str, float]] = []
        self._others: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._logs, self._others = [], {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        entry = {name: float(value) for name, value in (logs or {}).items()}
        if self.monitor not in entry:
            raise ValueError(f"Expected {self.monitor!r} among the logs {sorted(entry)}, got none; change monitor.")
        # A training that goes on from another has no logs of the epochs before.
        self._logs = [*self._logs[:epoch], *({} for _ in range(epoch - len(self._logs))), entry]
        warmup = int(self.params.get("epochs", 0)) // 4 if self.warmup_epochs is None else self.warmup_epochs
        if epoch + 1 > warmup and self.is_below([entry.get(self.monitor, math.nan) for entry in self._logs]):
            self.model.stop_training = True

    def is_below(self, values: Sequence[float]) -> bool:
        """Whether the best of the values of all epochs so far is worse than the median of the others' averages.

        Values before the first that is a number, of epochs that another training did, are compared with nobody's.
        """
        self._read()
        epochs = len(values)
        first = next((epoch for epoch, value in enumerate(values) if math.isfinite(value)), 0)
        averages = [statistics.fmean(other[first:epochs]) for other in self._others.values() if len(other) >= epochs]
        averages = [average for average in averages if math.isfinite(average)]
        if len(averages) < self.min_trials:
            return False
        median = statistics.median(averages)
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return True
        return max(finite) < median if self.mode == "max" else min(finite) > median

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.name = self.name or uuid.uuid4().hex
        names = {name: None for entry in self._logs for name in entry}
        history = {name: [entry.get(name, math.nan) for entry in self._logs] for name in names}
        write_curves(self.directory / self.name, history)

    def _read(self) -> None:
        """The values of all other trainings that ended; each file is read once."""
        for file in self.directory.glob(f"*/{FILE}"):
            name = file.parent.name
            if name != self.name and name not in self._others:
                self._others[name] = json.loads(file.read_text()).get(self.monitor, [])


def write_curves(folder: Path, history: Mapping[str, Sequence[float]]) -> None:
    """Leave the metrics of all epochs of a training that ended in its folder, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(
        folder / FILE, json.dumps({name: [float(v) for v in values] for name, values in history.items()}), sync=False
    )
