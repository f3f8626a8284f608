"""California housing, test RMSE in dollars: 49,000 asked; ridge, MLPRegressor and gradient boosting beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.tabular_text import _tables


def run(seeds: Sequence[int] = (0, 1, 2)) -> Iterator[dict[str, Any]]:
    """A line for each seed, which draws the split too."""
    for seed in seeds:
        table = _tables.california(seed)
        scaled = _tables.perceptron(table, seed).predict(table.x_test)
        figures: dict[str, Any] = {
            "seed": seed,
            "ridge": _tables.rmse(_tables.linear(table).predict(table.x_test), table.y_test),
            "mlp": _tables.rmse(scaled * table.y.std() + table.y.mean(), table.y_test),
            "gradient_boosting": _tables.rmse(_tables.boosting(table, seed).predict(table.x_test), table.y_test),
        }
        for tuner in _tables.TUNERS:
            _, found, seconds = _tables.searched(table, seed, tuner)
            figures |= {tuner: _tables.rmse(found, table.y_test), f"{tuner}_seconds": seconds}
        yield figures
