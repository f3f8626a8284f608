"""Latency tables: sums of parts against 30 whole networks; asked: median error <= 10 %, rank correlation >= 0.95."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from autonas_keras import LatencyTable
from autonas_keras.spaces import CellSpace, MobileSpace

SPACES = {"darts": CellSpace.darts(), "nasbench201": CellSpace.nasbench201(), "ofa": MobileSpace.ofa()}
NETWORKS = 30


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """A line for each space, runtime and seed: images of 32x32, one at a time."""
    for seed in seeds:
        for name, space in SPACES.items():
            for runtime in ("keras", "tflite"):
                start = time.perf_counter()
                table = LatencyTable.measure(space, runtime=runtime, seed=seed)
                measured = time.perf_counter()
                frame = table.check(NETWORKS, seed=seed)
                yield {
                    "space": name,
                    "runtime": runtime,
                    "threads": table.conditions.threads,
                    "seed": seed,
                    "networks": NETWORKS,
                    "median_error": frame.attrs["median_error"],
                    "largest_error": float(frame["error"].abs().max()),
                    "rank_correlation": frame.attrs["rank_correlation"],
                    "fastest_ms": float(frame["whole_ms"].min()),
                    "slowest_ms": float(frame["whole_ms"].max()),
                    "parts": len(table.milliseconds),
                    "scale": table.conditions.scale,
                    "measure_seconds": measured - start,
                    "check_seconds": time.perf_counter() - measured,
                }
