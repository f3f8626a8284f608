"""Encoding 1,000,000 rows of 40 columns, half of them strings: 60 seconds and 8 GB asked."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from autonas_keras.tasks.table_encoder import TableEncoder

CATEGORIES = (10, 100, 1_000, 10_000)


def run(seeds: Sequence[int] = (0,), rows: int = 1_000_000, columns: int = 40) -> Iterator[dict[str, Any]]:
    """A line for each seed: seconds to learn the columns and to encode them, and the memory of the process."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        table = pd.DataFrame({f"number_{i}": rng.standard_normal(rows) for i in range(columns // 2)})
        for i in range(columns - columns // 2):
            names = np.array([f"category {name}" for name in range(CATEGORIES[i % len(CATEGORIES)])], object)
            table[f"string_{i}"] = names[rng.integers(0, len(names), rows)]
        encoder, start, used = TableEncoder(), time.perf_counter(), time.process_time()
        samples = encoder.read(table, "x")
        encoder.fit(samples, "x")
        encoder.encode(samples, "x")
        yield {
            "seed": seed,
            "rows": rows,
            "columns": columns,
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - used,
            "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        }
