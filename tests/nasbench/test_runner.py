from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from autonas_keras.nasbench import Table, run, summary
from autonas_keras.nasbench.runner import run_seed
from autonas_keras.strategies import RandomSearch, RegularizedEvolution, search
from tests.nasbench.small import small_frame, small_table

EVOLUTION = "evolution:population_size=5,sample_size=2"


def test_every_strategy_run_and_evaluation_has_a_row() -> None:
    curves = run(small_table(), ["random", EVOLUTION], evaluations=12, runs=4)
    assert list(curves.columns) == ["strategy", "run", "evaluation", "signal", "reported", "seconds"]
    assert len(curves) == 2 * 4 * 12
    for strategy in ("random", EVOLUTION):
        for number in range(4):
            rows = curves[(curves["strategy"] == strategy) & (curves["run"] == number)]
            assert rows["evaluation"].tolist() == list(range(1, 13))
            assert rows["seconds"].is_monotonic_increasing


def test_a_curve_is_the_best_by_signal_and_what_is_reported_of_it() -> None:
    # The larger the signal, the smaller what is reported: a curve that peeked at the report would rise.
    frame = small_frame().assign(test=lambda f: -f["val"])
    table = Table.from_frame(frame, ["units", "depth", "activation"], "val", "test")
    curves = run(table, ["random"], evaluations=20, runs=3, seed=5)
    assert (curves["reported"] == -curves["signal"]).all()
    for number in range(3):
        strategy = RandomSearch(table.space, seed=run_seed(5, number))
        rewards = search(strategy, table.evaluate(), 20).history["reward"]
        assert curves.loc[curves["run"] == number, "signal"].tolist() == rewards.cummax().tolist()


def test_a_seed_gives_the_same_curves_whatever_else_is_run() -> None:
    columns = ["run", "evaluation", "signal", "reported"]

    def curves(*strategies: str, **options: int) -> pd.DataFrame:
        found = run(small_table(), strategies, **{"evaluations": 10, "runs": 3, "seed": 0, **options})
        return found.loc[found["strategy"] == EVOLUTION, columns].reset_index(drop=True)

    alone = curves(EVOLUTION)
    pd.testing.assert_frame_equal(alone, curves("random", EVOLUTION))
    pd.testing.assert_frame_equal(alone, curves(EVOLUTION, runs=5).iloc[:30])
    assert not alone.equals(curves(EVOLUTION, seed=1))
    assert len({run_seed(seed, number) for seed in range(20) for number in range(20)}) == 400


@pytest.mark.slow
def test_processes_that_share_the_runs_give_the_same_curves() -> None:
    strategies = {"random": RandomSearch, "small": partial(RegularizedEvolution, population_size=5, sample_size=2)}
    one, two = (run(small_table(), strategies, evaluations=10, runs=4, jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"))


def test_a_strategy_with_nothing_left_keeps_its_last_value() -> None:
    curves = run(small_table(), ["random"], evaluations=50, runs=2)
    assert (curves.loc[curves["evaluation"] >= 36, "reported"] == small_table().optimum().value).all()
    assert not curves.isna().any().any()


def test_failed_trainings_leave_no_gap_in_a_curve() -> None:
    frame = small_frame()
    frame.loc[frame["units"] > 8, "val"] = np.nan
    table = Table.from_frame(frame, ["units", "depth", "activation"], "val", "test")
    curves = run(table, ["random"], evaluations=36, runs=2)
    assert (curves.groupby("run")["reported"].last() == frame.loc[frame["val"].idxmax(), "test"]).all()


def test_limits_are_given_with_a_factory() -> None:
    table = small_table()
    strategies = {"small": partial(RandomSearch, limits={"params": 16}, costs=table.costs)}
    curves = run(table, strategies, evaluations=36, runs=1)
    within = small_frame().query("params <= 16")
    assert curves["reported"].iloc[-1] == within["test"].max()


def test_the_summary_is_that_of_the_runs() -> None:
    curves = pd.DataFrame(
        {
            "strategy": ["b", "b", "b", "b", "a", "a", "a", "a"],
            "run": [0, 0, 1, 1] * 2,
            "evaluation": [1, 2] * 4,
            "signal": 0.0,
            "reported": [1.0, 2.0, 3.0, 6.0, 5.0, 5.0, 5.0, 5.0],
            "seconds": [1.0, 2.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0],
        }
    )
    found = summary(curves)
    assert list(found.index) == ["b", "a"]
    assert found.loc["b"].to_dict() == pytest.approx(
        {"runs": 2, "mean": 4, "std": 8**0.5, "standard_error": 2, "best": 6, "worst": 2, "seconds": 3}
    )
    assert summary(curves, 1).loc["b", "mean"] == 2
    with pytest.raises(ValueError, match="Expected an evaluation from 1 to 2, got 3"):
        summary(curves, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluations": 0}, "evaluations to be an integer of 1 or more"),
        ({"runs": -1}, "runs to be an integer of 1 or more"),
        ({"jobs": 1.5}, "jobs to be an integer of 1 or more"),
        ({"seed": -1}, "seed to be an integer that is not negative"),
        ({"strategies": []}, "Expected at least one strategy to run"),
        ({"strategies": ["randon"]}, "did you mean 'random'"),
        ({"dataset": "tables"}, "did you mean 'table'"),
    ],
)
def test_nonsense_is_one_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(small_table(), **{"strategies": ["random"], "evaluations": 2, "runs": 2, **options})


def test_no_global_generator_moves() -> None:
    import random

    before = np.random.get_state()[1].copy(), random.getstate()
    run(small_table(), ["random", EVOLUTION], evaluations=10, runs=2)
    assert (np.random.get_state()[1] == before[0]).all()
    assert random.getstate() == before[1]
