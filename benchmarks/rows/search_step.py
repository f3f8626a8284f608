"""The search step of 8 DARTS cells, merged against plain and second against first order, steps taken in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

SIDES = ("plain", "merged", "second")
ROUNDS = 7


class Side:
    """A process that takes a step when it is told to."""

    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.step_side", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.start = self._read()
        self.steps: list[float] = []
        self.peak = 0.0

    def _read(self) -> dict[str, float]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def step(self) -> None:
        """Take one step and note its seconds and the peak memory so far, in MB."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = self._read()
        self.steps.append(found["step"])
        self.peak = found["peak_mb"]

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """One line a side, then one of ratios: merged / plain in time, memory and nodes, second / first order in time."""
    sides = {name: Side(name) for name in SIDES}
    for side in sides.values():
        side.step()
        side.steps.clear()
    for _ in range(ROUNDS):
        for side in sides.values():
            side.step()
    for name, side in sides.items():
        yield {"side": name, "step_s": median(side.steps), "peak_mb": side.peak, **_start(side)}
        side.close()
    plain, merged, second = (sides[name] for name in SIDES)
    yield {
        "side": "ratio",
        "step_ratio": median(a / b for a, b in zip(merged.steps, plain.steps, strict=True)),
        "memory_ratio": merged.peak / plain.peak,
        "nodes_ratio": merged.start["nodes"] / plain.start["nodes"],
        "second_order_ratio": median(a / b for a, b in zip(second.steps, merged.steps, strict=True)),
    }


def _start(side: Side) -> dict[str, Any]:
    return {
        "start_up_s": side.start["start_up"],
        "trace_s": side.start["build_and_trace"],
        "nodes": int(side.start["nodes"]),
    }
