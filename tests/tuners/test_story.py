"""What a search writes down about itself, and what is read of it while it runs and after kills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from autonas_keras.oracles import RandomSearch, Reinforce
from autonas_keras.reporting import TensorBoard, read_story
from autonas_keras.reporting.page import report_page
from autonas_keras.tasks import ImageClassifier
from autonas_keras.training import checkpoint as checkpoint_module, controller_probabilities
from autonas_keras.tuners import Enas, base, trials
from autonas_keras.tuners.story import Story, write_controller
from tests.tasks.small import ONE_CELL, TINY, digits
from tests.tuners.test_resume import Killed, dies

CHECKPOINT = checkpoint_module.TrainingCheckpoint


def test_phases_add_up_over_restarts_and_kills(tmp_path: Path) -> None:
    spent = {"search": 70.0, "final": 5.0}

    def story() -> Story:
        return Story(tmp_path, lambda phase: spent.get(phase, 0.0))

    def phases() -> dict[str, float]:
        return json.loads((tmp_path / "story.json").read_text())["phases"]

    with story() as first:
        first.enter("search")
    assert phases()["search"] < 1  # it ended, and knows what it took
    killed = story()
    killed.enter("search")
    with story() as third:
        third.enter("search")
        third.enter("final", max_trials=3)
    assert 70 <= phases()["search"] < 71 and phases()["final"] < 1
    notes = json.loads((tmp_path / "story.json").read_text())
    assert notes["open"] is None and notes["max_trials"] == 3 and notes["versions"]["keras"] == keras.__version__


def fitted(folder: Path, tuner: str, callbacks: Any = (), **settings: Any) -> ImageClassifier:
    x, y = digits(80)
    settings = {"space": ONE_CELL, **settings}
    clf = ImageClassifier(tuner=tuner, seed=0, directory=folder, project_name="search", **settings)
    clf.fit(x, y, epochs=2, batch_size=16, verbose=0, callbacks=callbacks)
    return clf


def events(folder: Path) -> dict[str, list[str]]:
    """The names of what a run of TensorBoard shows, by kind."""
    found = EventAccumulator(str(folder)).Reload()
    shown = set(found.summary_metadata[tag].plugin_data.plugin_name for tag in found.Tags()["tensors"])
    return {kind: sorted(found.PluginTagToContent(kind)) for kind in shown}


@pytest.mark.slow(seconds=10)
def test_a_search_by_gradient_is_told_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, board = tmp_path / "search", TensorBoard(tmp_path / "logs")
    settings: dict[str, Any] = {"space": TINY, "search_epochs": 3, "warmup_epochs": 0}
    with monkeypatch.context() as patch:
        dies(patch, CHECKPOINT, "on_epoch_end", 2, after=True)
        with pytest.raises(Killed):
            fitted(tmp_path, "darts", [board], **settings)
    # What was written after two epochs, as a report of a search under way reads it.
    story = read_story(folder)
    assert not story.finished and story.found is not None and "epoch 2" in story.found_by
    assert [len(mixture.values) for mixture in story.mixtures] == [2, 2]
    entries = json.loads((folder / "search" / "history.json").read_text())
    before = sum(entry["seconds"] for entry in entries)
    assert story.phases["search"] >= before > 0
    with monkeypatch.context() as patch:
        dies(patch, base, "save_model", 1)
        with pytest.raises(Killed):
            fitted(tmp_path, "darts", [board], **settings)
    clf = fitted(tmp_path, "darts", [board], **settings)
    assert clf.leaderboard()["seconds"][0] >= before
    story = read_story(folder)
    assert story.finished and str(story.found) == str(clf.best_architecture) and not story.problems
    assert len(story.mixtures[0].values) == 3 and list(story.phases) == ["declare", "search", "final"]
    assert sum(row["params"] for row in story.layers) == clf.export_model().count_params()
    page = clf.report(tmp_path / "page.html").read_text()
    assert page == report_page(read_story(folder)) and "What the alphas learnt" in page
    found, final = events(tmp_path / "logs" / "search"), events(tmp_path / "logs" / "final")
    assert {"loss", "alpha_loss"} <= set(found["scalars"]) and "loss" in final["scalars"]
    assert found["histograms"] == ["cell_block_1/alphas/normal", "cell_block_1/alphas/reduction"]
    assert found["images"] == ["cell_block_1/picture"] and final["images"] == ["cells/picture"]


@pytest.mark.slow(seconds=10)
def test_trials_keep_their_curves_and_what_they_took_before_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"max_trials": 2, "share_graph": False}
    with monkeypatch.context() as patch:
        dies(patch, trials.TrialTuner, "run_trial", 1, after=True)
        with pytest.raises(Killed):
            fitted(tmp_path, "evolution", population_size=2, sample_size=1, **settings)
    folder = tmp_path / "search"
    before = json.loads((folder / "trial_0" / "result.json").read_text())["seconds"]
    epochs = json.loads((folder / "trial_0" / "training" / "history.json").read_text())
    running = read_story(folder).trials[0]
    assert running.status == "RUNNING" and len(running.curves["val_loss"]) == 2
    board = TensorBoard(tmp_path / "logs")
    clf = fitted(tmp_path, "evolution", [board], population_size=2, sample_size=1, **settings)
    # The training had ended: only what its epochs took is known for sure.
    table = clf.leaderboard().set_index("trial")
    assert 0 < sum(entry["seconds"] for entry in epochs) <= table["seconds"]["0"] < before + 60
    story = read_story(folder)
    assert all(len(trial.curves["val_loss"]) == 2 for trial in story.trials) and story.notes["max_trials"] == 2
    assert [trial.score for trial in story.trials] == [
        pytest.approx(min(t.curves["val_loss"]), rel=1e-4) for t in story.trials
    ]
    assert events(tmp_path / "logs" / "trial_1")["images"] == ["cells/picture"]
    assert "val_loss" in events(tmp_path / "logs" / "trial_1")["scalars"]


@pytest.mark.slow(seconds=5)
def test_a_controller_is_told_by_its_probabilities(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path / "logs")
    few: dict[str, Any] = {"search_cells": 1, "search_epochs": 2, "controller_steps": 2, "samples": 3}
    clf = fitted(tmp_path, "enas", [board], warmup_epochs=0, **few)
    story = read_story(tmp_path / "search")
    (mixture,) = story.mixtures
    assert len(mixture.values) == 2 and mixture.rows[0] == "cell/edge_1_0"
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in mixture.values[1])
    assert [len(options) for options in mixture.options] == [len(row) for row in mixture.values[0]]
    assert len(story.candidates) == 3 and story.candidates[0].costs["params"] > 0
    assert "What the controller learnt" in report_page(story)
    assert "controller_reward" in events(tmp_path / "logs" / "search")["scalars"]
    assert clf.leaderboard()["seconds"][0] > 0


def test_the_probabilities_of_a_controller_are_those_of_its_draws() -> None:
    controller = Enas().controller(TINY.join({"cell_block_1": TINY}), 0)
    rng = np.random.default_rng(1)
    controller.network.parameters[:] = rng.normal(0, 0.5, controller.network.parameters.size)
    found = controller_probabilities(controller.network, 0, 4000)
    codes = controller.network.sample(rng, 4000).codes
    for column, (name, choice) in enumerate(controller.space.named.items()):
        shares = np.bincount(codes[:, column], minlength=len(choice.options)) / 4000
        np.testing.assert_allclose(found[name], shares, atol=0.04)


def test_a_controller_that_trials_teach_is_looked_at_from_time_to_time(tmp_path: Path) -> None:
    space = TINY.join({"cell_block_1": TINY})
    oracle = Reinforce("val_accuracy", 200, seed=0, space=space)
    oracle._set_project_dir(tmp_path, "search")
    for number in range(8):
        trial = oracle.create_trial("tuner")
        oracle.update_trial(trial.trial_id, {"val_accuracy": number / 10})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        write_controller(tmp_path, oracle, number + 1)
    write_controller(tmp_path, oracle, 4)  # gone on with after a kill
    entries = json.loads((tmp_path / "controller.json").read_text())
    assert [entry["trials"] for entry in entries] == [4]
    assert set(entries[0]["record"]["probabilities"]) == set(space.named)
    (mixture,) = read_story(tmp_path).mixtures
    assert mixture.title == "controller" and len(mixture.values) == 1
    write_controller(tmp_path, RandomSearch("val_accuracy", 9, seed=0, space=space), 9)
    assert json.loads((tmp_path / "controller.json").read_text()) == entries
