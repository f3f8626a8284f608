"""Sentences and tables, in the official splits."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from benchmarks.data import data_file


class Frames(NamedTuple):
    """What is trained on and tested, as pandas has it."""

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any


def sst2() -> Frames:
    """Sentences and 0 or 1; the development set is trained on too."""
    table = pd.read_csv(data_file("sst2.csv.gz"), keep_default_na=False)
    learnt, tested = table[table["split"] != "test"], table[table["split"] == "test"]
    return Frames(learnt["text"], learnt["label"], tested["text"], tested["label"])


def adult() -> Frames:
    """Six numeric and eight categorical columns, some values missing, and "<=50K" or ">50K"."""
    table = pd.read_csv(data_file("adult.csv.gz"))
    parts = [table[table["split"] == split].drop(columns="split") for split in ("train", "test")]
    x = [part.drop(columns="income") for part in parts]
    return Frames(x[0], parts[0]["income"], x[1], parts[1]["income"])
