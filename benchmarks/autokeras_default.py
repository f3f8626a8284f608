"""AutoKeras's own tasks, and tuners that know no limit, under a clock, to stand beside ours."""

from __future__ import annotations

import tempfile
import time
from typing import Any
from unittest import mock

import autokeras as ak
import keras
import numpy as np
from autokeras.graph import Graph
from autokeras.pipeline import load_pipeline

from benchmarks.data import Data
from benchmarks.search import accuracy


class TimeUp(BaseException):
    """Ends a search; KerasTuner takes every ``Exception`` for a failed trial and goes on."""


class Deadline(keras.callbacks.Callback):
    """Cuts the first trial short and every later one off when the time is up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = time.perf_counter() + seconds
        self.trials = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> Deadline:
        # KerasTuner copies callbacks for each trial; the count of trials has to be of all of them.
        return self

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.trials += 1
        self.check()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.check()

    def check(self) -> None:
        if time.perf_counter() > self.end:
            if self.trials > 1:
                raise TimeUp
            self.model.stop_training = True


def set_io_shapes(graph: Graph, shapes: Any) -> None:
    """AutoKeras's own, with plain numbers: keras >= 3.13 takes no ``numpy.int64`` for the units of a layer."""
    original(graph, shapes)
    for shaped in (*graph.inputs, *(node.in_blocks[0] for node in graph.outputs)):
        shaped.shape = tuple(int(size) for size in shaped.shape)


original = Graph.set_io_shapes


def autokeras(data: Data, seed: int, seconds: float, task: Any = ak.ImageClassifier) -> dict[str, Any]:
    """As many trials of a task of AutoKeras with its defaults as fit into ``seconds``, tested."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Graph, "set_io_shapes", set_io_shapes):
        clf = task(directory=folder, max_trials=1000, seed=seed)
        return {"method": "autokeras", "seed": seed, **stopped(clf, data, seconds)}


def stopped(clf: Any, data: Any, seconds: float, **fit: Any) -> dict[str, Any]:
    """A task with a tuner that knows no limit, stopped after ``seconds``, and its best trial tested."""
    deadline = Deadline(seconds)
    start = time.perf_counter()
    try:
        clf.fit(data.x_train, data.y_train, callbacks=[deadline], verbose=0, **fit)
    except (TimeUp, RuntimeError) as end:  # RuntimeError: the third trial in a row that could not be built
        print(f"The search ended in trial {deadline.trials}: {str(end) or 'the time is up'}")
    taken = time.perf_counter() - start
    # What AutoKeras itself predicts with: the checkpoint of its best trial.
    best = clf.tuner.oracle.get_best_trials(1)[0]
    load_pipeline(clf.tuner._pipeline_path(best.trial_id)).save(clf.tuner.best_pipeline_path)
    return {
        "accuracy": accuracy(clf.predict(data.x_test, verbose=0), np.asarray(data.y_test)),
        "seconds": taken,
        "params": clf.tuner.get_best_model().count_params(),
        "trials": deadline.trials,
    }
