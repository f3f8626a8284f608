"""Evolution on MNIST warmed by digits; asked: the cold search's best in <= 60 % of its trials, median of 5 seeds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import autonas_keras as ank
from autonas_keras.spaces import CellSpace
from benchmarks import data

TRIALS, EPOCHS, TRAINED = 20, 3, 2000
JUDGED = 3000  # on 400, a fifth of those, the best of 20 trials is decided by chance
EARLIER = 40  # trials on digits
# Of digits as they are, 8x8, the order of architectures is another one: what reads 2x2 at the end needs no large kernels.
SIZE = 28


def run(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Iterator[dict[str, Any]]:
    """One line for each seed: after how many trials the warm search is as good as the best of the cold one."""
    small = load_digits()
    images = tf.image.resize(small.images[..., None], (SIZE, SIZE), "bicubic").numpy()
    large = data.mnist(TRAINED, JUDGED)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            x, y, judged = large.x_train, large.y_train, (large.x_test, large.y_test)
            _search(folder, "digits", images, small.target, None, seed, EARLIER)
            cold = _search(folder, "cold", x, y, judged, seed)
            warm = _search(folder, "warm", x, y, judged, seed, warm_start=str(Path(folder) / "digits"))
        best = min(cold)
        needed = next((count for count, loss in enumerate(warm, 1) if loss <= best), None)
        yield {
            "seed": seed,
            "trials": TRIALS,
            "epochs": EPOCHS,
            "samples": TRAINED,
            "judged": JUDGED,
            "earlier_trials": EARLIER,
            "earlier_size": SIZE,
            "objective": "val_loss",
            "best_of_cold": best,
            "trials_of_cold": cold.index(best) + 1,
            "best_of_warm": min(warm),
            "trials_of_warm": needed or "",
            "share_of_trials": needed / TRIALS if needed else float(np.inf),
        }


def space() -> CellSpace:
    """NAS-Bench-201's, in a network that learns in seconds."""
    return CellSpace.nasbench201(cells=3, channels=8)


def _search(
    folder: str, name: str, x: np.ndarray, y: np.ndarray, judged: Any, seed: int, trials: int = TRIALS, **settings: Any
) -> list[float]:
    """The validation losses of the trials, in their order."""
    clf = ank.ImageClassifier(
        tuner="evolution", space=space(), seed=seed, directory=folder, project_name=name,
        max_trials=trials, population_size=8, sample_size=3, **settings,
    )  # fmt: skip
    clf.fit(x, y, epochs=EPOCHS, validation_data=judged, verbose=0)
    board = clf.leaderboard().astype({"trial": int}).sort_values("trial")
    return [float(score) for score in board["score"]]
