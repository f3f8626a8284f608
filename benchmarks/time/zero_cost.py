"""Spearman of zero-cost proxies with NAS-Bench-201's table; asked: synflow 0.72, nwot 0.74, jacob_cov 0.65, vote 0.80."""

from __future__ import annotations

import os

# One thread, as the row is recorded; before TensorFlow starts.
for _name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import time  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402

from autonas_keras.evaluation.zero_cost import PROXIES, VOTERS, zero_cost  # noqa: E402
from autonas_keras.spaces import CellSpace, get_space  # noqa: E402
from autonas_keras.strategies import rank_vote  # noqa: E402
from benchmarks import data  # noqa: E402
from benchmarks.time._untrained import minibatch, network  # noqa: E402

ARCHITECTURES = 300
CELLS = 5  # instead of 15: what the proxies say of two cells hardly depends on how often they are stacked


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """One line for each seed: rank correlations with the accuracy after 200 epochs, and processor seconds a network."""
    accuracy = pd.read_csv(data.data_file("nas_bench_201.csv.gz"), index_col="arch")["cifar10_test_acc_200ep"]
    space = get_space("nasbench201")
    assert isinstance(space, CellSpace)
    x, y = minibatch()
    for seed in seeds:
        rng, found, reached = np.random.default_rng(seed), [], []
        architectures = list(dict.fromkeys(space.sample(rng) for _ in range(2 * ARCHITECTURES)))[:ARCHITECTURES]
        seconds = {"build": 0.0, "ask": 0.0}
        for architecture in architectures:
            start = time.process_time()
            model = network(space.resized(CELLS), architecture, seed)
            middle = time.process_time()
            found.append(list(zero_cost(model, x, y, PROXIES).values()))
            reached.append(float(accuracy[str(architecture)]))
            seconds["build"] += middle - start
            seconds["ask"] += time.process_time() - middle
        table = pd.DataFrame(found, columns=list(PROXIES))
        yield {
            "seed": seed,
            "architectures": len(table),
            "cells": CELLS,
            "samples": len(x),
            **{name: float(spearmanr(table[name], reached)[0]) for name in PROXIES},
            "vote": float(spearmanr(rank_vote(table[list(VOTERS)].to_numpy()), reached)[0]),
            **{f"cpu_seconds_to_{name}": value / len(table) for name, value in seconds.items()},
        }
