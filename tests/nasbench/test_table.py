from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest

from autonas_keras.nasbench import Table
from autonas_keras.spaces import Choice, Space
from autonas_keras.strategies import RandomSearch, search
from tests.nasbench.small import small_frame, small_table

BEST = {"units": 64, "depth": 3, "activation": "linear"}


def test_any_frame_with_a_column_for_each_decision_is_a_table() -> None:
    table = small_table()
    assert table.space.size == len(table) == 36
    assert table.space.named["units"].options == (8, 16, 32, 64)
    architecture = table.space.architecture({"units": 16, "depth": 2, "activation": "relu"})
    assert table.evaluate()(architecture) == pytest.approx(4.4)
    assert table.test("table")(architecture) == pytest.approx(5.4)
    assert table.costs(architecture) == {"params": 32}
    assert table.query(architecture) == {
        **architecture,
        "val": pytest.approx(4.4),
        "test": pytest.approx(5.4),
        "params": 32,
    }
    assert table.lookup("params")(dict(architecture)) == 32


def test_every_row_is_found_by_its_architecture() -> None:
    table, frame = small_table(), small_frame()
    for row, architecture in enumerate(table.architectures):
        assert table.row(architecture) == row
        assert table.evaluate()(architecture) == frame["val"][row]


def test_a_table_of_one_decision_is_looked_up_too() -> None:
    table = Table.from_frame(pd.DataFrame({"units": [4, 8], "val": [0.25, 0.5]}), ["units"], "val")
    assert table.evaluate()({"units": 8}) == 0.5
    assert dict(table.optimum().architecture) == {"units": 8}


def test_the_optimum_is_that_of_what_is_reported() -> None:
    frame = small_frame()
    frame.loc[5, "test"] = 99.0
    frame.loc[7, "test"] = np.nan
    table = Table.from_frame(frame, ["units", "depth", "activation"], "val", "test")
    assert table.optimum().value == 99.0
    assert table.row(table.optimum().architecture) == 5
    assert dict(small_table().optimum().architecture) == BEST


def test_a_strategy_searches_it_to_the_end_and_finds_the_best() -> None:
    table = small_table()
    found = search(RandomSearch(table.space, seed=0), table.evaluate(), budget=100)
    assert len(found.history) == 36
    assert dict(found.best or {}) == BEST


def test_limits_of_strategies_are_counted_by_the_table() -> None:
    table = small_table()
    strategy = RandomSearch(table.space, seed=0, limits={"params": 48}, costs=table.costs)
    found = search(strategy, table.evaluate(), budget=100)
    within = int((small_frame()["params"] <= 48).sum())
    assert len(found.history) == within
    assert all(table.costs(architecture)["params"] <= 48 for architecture in found.history["architecture"])
    with pytest.raises(ValueError, match="the nearest feasible value found is params <= 8"):
        RandomSearch(table.space, seed=0, limits={"params": 7}, costs=table.costs).propose()


def test_a_training_that_failed_is_a_failed_evaluation() -> None:
    frame = small_frame()
    frame.loc[0, "val"] = np.nan
    table = Table.from_frame(frame, ["units", "depth", "activation"], "val")
    strategy = RandomSearch(table.space, seed=0)
    assert math.isnan(table.evaluate()(table.architectures[0]))
    search(strategy, table.evaluate(), budget=36)
    assert len(strategy.history) == 35


def test_an_architecture_without_a_row_is_one_sentence() -> None:
    table = Table.from_frame(small_frame().iloc[:-1], ["units", "depth", "activation"], "val")
    with pytest.raises(ValueError, match=r"of the table's 35, got .*'units': 64.*a point of its space without"):
        table.evaluate()(BEST)
    for query in (table.row, table.query, table.costs, table.evaluate()):
        with pytest.raises(ValueError, match="Expected an architecture of the table's space, with the decisions"):
            query({"units": 64})


def test_an_architecture_of_another_space_is_refused() -> None:
    table, other = small_table(), Space((Choice("units", (8, 16)), Choice("width", (1, 2))))
    with pytest.raises(ValueError, match="with the decisions .'units', 'depth', 'activation'.*'width': 1"):
        table.evaluate()(other.default())
    with pytest.raises(ValueError, match="'units': 65"):
        table.evaluate()({**BEST, "units": 65})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decisions": ["unit", "depth", "activation"]}, "the column 'unit'.*did you mean 'units'"),
        ({"decisions": []}, "Expected the names of the decision columns, got none"),
        ({"decisions": ["units", "depth"]}, r"Expected every architecture once, got \[8, 1\] twice"),
        ({"signal": "vall"}, "the column 'vall'.*did you mean 'val'"),
        ({"report": "tests"}, "the column 'tests'.*did you mean 'test'"),
        ({"costs": ["parms"]}, "the column 'parms'.*did you mean 'params'"),
    ],
)
def test_wrong_columns_are_one_sentence(change: dict[str, object], message: str) -> None:
    arguments = {"decisions": ["units", "depth", "activation"], "signal": "val", **change}
    with pytest.raises(ValueError, match=message):
        Table.from_frame(small_frame(), **arguments)


def test_a_decision_without_an_option_is_refused() -> None:
    frame = small_frame().astype({"units": float})
    frame.loc[3, "units"] = np.nan
    with pytest.raises(ValueError, match="Expected an option in every row of 'units'"):
        Table.from_frame(frame, ["units", "depth", "activation"], "val")


def test_an_unknown_data_set_or_column_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="one of the data sets .'table'., got 'tabel'; did you mean 'table'"):
        small_table().evaluate("tabel")
    with pytest.raises(ValueError, match="the column 'value'"):
        small_table().lookup("value")


def test_conditional_spaces_are_refused() -> None:
    space = Space((Choice("a", (0, 1), {1: (Choice("b", (2, 3)),)}),))
    with pytest.raises(ValueError, match="choices are always active"):
        Table(space, [(0, 2)], pd.DataFrame({"val": [1.0]}), {"table": ("val", "val")})


def test_a_table_goes_to_other_processes() -> None:
    table = pickle.loads(pickle.dumps(small_table()))
    assert table.evaluate()(BEST) == small_table().evaluate()(BEST)
    assert table.costs(table.architectures[0]) == {"params": 8}
