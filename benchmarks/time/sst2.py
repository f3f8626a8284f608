"""SST-2, sentences, 5 minutes: reach 0.815, ahead of AutoKeras, Hyperband and random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.time import _sides, _tables

LIMIT = 300.0


def run(seeds: Sequence[int] = (0, 1), sides: Sequence[str] = _sides.SIDES) -> Iterator[dict[str, Any]]:
    """A line a seed of ours, and one for each other side."""
    yield from _sides.compare(_tables.sst2(), LIMIT, "TextClassifier", seeds, sides=sides)
