"""BigNAS on CIFAR-10: five networks within 3 points of the same trained alone, and better than ten random ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import data
from benchmarks.elastic import Comparison

EPOCHS = 60
RANDOM = 10


def run(
    seeds: Sequence[int] = (0,), images: int = 10_000, epochs: int = EPOCHS, random: int = RANDOM, **settings: Any
) -> Iterator[dict[str, Any]]:
    """A line for each network and seed; fewer images and epochs try it out."""
    for seed in seeds:
        comparison = Comparison(
            "bignas", data.cifar10(images), {"search_epochs": epochs, **settings}, alone_epochs=epochs, random=random
        )
        yield from comparison.run(seed)
