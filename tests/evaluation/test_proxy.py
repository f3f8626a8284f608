"""Proxies: their settings, and the samples that they take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autonas_keras.evaluation import Proxy, ProxyReport
from autonas_keras.evaluation.proxy import stratified_rows


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "got one that changes nothing"),
        ({"epochs": 0}, "epochs of a proxy to be a positive integer or None, got 0"),
        ({"epochs": True}, "epochs"),
        ({"data_fraction": 0.0}, "data_fraction of a proxy to be a number above 0 and at most 1, got 0.0"),
        ({"width": 2}, "width"),
        ({"depth": float("nan")}, "depth"),
        ({"resolution": 0.7}, "1 over a whole number, as 0.5 is, got 0.7"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Proxy(**settings)


def test_a_resolution_is_a_whole_factor() -> None:
    assert [Proxy(resolution=r).shrink for r in (0.5, 0.33, 0.25)] == [2, 3, 4]
    assert Proxy(epochs=3).sizes() == {"width": 1.0, "depth": 1.0, "shrink": 1}


def one_hot(classes: np.ndarray) -> np.ndarray:
    return np.eye(classes.max() + 1, dtype="float32")[classes]


@pytest.mark.parametrize("encode", [one_hot, lambda classes: (classes > 0).astype("float32")[:, None]])
def test_a_subset_keeps_the_shares_of_the_classes(encode: Any) -> None:
    classes = np.repeat([0, 1], [30, 10])
    x, y = Proxy(data_fraction=0.3).subset((np.arange(40), encode(classes)), seed=0)
    assert len(x) == len(y) == 12 and sorted(x) == list(x)
    assert np.bincount(classes[x]).tolist() == [9, 3]
    np.testing.assert_array_equal(y, encode(classes)[x])
    again = Proxy(data_fraction=0.3).subset((np.arange(40), encode(classes)), seed=0)[0]
    np.testing.assert_array_equal(x, again)
    assert set(x) != set(Proxy(data_fraction=0.3).subset((np.arange(40), encode(classes)), seed=1)[0])


def test_every_class_stays() -> None:
    classes = np.repeat(np.arange(5), [60, 20, 10, 9, 1])
    rows = stratified_rows([one_hot(classes)], 0.1, seed=0)
    assert np.bincount(classes[rows]).tolist() == [6, 2, 1, 1, 1]
    assert len(stratified_rows([one_hot(classes)], 0.01, seed=0)) == 5


def test_numbers_and_several_labels_are_drawn_evenly() -> None:
    rng = np.random.default_rng(0)
    for target in (rng.standard_normal((50, 1)), np.ones((50, 3))):
        rows = stratified_rows([target], 0.2, seed=0)
        assert len(rows) == len(set(rows)) == 10
    heads = [rng.standard_normal((50, 1)), one_hot(np.arange(50) % 5)]
    assert np.bincount(stratified_rows(heads, 0.2, seed=0) % 5).tolist() == [2] * 5


def test_a_report_says_the_rank_correlation_and_what_is_saved() -> None:
    scores = [(0.1, 0.5), (0.3, 0.7), (0.2, 0.9), (None, 0.8)]
    rows = [
        {"architecture": "a", "proxy_score": p, "full_score": f, "proxy_seconds": 2.0, "full_seconds": 10.0}
        for p, f in scores
    ]
    report = ProxyReport.of(rows)
    # Ranks 1 3 2 and 1 2 3.
    assert report.rank_correlation == pytest.approx(0.5) and report.speed_up == pytest.approx(5)
    assert str(report).startswith("Proxy and full training rank 4 architectures with a correlation of 0.50 (Spearman)")
