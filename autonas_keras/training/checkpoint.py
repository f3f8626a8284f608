"""A training that goes on where it was killed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from autonas_keras.files import write_atomically

HISTORY = "history.json"
NOTES = ("record", "seconds")  # what the entry of an epoch holds beside its logs


class TrainingCheckpoint(keras.callbacks.Callback):
    """Keep every variable of a training after each epoch, and bring them back.

    Model variables (generators of dropout included), the variables of all given optimizers and the logs are kept in
    explicit lists, learning rates left out: a schedule or a pace sets them anew, and one may take the place of the other; files are switched by TensorFlow's checkpoint manager, so that a kill while saving leaves the last one.

    Args:
        directory: Folder of its own.
        model: A compiled model whose optimizers are built.
        optimizers: The optimizers to keep.
        record: Function that gives what else to write down after each epoch, as JSON takes it.
    """

    def __init__(
        self,
        directory: str | Path,
        model: keras.Model,
        optimizers: list[keras.optimizers.Optimizer],
        record: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.record = record
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.stopped = tf.Variable(False, trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            epoch=self.epoch,
            stopped=self.stopped,
            model=[variable.value for variable in model.variables],
            optimizers=[
                variable.value
                for optimizer in optimizers
                for variable in optimizer.variables
                if variable is not getattr(optimizer, "_learning_rate", None)
            ],
        )
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(self.directory / "state"), max_to_keep=2)
        self.logs: list[dict[str, Any]] = []
        self._since = time.perf_counter()

    def restore(self) -> int:
        """Bring back the last finished epoch and give the number of finished epochs, 0 when there is none."""
        if self._manager.latest_checkpoint is None:
            return 0
        self._checkpoint.restore(self._manager.latest_checkpoint).assert_existing_objects_matched()
        epoch = int(self.epoch.numpy())
        self.logs = json.loads((self.directory / HISTORY).read_text())[:epoch]
        return epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        entry: dict[str, Any] = {name: float(value) for name, value in (logs or {}).items()}
        entry["seconds"] = round(time.perf_counter() - self._since, 4)
        self._since = time.perf_counter()
        if self.record is not None:
            entry["record"] = self.record()
        self.logs = [*self.logs[:epoch], entry]
        write_atomically(self.directory / HISTORY, json.dumps(self.logs))
        self.epoch.assign(epoch + 1)
        # This callback is the last one, so it sees whether another one has stopped the training.
        self.stopped.assign(bool(self.model.stop_training))
        self._manager.save()

    def finished(self, epochs: int) -> bool:
        """Whether a training of that many epochs did its last one, by their number or because a callback stopped it."""
        return bool(self.stopped.numpy()) or self.ended(epochs)

    def ended(self, epochs: int) -> bool:
        """Whether a training of that many epochs ended by itself, and callbacks did what they do at the end."""
        path = self.directory / "finished.json"
        return path.exists() and json.loads(path.read_text())["epochs"] == epochs

    def finish(self, epochs: int) -> None:
        """Keep what callbacks did at the end, and write down that a training of that many epochs ended by itself."""
        self._manager.save()
        write_atomically(self.directory / "finished.json", json.dumps({"epochs": epochs}))

    def history(self) -> dict[str, list[float]]:
        """The logs of all epochs, those before a restart included, by name."""
        names = {name: None for entry in self.logs for name in entry if name not in NOTES}
        return {name: [entry[name] for entry in self.logs if name in entry] for name in names}


def spent(directory: str | Path) -> float:
    """Seconds of the finished epochs of all trainings that are kept in a folder, those before a kill included."""
    seconds = 0.0
    for file in sorted(Path(directory).rglob(HISTORY)):
        seconds += sum(float(entry.get("seconds", 0.0)) for entry in json.loads(file.read_text()))
    return seconds
