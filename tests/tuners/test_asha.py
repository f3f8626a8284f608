"""Successive halving with real networks: what is trained on goes on from its checkpoint, also after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonas_keras import tuners
from autonas_keras.oracles.asha import CONTINUES
from autonas_keras.strategies import STRATEGIES
from autonas_keras.training import checkpoint as checkpoint_module
from autonas_keras.tuners import Asha, asha, base
from tests.tuners.test_proxies import dense, numbers
from tests.tuners.test_resume import Killed, dies

CHECKPOINT = checkpoint_module.TrainingCheckpoint


def fitted(folder: Path, **settings: Any) -> Any:
    given = {"tuner": "asha", "factor": 2, "proxy": None, "top_k": None, "max_trials": 4, **settings}
    model = dense(folder, **given)
    model.fit(*numbers(), epochs=4, batch_size=16, verbose=0)
    return model


def told(model: Any) -> Any:
    board = model.leaderboard()
    trials = [(t.trial_id, dict(t.hyperparameters.values), t.score) for t in model.tuner.oracle.trials.values()]
    return board.drop(columns="seconds").to_json(), trials


@pytest.mark.slow(seconds=10)
def test_a_promoted_trial_goes_on_where_it_paused_and_nothing_is_trained_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    original = CHECKPOINT.on_epoch_end

    def counted(self: Any, epoch: int, logs: Any = None) -> None:
        original(self, epoch, logs)
        saved.append(epoch)

    monkeypatch.setattr(CHECKPOINT, "on_epoch_end", counted)
    model = fitted(tmp_path / "whole")
    oracle = model.tuner.oracle
    assert oracle.rungs == (1, 2, 4)
    assert len(saved) == oracle.epochs_trained + 4  # and the final network
    promoted = [trial for trial in oracle.trials.values() if CONTINUES in trial.hyperparameters.values]
    assert promoted
    for trial in promoted:
        before = oracle.trials[trial.hyperparameters.values[CONTINUES]]
        curves = [[one.mean() for one in t.metrics.get_history("val_loss")] for t in (before, trial)]
        assert len(curves[1]) > len(curves[0]) and curves[1][: len(curves[0])] == curves[0]
    board = model.leaderboard()
    assert len(board) == 4 and board["epochs"].max() == 4 and board["score"].is_monotonic_increasing
    assert not list(tmp_path.glob("*/*/trial_*/training"))

    saved.clear()
    for owner, name, when, after in (
        (CHECKPOINT, "on_epoch_end", 1, True),
        (asha.AshaTuner, "_plan", 2, True),  # the checkpoints were moved
        (CHECKPOINT, "on_epoch_end", 2, True),
        (base.SearchTuner, "save", 3, False),
        (asha.AshaTuner, "on_search_end", 1, True),
    ):
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after)
            with pytest.raises(Killed):
                fitted(tmp_path / "killed")
    again = fitted(tmp_path / "killed")
    assert told(again) == told(model)
    for left, right in zip(again.export_model().get_weights(), model.export_model().get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert len(saved) == oracle.epochs_trained + 4


def test_the_highest_rung_is_the_full_training(tmp_path: Path) -> None:
    board = fitted(tmp_path / "asha", max_trials=2, min_epochs=2).leaderboard()
    best = board[board["epochs"] == 4].iloc[0]
    node_search = dense(tmp_path / "random", tuner="random", proxy=None, top_k=None, max_trials=2)
    node_search.fit(*numbers(), epochs=4, batch_size=16, verbose=0)
    scores = [trial.score for trial in node_search.tuner.oracle.trials.values()]
    assert best["score"] in scores


def test_strategies_have_their_settings_for_the_number_of_architectures() -> None:
    for name in STRATEGIES:
        oracle: Any = Asha(strategy=name).oracle(objective="val_loss", max_trials=60, seed=0)
        assert oracle.strategy_class is STRATEGIES[name] and oracle.candidates == 60
    oracle = Asha(strategy="evolution").oracle(objective="val_loss", max_trials=60, seed=0)
    assert oracle.settings == tuners.Evolution().oracle(objective="val_loss", max_trials=60, seed=0).settings
    assert oracle.settings["population_size"] == 15
    with pytest.raises(ValueError, match="did you mean 'evolution'"):
        Asha(strategy="evolutoin")
