"""Trainings that end in time: networks whose learning rate follows what is left, and supernets whose epochs are counted.

Reference: Li, Yumer, Ramanan, "Budgeted Training: Rethinking Deep Neural Network Training Under Resource Constraints",
ICLR 2020, section 3 (the schedule belongs to the share of the budget that is gone).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import keras
import tensorflow as tf

from autonas_keras.layers import faster_training
from autonas_keras.training.fit import build_metrics, light_graphs
from autonas_keras.training.paths import PathModel
from autonas_keras.training.sampling import Sampling
from autonas_keras.training.stream import Data, batches

WARMUP = 0.05  # share of a training in which its rate grows
WINDOW = 50  # steps whose mean is the speed of the moment
MEASURED = 8  # steps that are timed before a supernet is trained
LEAST_EPOCHS = 10  # epochs of a supernet, whose schedules move once an epoch

Seconds = Callable[[], float]


class Pace(keras.callbacks.Callback):
    """Brings a training to its end in time: the rate falls to zero along a cosine while the time, or the steps, run out.

    Each step is one of those that are left, and these are counted anew after each from the speed of the last ones. So
    a machine that becomes slower makes the rate fall sooner instead of cutting the training off at a high one.

    Args:
        left: Gives the seconds that are left.
        gone: Share of the time that went before, of a training that goes on after a kill.
        now: A clock that never goes back.

    Attributes:
        progress: Share of the training that is done.
        done: Steps that are done, by earlier processes too.
        step_seconds: Mean seconds of a step, with what lies between steps; None before the second one.
    """

    def __init__(self, left: Seconds, gone: float = 0.0, now: Seconds = time.monotonic) -> None:
        super().__init__()
        self.left, self.gone, self.now = left, gone, now
        self.progress, self.done = 0.0, 0
        self.step_seconds: float | None = None
        self._rate, self._most, self._taken = 0.0, 1, 0
        self._last: float | None = None
        self._test_began = self._test_seconds = 0.0

    def over(self, rate: float, steps: int) -> Pace:
        """The same, for a training of that highest rate and at most so many steps."""
        self._rate, self._most = rate, steps
        return self

    def rate(self) -> float:
        """The learning rate of the progress."""
        if self.progress < WARMUP:
            return self._rate * (0.1 + 0.9 * self.progress / WARMUP)
        return self._rate * 0.5 * (1 + math.cos(math.pi * (self.progress - WARMUP) / (1 - WARMUP)))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.done = int(self.model.optimizer.iterations)
        self.progress = max(self.done / self._most, self.gone) if self.done else 0.0
        self._set()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.step()
        self._set()
        if self.progress >= 1:
            self.model.stop_training = True

    def step(self) -> None:
        """Take in that a step ended."""
        now = self.now()
        self._taken += 1
        self.done += 1
        if self._last is not None:  # the first step is traced
            counted = min(self._taken - 1, WINDOW)
            mean = self.step_seconds or 0.0
            self.step_seconds = mean + (now - self._last - mean) / counted
        self._last = now
        remaining: float = self._most - self.done
        time_left = self.left() - self._test_seconds
        if self.step_seconds:
            remaining = min(remaining, time_left / self.step_seconds)
        elif time_left <= 0:
            remaining = 0
        self.progress = 1.0 if remaining < 1 else self.progress + (1 - self.progress) / (remaining + 1)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._test_began = self.now()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        # The last one counts: the first was traced.
        self._test_seconds = self.now() - self._test_began

    def _set(self) -> None:
        self.model.optimizer.learning_rate = self.rate()


class Deadline(keras.callbacks.Callback):
    """Stops a training whose steps turned out slower than those that its epochs were counted by.

    Args:
        left: Gives the seconds that are left.
    """

    def __init__(self, left: Seconds) -> None:
        super().__init__()
        self.left = left

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.left() <= 0:
            self.model.stop_training = True


def step_seconds(
    model: keras.Model, train: Data, validation: Data | None = None, *, batch_size: int, left: Seconds
) -> float:
    """Seconds of a training step of a supernet, by some that are really taken; the trace comes before.

    Args:
        model: A compiled ``BilevelModel``, with ``validation`` for its alphas, or a ``PathModel`` that was told its
            architectures.
        train: x and y.
        validation: x and y for the alphas.
        batch_size: Samples in a batch.
        left: Gives the seconds that are left; without any the first step is the only one, and counts with its trace.
    """
    stream = batches(train, batch_size, seed=0)
    if validation is not None:
        stream = tf.data.Dataset.zip((stream, batches(validation, batch_size, seed=1)))
    with ExitStack() as stack:
        stack.enter_context(light_graphs())
        if isinstance(model, PathModel):
            stack.enter_context(faster_training(model))
        build_metrics(model, train)
        model.make_train_function()
        times: list[float] = []
        iterator = iter(stream)
        while len(times) <= MEASURED:
            start = time.monotonic()
            float(next(iter(model.train_function(iterator).values())))  # waits for the step
            times.append(time.monotonic() - start)
            if left() <= 0:
                break
    model.reset_metrics()
    return sum(times[1:]) / len(times[1:]) if len(times) > 1 else times[0]


def path_seconds(model: PathModel, train: Data, sampling: Sampling, batch_size: int, left: Seconds) -> float:
    """``step_seconds`` of a model that trains the architectures of a sampling."""
    model.set_architectures(sampling.epoch(0, MEASURED + 1))
    return step_seconds(model, train, batch_size=batch_size, left=left)


def count_epochs(seconds: float, step: float, whole: int, wanted: int, least: int = LEAST_EPOCHS) -> tuple[int, int]:
    """Epochs of a supernet, and steps in each, that take ``seconds``.

    Schedules of supernets move from epoch to epoch: when there is time for a few epochs only, these become shorter.

    Args:
        seconds: Time for all of them.
        step: Seconds of a step.
        whole: Steps of an epoch that sees all samples.
        wanted: Epochs at most.
        least: Epochs, shortened, at least.
    """
    steps = max(1, int(seconds / step))
    epochs = min(wanted, max(least, steps // whole), steps)
    return epochs, min(whole, steps // epochs)
