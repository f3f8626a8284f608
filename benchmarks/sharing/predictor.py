"""OFA's accuracy predictor on NAS-Bench-Macro's space; asked: 10,000 architectures a second or more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from autonas_keras.nasbench import NasBenchMacro
from autonas_keras.strategies import PredictedWorth
from benchmarks import data

SEEN, JUDGED = 300, 5000


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """A line for each predictor and seed: architectures a second, and how their ranks agree with the table."""
    table = NasBenchMacro(data.data_file("nas_bench_macro_cifar10.csv.gz"))
    published = table.test()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        drawn = list({table.space.sample(rng): None for _ in range(3 * (SEEN + JUDGED))})
        seen, judged = drawn[:SEEN], drawn[SEEN : SEEN + JUDGED]
        for name in ("gp", "forest", "linear"):
            worth = PredictedWorth(table.space, seen, [published(point) for point in seen], name, seed)
            worth(judged[:10])
            start = time.perf_counter()
            predicted = worth(judged)
            seconds = time.perf_counter() - start
            yield {
                "predictor": name,
                "seed": seed,
                "seen": SEEN,
                "judged": len(judged),
                "architectures_per_second": len(judged) / seconds,
                "spearman": float(spearmanr(predicted, [published(point) for point in judged])[0]),
            }
