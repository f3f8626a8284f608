"""Adult, test accuracy in per cent: 86.4 asked; logistic regression and gradient boosting beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.tabular_text import _tables


def run(seeds: Sequence[int] = (0, 1, 2)) -> Iterator[dict[str, Any]]:
    """A line for each seed."""
    table = _tables.adult()
    linear = _tables.accuracy(_tables.linear(table).predict(table.x_test), table.y_test)
    for seed in seeds:
        boosting = _tables.boosting(table, seed).predict(table.x_test)
        figures: dict[str, Any] = {
            "seed": seed,
            "logistic_regression": linear,
            "gradient_boosting": _tables.accuracy(boosting, table.y_test),
        }
        for tuner in _tables.TUNERS:
            _, found, seconds = _tables.searched(table, seed, tuner)
            figures |= {tuner: _tables.accuracy(found, table.y_test), f"{tuner}_seconds": seconds}
        yield figures
