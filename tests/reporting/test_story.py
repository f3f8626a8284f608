"""What a story computes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from autonas_keras.reporting import reading
from autonas_keras.reporting.story import best_so_far, front_of, rank_correlation, ranks


def test_the_best_so_far_never_gets_worse_in_either_direction() -> None:
    assert best_so_far([0.5, 0.4, 0.7, 0.6], 1) == [0.5, 0.5, 0.7, 0.7]
    assert best_so_far([0.5, 0.4, 0.7, 0.3], -1) == [0.5, 0.4, 0.4, 0.3]
    assert best_so_far([], 1) == []


def test_the_front_holds_what_no_other_beats_for_the_same_cost() -> None:
    points = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (3.0, 0.9)]
    assert [points[i] for i in front_of(points, 1)] == [(1.0, 0.5), (2.0, 0.7), (3.0, 0.9)]
    assert [points[i] for i in front_of(points, -1)] == [(1.0, 0.5), (2.0, 0.4)]
    assert front_of([], 1) == []


def test_ranks_and_their_correlation_agree_with_pandas() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 9, 30).tolist(), rng.normal(size=30).tolist()
    assert ranks(left) == pd.Series(left).rank().tolist()
    expected = np.corrcoef(pd.Series(left).rank(), pd.Series(right).rank())[0, 1]
    assert rank_correlation(list(zip(left, right, strict=True))) == pytest.approx(expected)


def test_no_correlation_is_told_of_two_networks_or_of_equal_ones() -> None:
    assert rank_correlation([(1, 1), (2, 2)]) is None
    assert rank_correlation([(1, 1), (1, 2), (1, 3)]) is None


@pytest.mark.parametrize(
    "fact", ["['val_accuracy', 'val_auc']", "['Objective(name=\"val_accuracy\", direction=\"max\")', 'val_loss']"]
)
def test_of_several_objectives_the_sum_is_made_small(fact: str) -> None:
    assert reading._objective(fact, []) == ("multi_objective", "min")
