"""Do random architectures come in one order on two data sets? Digits as they are and as large as MNIST's, against MNIST."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

import autonas_keras as ank
from benchmarks import data
from benchmarks.time.warm_start import EPOCHS, JUDGED, SIZE, TRAINED, space

NETWORKS = 24


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """One line for each seed and size of digits: the rank correlation of validation losses with those on MNIST."""
    small, large = load_digits(), data.mnist(TRAINED, JUDGED)
    for seed in seeds:
        wanted = _losses(large.x_train, large.y_train, (large.x_test, large.y_test), seed)
        for size in (8, SIZE):
            images = tf.image.resize(small.images[..., None], (size, size), "bicubic").numpy()
            found = _losses(images, small.target, None, seed)
            assert found.keys() == wanted.keys(), "the same seed draws the same architectures"
            yield {
                "seed": seed,
                "networks": NETWORKS,
                "epochs": EPOCHS,
                "size": size,
                "spearman": spearmanr([found[key] for key in wanted], list(wanted.values())).statistic,
                "rank_of_best": 1
                + sum(np.array(list(wanted.values())) < wanted[min(found, key=lambda key: found[key])]),
            }


def _losses(x: np.ndarray, y: np.ndarray, judged: Any, seed: int) -> dict[str, float]:
    """The validation loss of each architecture, by its text."""
    with tempfile.TemporaryDirectory() as folder:
        clf = ank.ImageClassifier(
            tuner="random", space=space(), seed=seed, directory=folder, project_name="random", max_trials=NETWORKS
        )
        clf.fit(x, y, epochs=EPOCHS, validation_data=judged, verbose=0)
        board = clf.leaderboard()
        return dict(zip(board["architecture"].astype(str), board["score"].astype(float), strict=True))
