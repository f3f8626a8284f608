"""Latency tables: sums of parts against 30 whole networks; asked: median error <= 10 %, rank correlation >= 0.95."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import tensorflow as tf

from autonas_keras import LatencyTable
from autonas_keras.spaces import CellSpace, ChainSpace, MobileSpace

SPACES = {  # cells as many as tasks stack for images of 32x32
    "nasbench201": CellSpace.nasbench201(cells=9),
    "darts": CellSpace.darts(cells=5),
    "macro": ChainSpace.nasbench_macro(),
    "ofa": MobileSpace.ofa(),
}
RUNTIMES = ("keras", "tflite")
NETWORKS, REPEATS = 30, 160
THREADS = 1  # the sum of what runs side by side is not the time that it takes


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """A line for each space, runtime and seed: images of 32x32, one at a time, by one thread."""
    for seed, name, runtime in product(seeds, SPACES, RUNTIMES):
        yield line(name, runtime, seed)


def line(name: str, runtime: str, seed: int) -> dict[str, Any]:
    """The figures of one table, whose scale was fitted on other networks than the 30."""
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    threads = THREADS if runtime == "tflite" else None
    table = LatencyTable.measure(
        SPACES[name], runtime=runtime, threads=threads, seed=seed, repeats=REPEATS, compare=NETWORKS
    )
    about, frame = table.conditions, table.comparison
    return {
        "space": name,
        "runtime": runtime,
        "threads": about.threads,
        "seed": seed,
        "networks": about.networks,
        "median_error": about.median_error,
        "largest_error": float(frame["error"].abs().max()),
        "rank_correlation": about.rank_correlation,
        "fastest_ms": float(frame["whole_ms"].min()),
        "slowest_ms": float(frame["whole_ms"].max()),
        "parts": len(table.milliseconds) - 1,
        "scale": about.scale,
    }
