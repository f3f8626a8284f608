"""SST-2, test accuracy: 82.5 by the best tuner and 81.0 by darts asked; TF-IDF and logistic regression beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sklearn.metrics import accuracy_score

from benchmarks.tabular_text import _texts


def run(seeds: Sequence[int] = (0, 1, 2)) -> Iterator[dict[str, Any]]:
    """A line for each seed."""
    texts = _texts.sst2()
    linear = _texts.baseline(texts, accuracy_score)
    for seed in seeds:
        figures: dict[str, Any] = {"seed": seed, "logistic_regression": linear}
        for tuner in _texts.TUNERS:
            figures |= _texts.searched(texts, seed, tuner, accuracy_score)
        yield figures
