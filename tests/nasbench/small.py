"""A small table whose best architecture is known."""

from __future__ import annotations

from itertools import product

import pandas as pd

from autonas_keras.nasbench import Table


def small_frame() -> pd.DataFrame:
    """36 rows: the signal grows with all three decisions, what is reported is one more."""
    rows = [
        {"units": units, "depth": depth, "activation": activation, "val": units / 8 + depth + len(activation) / 10}
        for units, depth, activation in product((8, 16, 32, 64), (1, 2, 3), ("elu", "relu", "linear"))
    ]
    return pd.DataFrame(rows).assign(
        test=lambda frame: frame["val"] + 1.0, params=lambda frame: frame["units"] * frame["depth"]
    )


def small_table() -> Table:
    """The table of ``small_frame``."""
    decisions = ["units", "depth", "activation"]
    return Table.from_frame(small_frame(), decisions, signal="val", report="test", costs=["params"])
