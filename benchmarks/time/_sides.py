"""The sides that are compared: what one gets without naming anything, AutoKeras, and KerasTuner's oracles."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pandas as pd
from autokeras.tuners import Hyperband, RandomSearch

import autonas_keras as ank
from benchmarks import autokeras_default
from benchmarks.data import Data
from benchmarks.search import accuracy


class MendedHyperband(Hyperband):
    """AutoKeras's Hyperband, whose trials go on from others: KerasTuner looks for a file that AutoKeras does not write."""

    def _build_hypermodel(self, hp: Any) -> keras.Model:
        model = keras_tuner.Tuner._build_hypermodel(self, hp)
        if "tuner/trial_id" in hp.values:
            model.load_weights(self._get_checkpoint_fname(hp.values["tuner/trial_id"]))
        return model


EPOCHS = 27  # of the longest training of a tuner that knows no limit, as ours has it for Hyperband
# KerasTuner's tuners as AutoKeras brings them: they are stopped when the time is up, and the best trial is used.
PLAIN = {"keras_tuner_hyperband": MendedHyperband, "keras_tuner_random": RandomSearch}
# The last two are the same oracles with our clock, sizes of networks and final training; random has no repeats there.
SIDES = ("auto", "autokeras", *PLAIN, "hyperband", "random")


def compare(
    data: Any,
    limit: float,
    task: str,
    seeds: Sequence[int],
    space: str | None = None,
    sides: Sequence[str] = SIDES,
) -> Iterator[dict[str, Any]]:
    """A line for each seed of ours, and one for each other side with the first seed.

    Args:
        data: What is trained on and tested, as people have it.
        limit: Seconds that each side gets.
        task: Name of the task, the same in both packages.
        seeds: Of ours.
        space: The space that KerasTuner's oracles search; None for that of the task.
        sides: Which sides, of ``SIDES``.
    """
    unknown = set(sides) - set(SIDES)
    if unknown:
        raise ValueError(f"Expected sides among {', '.join(SIDES)}, got {min(unknown)!r}.")
    chosen = {} if space is None else {"space": space}
    for side in sides:
        if side == "auto":
            for seed in seeds:
                yield fitted(data, seed, limit, task)
        elif side == "autokeras":
            found = autokeras_default.autokeras(for_autokeras(data), seeds[0], limit, getattr(ak, task))
            yield {**found, "limit": limit}
        elif side in PLAIN:
            yield plain(data, seeds[0], limit, task, side, **chosen)
        else:
            yield fitted(data, seeds[0], limit, task, tuner=side, **chosen)


def fitted(data: Any, seed: int, limit: float, task: str, **settings: Any) -> dict[str, Any]:
    """A task of this package with a time limit, in a folder of its own, tested."""
    with tempfile.TemporaryDirectory() as folder:
        clf = getattr(ank, task)(directory=folder, seed=seed, **settings)
        start = time.perf_counter()
        clf.fit(data.x_train, data.y_train, time_limit=limit, verbose=0)
        seconds = time.perf_counter() - start
        return {
            "method": settings.get("tuner", "auto"),
            "tuner": clf.tuner.method.name,
            "seed": seed,
            "accuracy": accuracy(clf.predict(data.x_test, verbose=0), np.asarray(data.y_test)),
            "limit": limit,
            "seconds": seconds,
            "params": clf.export_model().count_params(),
            "trials": len(clf.leaderboard()),
            "architecture": str(clf.best_architecture).replace("\n", " "),
        }


def plain(data: Any, seed: int, limit: float, task: str, name: str, **settings: Any) -> dict[str, Any]:
    """The same task and space searched by KerasTuner alone, which knows no limit; networks learn by Adam, at its default rate."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"max_epochs": EPOCHS} if PLAIN[name] is MendedHyperband else {}
        clf = getattr(ank, task)(tuner=PLAIN[name], directory=folder, max_trials=1000, seed=seed, **settings, **own)
        clf.tuner.hypermodel.optimizer = keras.optimizers.Adam  # else AutoKeras lets its tuners search optimizers too
        found = autokeras_default.stopped(clf, data, limit, epochs=EPOCHS)
        return {"method": name, "tuner": name, "seed": seed, **found, "limit": limit}


def for_autokeras(data: Any) -> Data:
    """The same as NumPy arrays, which is what AutoKeras 3 takes; cells of mixed tables as strings."""

    def array(part: Any) -> np.ndarray:
        if isinstance(part, pd.DataFrame):
            return part.to_numpy().astype(str)
        return part if isinstance(part, np.ndarray) else np.asarray(part).astype(str)

    return Data(*(array(part) for part in data))
