"""ASHA against the full training of all, 60 candidates on CIFAR-10; asked: the same best within 0.5 points in <= 35 % of the time.

The two sides run at the same time, each on a core of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pandas as pd

import autonas_keras as ank
from benchmarks import data

CANDIDATES = 60
EPOCHS = 27
FIRST_RUNG = 3  # epochs; from 1 on, halving took 16 % of the time and missed the best by 2.1 points
SIZES: dict[str, Any] = {"space": "nasbench201", "cells": 3, "channels": 8}
TRAINED, JUDGED = 4000, 1000


def run(
    seeds: Sequence[int] = (0,),
    candidates: int = CANDIDATES,
    epochs: int = EPOCHS,
    min_epochs: int = FIRST_RUNG,
    delayed: bool = True,
) -> Iterator[dict[str, Any]]:
    """A line for each seed: the same random architectures, halved and all trained in full; times without the final fit."""
    images = data.cifar10(TRAINED, JUDGED)
    for seed in seeds:
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise ValueError("Expected two cores, one for each side, got one; run it where there are more.")
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
            settings = {"min_epochs": min_epochs, "delayed": delayed}
            sides = [
                processes.submit(searched, cores[0], images, "asha", seed, candidates, epochs, **settings),
                processes.submit(searched, cores[1], images, "random", seed, candidates, epochs),
            ]
            (halved, halving), (full, training) = (side.result() for side in sides)
        assert set(halved["architecture"]) == set(full["architecture"])
        scores = full.set_index("architecture")["score"]
        yield {
            "seed": seed,
            "candidates": candidates,
            "epochs": epochs,
            "min_epochs": min_epochs,
            "delayed": delayed,
            "share_of_time": halving["seconds"] / training["seconds"],
            "share_of_epochs": halving["epochs"] / training["epochs"],
            "difference": 100 * float(scores.max() - scores[halved["architecture"][0]]),
            "best": 100 * float(scores.max()),
            "best_halved": 100 * float(halved["score"][0]),
            "seconds": halving["seconds"],
            "seconds_all": training["seconds"],
        }


def searched(
    core: int, images: data.Data, tuner: str, seed: int, candidates: int, epochs: int, **settings: Any
) -> tuple[pd.DataFrame, dict]:
    """The leaderboard of a search on one core, the best first, and what its trials took."""
    os.sched_setaffinity(0, {core})
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        clf = ank.ImageClassifier(
            tuner=tuner,
            seed=seed,
            max_trials=candidates,
            objective="val_accuracy",
            directory=folder,
            **SIZES,
            **settings,
        )
        own: Any = clf.tuner
        run_trials = own._run_trials

        def measured() -> None:
            start = time.perf_counter()
            run_trials()
            spent["seconds"] = time.perf_counter() - start

        own._run_trials = measured
        clf.fit(
            images.x_train, images.y_train, validation_data=(images.x_test, images.y_test), epochs=epochs, batch_size=64,
            verbose=0,
        )  # fmt: skip
        trained = own.oracle.epochs_trained if tuner == "asha" else sum(len(curve) for curve in curves(own))
        return clf.leaderboard(), {**spent, "epochs": trained}


def curves(tuner: Any) -> Iterator[list[float]]:
    """The losses of all epochs of each trial."""
    for file in tuner.project.path.glob("trial_*/curves.json"):
        yield json.loads(file.read_text())["loss"]
