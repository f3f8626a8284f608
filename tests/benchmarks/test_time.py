from __future__ import annotations

from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import autonas_keras as ank
from benchmarks import command, time
from benchmarks.data import Data
from benchmarks.time import _sides, _tables
from tests.tasks.small import ONE_CELL, digits


def test_every_row_says_what_it_measures_and_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(time, "rows", [])
    listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name in ("adult", "cifar10", "digits", "mnist", "sst2"):
        line = listed[name]
        row = import_module(f"benchmarks.time.{name}")
        assert f"{row.LIMIT / 60:g} minute" in line and "reach 0." in line
        assert "seeds" in signature(row.run).parameters


@pytest.mark.filterwarnings("ignore:Expected a time_limit for an epoch")
def test_one_side_is_measured_under_its_limit() -> None:
    x, y = digits(80)
    line = _sides.fitted(Data(x, y, x[:20], y[:20]), 0, 5.0, "ImageClassifier")
    assert (line["method"], line["tuner"], line["limit"]) == ("auto", "published", 5.0)
    assert 0 <= line["accuracy"] <= 1 and line["seconds"] > 0 and line["params"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", list(_sides.PLAIN))
def test_a_tuner_that_knows_no_limit_is_stopped_and_its_best_trial_tested(name: str) -> None:
    x, y = digits(80)
    line = _sides.plain(Data(x, y, x[:20], y[:20]), 0, 2.0, "ImageClassifier", name, space="nasbench201")
    assert (line["method"], line["limit"]) == (name, 2.0)
    assert line["trials"] >= 1 and line["seconds"] < 40
    assert 0 <= line["accuracy"] <= 1 and line["params"] > 0


@pytest.mark.slow
def test_trials_of_the_mended_hyperband_go_on_from_others(tmp_path: Path) -> None:
    x, y = digits(60)
    clf = ank.ImageClassifier(
        tuner=_sides.MendedHyperband, max_epochs=2, factor=2, max_trials=9, directory=tmp_path, space=ONE_CELL, seed=0
    )
    clf.fit(x, y, epochs=2, verbose=0)
    trials = clf.tuner.oracle.trials.values()
    assert any("tuner/trial_id" in trial.hyperparameters.values for trial in trials)
    assert {trial.status for trial in trials} == {"COMPLETED"}


def test_sides_are_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="Expected sides among auto.*'autokera'"):
        list(_sides.compare(None, 1.0, "ImageClassifier", [0], sides=["autokera"]))
    with pytest.raises(SystemExit, match="Expected no sides for the row 'asha'"):
        command.main(time, "rows", ["asha", "--sides", "auto"])


def test_tables_go_to_autokeras_as_arrays() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    found = _sides.for_autokeras((frame, pd.Series(["p", "q"]), np.zeros((2, 3)), np.arange(2)))
    assert found.x_train.dtype.kind == found.y_train.dtype.kind == "U"
    assert found.x_test.shape == (2, 3)


def test_the_official_splits_are_read(data_dir: Path) -> None:
    sst2, adult = _tables.sst2(), _tables.adult()
    assert (len(sst2.x_train), len(sst2.x_test)) == (7792, 1821)
    assert adult.x_train.shape == (32561, 14) and adult.x_test.shape == (16281, 14)
    assert set(adult.y_train) == {"<=50K", ">50K"}
