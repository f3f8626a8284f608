"""What several rows do: a search and training by the public interface, timed and counted."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np

import autonas_keras as ank
from benchmarks.data import Data


def darts(data: Data, seed: int, fit: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """Search, train and test in a folder of its own.

    Args:
        data: What is trained on and tested.
        seed: Of everything.
        fit: Arguments of ``fit`` other than the data.
        **settings: Arguments of ``ImageClassifier``.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        clf = ank.ImageClassifier(tuner="darts", directory=folder, seed=seed, **settings)
        clf.fit(data.x_train, data.y_train, verbose=0, **(fit or {}))
        seconds = time.perf_counter() - start
        return {
            "method": "darts",
            "seed": seed,
            "accuracy": accuracy(clf.predict(data.x_test, verbose=0), data.y_test),
            "seconds": seconds,
            "params": clf.export_model().count_params(),
            "architecture": str(clf.best_architecture).replace("\n", " "),
        }


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Share of equal labels; strings of numbers count as the numbers."""
    return float(np.mean(np.asarray(predicted).ravel().astype(true.dtype) == true))
