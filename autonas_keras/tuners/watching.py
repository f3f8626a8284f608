"""Who looks on while a search runs: callbacks of the user that know searches, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import keras

PAUSE = 30.0  # seconds between two lines about the time that is left, and before the first one
REMEMBERED = 10  # steps whose median is taken for those to come


def named(callbacks: Sequence[Any], name: str, supernet: bool = False, **network: Any) -> list[Any]:
    """The callbacks, those that keep runs apart told the name of this one.

    Args:
        callbacks: Keras callbacks; those with a method ``begin_run`` keep runs apart.
        name: Name of the run.
        supernet: Whether a supernet is trained, which only those callbacks know how to watch.
        **network: Space and architecture of the network that is trained.
    """
    knowing = [callback for callback in callbacks if hasattr(callback, "begin_run")]
    for callback in knowing:
        callback.begin_run(name, **network)
    return knowing if supernet else list(callbacks)


class Estimate:
    """How long a number of like steps still takes, by the median of the last ones.

    Args:
        total: Steps in all.
        done: Steps that were done before now.
    """

    def __init__(self, total: int, done: int = 0) -> None:
        self.total, self.done = total, done
        self._seconds: list[float] = []
        self._last = time.perf_counter()
        self._told = self._last

    def step(self, done: int) -> str | None:
        """Take in that so many steps are done; a sentence about the rest, None when one was told shortly before."""
        now = time.perf_counter()
        if done > self.done:
            self._seconds = [*self._seconds, (now - self._last) / (done - self.done)][-REMEMBERED:]
        self.done, self._last = done, now
        if now - self._told < PAUSE or not self._seconds or done >= self.total:
            return None
        self._told = now
        return f"about {duration(median(self._seconds) * (self.total - done))} left"


class TimeLeft(keras.callbacks.Callback):
    """Prints now and then how long a training still takes; Keras's bar knows it for the epoch only.

    Args:
        epochs: Epochs in all.
        what: What takes so long, for the sentence.
    """

    def __init__(self, epochs: int, what: str) -> None:
        super().__init__()
        self.epochs, self.what = epochs, what
        self._estimate: Estimate | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._estimate is None:
            self._estimate = Estimate(self.epochs, epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert self._estimate is not None
        if (left := self._estimate.step(epoch + 1)) is not None:
            print(f"Epoch {epoch + 1} of {self.epochs} of {self.what}, {left}.")


def duration(seconds: float) -> str:
    """A time in words, as exact as an estimate is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{round(seconds / 3600)} h"
