"""Trials in one traced supernet against stand-alone networks; asked: 3 times faster, best accuracy within 0.5 points."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from sklearn.datasets import load_digits

import autonas_keras as ank
from autonas_keras.training import ScratchTraining

TRIALS = 60
EPOCHS = 4
BATCH_SIZE = 64
TRAINED, JUDGED = 1000, 400  # of 1,797 digits; the others test what is found


def run(seeds: Sequence[int] = (0,), trials: int = TRIALS) -> Iterator[dict[str, Any]]:
    """A line for each seed: evolution on NAS-Bench-201's cell, first in the supernet, then with stand-alone networks."""
    for seed in seeds:
        shared, alone = (_search(seed, trials, share) for share in (True, False))
        yield {
            "seed": seed,
            "trials": trials,
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            "times_faster": alone["search_seconds"] / shared["search_seconds"],
            "times_less_cpu": alone["search_cpu_seconds"] / shared["search_cpu_seconds"],
            "best_difference": shared["best_accuracy"] - alone["best_accuracy"],
            **{f"{name}_shared": value for name, value in shared.items()},
            **{f"{name}_alone": value for name, value in alone.items()},
        }


def _search(seed: int, trials: int, share: bool) -> dict[str, float]:
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    parts = np.split(order, [TRAINED, TRAINED + JUDGED])
    (x, y), judged, test = ((data.images[rows].astype("float32"), data.target[rows]) for rows in parts)
    starts: list[float] = []
    sizes: list[float] = []
    spent: dict[str, float] = {}

    def started(training: ScratchTraining, architecture: Any) -> None:
        begin = time.perf_counter()
        start(training, architecture)
        starts.append(time.perf_counter() - begin)

    start = ScratchTraining.start
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ScratchTraining, "start", started):
        clf = ank.ImageClassifier(
            tuner="evolution", space="nasbench201", seed=seed, max_trials=trials, objective="val_accuracy",
            share_graph=share, directory=folder, project_name="search",
        )  # fmt: skip
        tuner: Any = clf.tuner
        ended, run_trials = tuner.on_trial_end, tuner._run_trials

        def measured() -> None:
            seconds, processor = time.perf_counter(), time.process_time()
            run_trials()
            spent["search_seconds"] = time.perf_counter() - seconds
            # What counts on a machine that does other things too.
            spent["search_cpu_seconds"] = time.process_time() - processor

        def watched(trial: Any) -> None:
            ended(trial)
            sizes.append(resident())

        tuner.on_trial_end = watched
        tuner._run_trials = measured
        clf.fit(x, y, validation_data=judged, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0)
        board = clf.leaderboard()
        accuracy = 100 * float(np.mean(np.ravel(clf.predict(test[0], verbose=0)) == test[1]))
    return {
        **spent,
        "first_trial_seconds": float(board.set_index("trial")["seconds"].sort_index().iloc[0]),
        "trial_seconds": float(board["seconds"].median()),
        "start_ms": 1000 * statistics.median(starts) if starts else float("nan"),
        "best_accuracy": 100 * float(board["val_accuracy"].max()),
        "test_accuracy": accuracy,
        "mb_after_10": sizes[min(9, len(sizes) - 1)],
        "mb_after_all": sizes[-1],
    }


def resident() -> float:
    """Megabytes of this process in memory; NaN where the system does not tell."""
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) * resource.getpagesize() / 1e6 if file.exists() else float("nan")
