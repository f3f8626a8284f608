"""Columns, their bins, and the space of networks for tables."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Columns, TabularSpace, get_space
from autonas_keras.spaces.columns import bin_edges


def columns() -> Columns:
    matrix = np.array([[0.0, 1, 5], [1, np.nan, 5], [2, 3, 1], [9, 5, 0]], np.float32)
    return Columns.of(["a", "b"], ["c"], [6], matrix)


def test_few_values_are_all_edges() -> None:
    assert bin_edges(np.array([3.0, 1, 1, 2])).tolist() == [1, 2, 3]
    assert bin_edges(np.array([])).tolist() == []


def test_edges_are_quantiles_where_no_value_is_frequent() -> None:
    values = np.random.default_rng(0).standard_normal(10_000)
    edges = bin_edges(values, 10)
    np.testing.assert_allclose(edges, np.quantile(values, np.linspace(0, 1, 11)), atol=1e-2)


def test_a_value_that_most_samples_have_takes_one_edge() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.zeros(9_000), rng.uniform(1, 2, 1_000)])
    edges = bin_edges(values, 10)
    assert edges[0] == 0 and len(edges) >= 10 and (np.diff(edges) > 0).all()
    counts = np.histogram(values[values > 0], edges[1:])[0]
    assert counts.max() < 2 * counts.min() + 20


def test_columns_know_means_and_gaps_and_go_through_json() -> None:
    found = columns()
    assert (found.missing, found.means[:2], found.count) == ((False, True), (3.0, 3.0), 3)
    assert found.bins(1, 64) == pytest.approx([(v - 3) / found.scales[1] for v in (1, 3, 5)])
    assert len(found.bins(0, 2)) == 3
    assert Columns.from_config(json.loads(json.dumps(found.get_config()))) == found
    constant = Columns.of(["k"], [], [], np.full((3, 1), 7, np.float32))
    assert constant.scales == (1.0,) and constant.bins(0, 8) == (-1, 0)
    empty = Columns.of(["k"], [], [], np.full((3, 1), np.nan, np.float32))
    assert empty.means == (0.0,) and len(empty.bins(0, 8)) == 2


def test_a_space_that_knows_columns_has_the_same_decisions() -> None:
    space = get_space("tabular", layers=2)
    fitted = space.fitted(columns())
    assert fitted.choices == space.choices and fitted != space
    again = TabularSpace(**json.loads(json.dumps(fitted.get_config())))
    assert again == fitted and hash(again) == hash(fitted) and again.columns == columns()
    assert "columns" not in repr(fitted)
    assert space.size == 3 * 3 * (6 * 2) ** 2 * 3 * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operations": ["dens"]}, "operations of .* got 'dens'; did you mean 'dense'"),
        ({"embeddings": ["quantile"]}, "embeddings of"),
        ({"normalisations": ["group"]}, "normalisations of"),
        ({"layers": 0}, "layers to be an integer of 1 or more"),
        ({"width": 1.5}, "width to be an integer"),
        ({"bins": 65}, "at most 64 bins"),
        ({"dropouts": [1.0]}, "dropouts of rates"),
    ],
)
def test_a_wrong_space_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TabularSpace(**arguments)


def test_a_width_is_a_setting_and_several_are_a_choice() -> None:
    one, several = TabularSpace(width=64), TabularSpace(width=(64, 256, 128))
    assert "width" not in one.named and one.get_config()["width"] == 64
    assert several.named["width"].options == (64, 256, 128) and several.size == 3 * one.size
    assert several.width == 256 and TabularSpace(**several.get_config()) == several != one
    with pytest.raises(ValueError, match="Expected width to be an integer of 1 or more, got 0"):
        TabularSpace(width=(8, 0))
    with pytest.raises(ValueError, match="Expected a width, or several, got none"):
        TabularSpace(width=())
