"""Strategies as tuners of tasks and of graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autonas_keras as ank
from autonas_keras import tuners
from autonas_keras.evaluation import space_costs
from autonas_keras.spaces import JoinedSpace
from tests.tasks.small import ONE_CELL, digits

NAMES = ("evolution", "genetic", "reinforce", "local_search", "predictor", "epsilon_greedy")
HOSTS = ("greedy", "bayesian")  # AutoKeras's


def fitted(folder: Path, tuner: str, **settings: Any) -> ank.ImageClassifier:
    x, y = digits(60)
    clf = ank.ImageClassifier(tuner=tuner, space=ONE_CELL, seed=0, directory=folder, **{"max_trials": 4, **settings})
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


@pytest.mark.parametrize("name", ["evolution", pytest.param("predictor", marks=pytest.mark.slow(seconds=5))])
def test_a_strategy_searches_cells(tmp_path: Path, name: str) -> None:
    trials = 4 if name == "evolution" else 2
    clf = fitted(tmp_path, name, max_trials=trials)
    board = clf.leaderboard()
    assert list(board["status"]) == ["COMPLETED"] * trials
    assert board["architecture"].nunique() == trials
    assert str(clf.best_architecture).replace("\n", "; ") == board["architecture"][0]
    assert clf.predict(digits(60)[0], verbose=0).shape == (60,)
    strategy = clf.tuner.oracle.strategy
    assert isinstance(strategy.space, JoinedSpace) and ONE_CELL in strategy.space.parts.values()


@pytest.mark.slow
def test_limits_hold_in_every_trial(tmp_path: Path) -> None:
    params = [space_costs(ONE_CELL, architecture, (8, 8, 1), 10)["params"] for architecture in ONE_CELL.enumerate()]
    limit = int(np.median(params))
    assert max(params) > limit
    board = fitted(tmp_path, "evolution", max_trials=3, limits={"params": limit}).leaderboard()
    assert len(board) == 3 and (board["params"] <= limit).all()


@pytest.mark.parametrize("name", [*NAMES, *HOSTS])
def test_every_strategy_searches_blocks_of_autokeras_by_its_name(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5)).astype("float32")
    node = ank.Input()
    outputs = ank.RegressionHead(dropout=0)(ank.DenseBlock(use_batchnorm=False)(node))
    model = ank.AutoModel(node, outputs, tuner=name, max_trials=2, seed=0, directory=tmp_path)
    model.fit(x, x.sum(1), epochs=1, verbose=0)
    tried = [tuple(sorted(t.hyperparameters.values.items())) for t in model.tuner.oracle.trials.values()]
    assert len(set(tried)) == len(tried) == 2
    assert list(model.leaderboard()["status"]) == ["COMPLETED"] * 2
    assert model.export_model().predict(x, verbose=0).shape == (60, 1)


def test_populations_follow_the_number_of_trials() -> None:
    assert tuners.Evolution().chosen(100) == {"population_size": 25, "sample_size": 5}
    assert tuners.Evolution().chosen(1000) == {"population_size": 50, "sample_size": 10}
    assert tuners.Evolution(population_size=3).chosen(8) == {"population_size": 3, "sample_size": 2}
    assert tuners.Genetic().chosen(8) == {"population_size": 4, "parents": 2}
    oracle = tuners.Evolution(population_size=7).oracle(objective="val_loss", max_trials=9, seed=0)
    wanted = {"population_size": 7, "sample_size": 2, "identity": 0.05, "children": 1, "warmup": 0}
    assert oracle.settings == wanted


def test_nonsense_is_refused_when_the_task_is_made(tmp_path: Path) -> None:
    for name, settings in (
        ("evolution", {"population_size": 0}),
        ("evolution", {"population_size": 3, "sample_size": 5}),
        ("genetic", {"crossover": "threepoint"}),
        ("epsilon_greedy", {"epsilon": 1.5}),
        ("reinforce", {"algorithm": "qlearning"}),
        ("predictor", {"acquisition": "luck"}),
        ("local_search", {"starts": 0}),
    ):
        with pytest.raises(ValueError, match="Expected .* got"):
            ank.ImageClassifier(tuner=name, directory=tmp_path, **settings)
