"""The digits of scikit-learn, 1 minute: reach 0.986, ahead of AutoKeras, Hyperband and random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from autonas_keras.demo import Digits
from benchmarks.data import Data
from benchmarks.time import _sides

LIMIT = 60.0


def load() -> Data:
    """The split of seed 0."""
    digits = Digits.load(0)
    return Data(digits.x_train, digits.y_train, digits.x_test, digits.y_test)


def run(seeds: Sequence[int] = (0, 1), sides: Sequence[str] = _sides.SIDES) -> Iterator[dict[str, Any]]:
    """A line a seed of ours, and one for each other side; all on one split."""
    yield from _sides.compare(load(), LIMIT, "ImageClassifier", seeds, "nasbench201", sides)
