"""Titanic, accuracy of five folds in per cent: 82.0 asked; logistic regression and gradient boosting beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.tabular_text import _tables


def run(seeds: Sequence[int] = (0, 1, 2)) -> Iterator[dict[str, Any]]:
    """A line for each seed, which draws the folds too: the mean over the folds."""
    for seed in seeds:
        folds = []
        for table in _tables.titanic(seed):
            figures: dict[str, float] = {
                "logistic_regression": _tables.accuracy(_tables.linear(table).predict(table.x_test), table.y_test),
                "gradient_boosting": _tables.accuracy(
                    _tables.boosting(table, seed).predict(table.x_test), table.y_test
                ),
            }
            _, found, seconds = _tables.searched(table, seed, "greedy")
            folds.append(figures | {"greedy": _tables.accuracy(found, table.y_test), "greedy_seconds": seconds})
        yield {"seed": seed, **{name: float(np.mean([fold[name] for fold in folds])) for name in folds[0]}}
