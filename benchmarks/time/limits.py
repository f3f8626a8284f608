"""What a time limit of 1, 5 and 10 minutes takes on all five data sets; asked: within 10 % or 15 s, whichever is more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import data
from benchmarks.time import _sides, _tables, digits

LIMITS = (60.0, 300.0, 600.0)


DATA: dict[str, tuple[str, Callable[[], Any]]] = {
    "digits": ("ImageClassifier", digits.load),
    "sst2": ("TextClassifier", _tables.sst2),
    "adult": ("StructuredDataClassifier", _tables.adult),
    "mnist": ("ImageClassifier", lambda: data.mnist(8000, 2000)),
    "cifar10": ("ImageClassifier", lambda: data.cifar10(10_000, 2000)),
}


def run(seeds: Sequence[int] = (0,), limits: Sequence[float] = LIMITS) -> Iterator[dict[str, Any]]:
    """A line for each limit, data set and seed; the shortest limits first."""
    for limit in limits:
        for seed in seeds:
            for name, (task, load) in DATA.items():
                found = _sides.fitted(load(), seed, limit, task)
                over = found["seconds"] - limit
                yield {"data": name, **found, "over": over, "kept": over <= max(0.1 * limit, 15.0)}
