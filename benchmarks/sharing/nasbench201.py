"""NAS-Bench-201's cell by enas and spos on 10,000 CIFAR-10 images, <= 12 minutes each; asked: 92.5 for each of 3 seeds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

import autonas_keras as ank
from benchmarks import data

METHODS = ("spos", "enas")


def run(seeds: Sequence[int] = (0, 1, 2)) -> Iterator[dict[str, Any]]:
    """One line for each method and seed: the cell, its published accuracies and the seconds of the search."""
    table = pd.read_csv(data.data_file("nas_bench_201.csv.gz"), index_col="arch")
    accuracies = table["cifar10_test_acc_200ep"]
    images = data.cifar10(10_000, 1)
    for seed in seeds:
        for method in METHODS:
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                clf = ank.ImageClassifier(tuner=method, space="nasbench201", directory=folder, seed=seed)
                # The table knows what the network reaches: one epoch is enough here.
                clf.fit(images.x_train, images.y_train, epochs=1, verbose=0)
                seconds = time.perf_counter() - start
                found = str(clf.best_architecture)
            yield {
                "method": method,
                "seed": seed,
                "cifar10_test_acc_200ep": float(accuracies[found]),
                "rank_of_15625": int((accuracies > accuracies[found]).sum()) + 1,
                "seconds": seconds,
                "params": int(table["params_cifar10"][found]),
                "architecture": found,
            }
