"""What a trial costs through the oracle of a strategy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras_tuner
import numpy as np

from autonas_keras import oracles
from autonas_keras.spaces import CellSpace

ORACLES = {
    "random": oracles.RandomSearch,
    "evolution": oracles.RegularizedEvolution,
    "genetic": oracles.Genetic,
    "epsilon_greedy": oracles.EpsilonGreedy,
    "local_search": oracles.LocalSearch,
    "reinforce": oracles.Reinforce,
}
WINDOW = 50  # trials that are timed


def oracle(strategies: Sequence[str], evaluations: int = 1000, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Milliseconds of create_trial and end_trial on the DARTS cells after 1,000 trials, files written included.

    A predictor, whose proposals alone take longer, is in the row ``cost``.
    """
    space = CellSpace.darts()
    for text in strategies:
        name = text.partition(":")[0]
        if name not in ORACLES:
            continue
        hp = keras_tuner.HyperParameters()
        space.declare(hp)
        objective = keras_tuner.Objective("score", "max")
        tried = ORACLES[name](
            objective=objective, max_trials=evaluations + WINDOW, seed=seed, space=space, hyperparameters=hp
        )
        tried.verbose = 0
        rng = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as folder:
            tried._set_project_dir(folder, "search")
            seconds = [_trial(tried, float(rng.random())) for _ in range(evaluations + WINDOW)][-WINDOW:]
        yield {
            "strategy": name,
            "trials": evaluations,
            "trial_ms": 1e3 * float(np.mean(seconds)),
            "slowest_ms": 1e3 * max(seconds),
        }


def _trial(tried: Any, score: float) -> float:
    """Seconds of ``create_trial`` and ``end_trial``."""
    start = time.perf_counter()
    trial = tried.create_trial("tuner0")
    created = time.perf_counter()
    tried.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    ending = time.perf_counter()
    tried.end_trial(trial)
    return time.perf_counter() - ending + created - start
