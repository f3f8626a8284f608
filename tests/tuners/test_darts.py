"""What only the tuner of DARTS does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autonas_keras import tuners
from autonas_keras.spaces import CellSpace
from autonas_keras.tasks import ImageClassifier
from autonas_keras.tuners import darts
from tests.tasks.small import ONE_CELL, digits
from tests.tuners.test_resume import Killed, dies, same

SPACE = CellSpace.nasbench201(nodes=2, cells=1, channels=4)


def test_an_expected_cost_makes_the_search_sparing(tmp_path: Path) -> None:
    x, y = digits(80)
    settings: dict[str, Any] = {"search_epochs": 12, "alpha_learning_rate": 0.1, "warmup_epochs": 0, "search_cells": 1}
    flops = {}
    for weight in (0.0, 100.0):
        method = tuners.Darts(cost_weight=weight, **settings)
        clf = ImageClassifier(tuner=method, space=SPACE, directory=tmp_path, project_name=str(weight))
        clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
        flops[weight] = clf.leaderboard()["flops"].iloc[0]
    assert flops[100.0] < flops[0.0]
    found = clf.best_architecture.values()
    assert not {"nor_conv_3x3", "nor_conv_1x1"} & set(found), "Nothing that costs is worth it at this weight."


def contested(folder: Path) -> ImageClassifier:
    x, y = digits(80)
    settings = {"search_epochs": 2, "warmup_epochs": 1, "search_cells": 1, "searches": 2, "contest_epochs": 2}
    clf = ImageClassifier(tuner="darts", space=ONE_CELL, seed=0, directory=folder, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


@pytest.mark.slow(seconds=15)
def test_of_several_searches_the_best_after_a_short_training_is_taken_after_a_kill_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = contested(tmp_path / "whole")
    files = sorted((tmp_path / "whole").glob("*/search/search_*/found.json"))
    found = [json.loads(file.read_text()) for file in files]
    assert len(found) == 2
    best = min(found, key=lambda one: one["metrics"]["val_loss"])
    block = whole.tuner.graph.searched[0].name
    assert {f"{block}/{name}": option for name, option in whole.best_architecture.items()} == best["decisions"]
    assert whole.leaderboard()["score"][0] == best["metrics"]["val_loss"]
    with monkeypatch.context() as patch:
        dies(patch, darts, "write_atomically", 2)
        with pytest.raises(Killed):
            contested(tmp_path / "killed")
    same(contested(tmp_path / "killed"), whole)
