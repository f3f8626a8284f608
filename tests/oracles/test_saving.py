"""Oracles whose state survives a kill."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pytest

from autonas_keras import oracles

MADE = {
    "random": lambda **kw: oracles.RandomSearch(max_trials=20, **kw),
    "bayesian": lambda **kw: oracles.BayesianOptimization(max_trials=20, **kw),
    "greedy": lambda **kw: oracles.Greedy(max_trials=20, **kw),
    "hyperband": lambda **kw: oracles.Hyperband(max_epochs=9, **kw),
    "given": lambda **kw: oracles.Given(
        max_trials=20, proposals=[{"a": i, "b": j} for i in range(4) for j in range(3)], **kw
    ),
}


def made(name: str, folder: Path, seed: int = 0) -> Any:
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", [0, 1, 2, 3])
    hp.Choice("b", [0, 1, 2])
    oracle = MADE[name](objective="val_loss", seed=seed, hyperparameters=hp)
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "project")
    return oracle


def step(oracle: Any) -> dict[str, Any] | None:
    trial = oracle.create_trial("tuner0")
    if trial.status == "STOPPED":
        return None
    oracle.update_trial(
        trial.trial_id, {"val_loss": float(sum(map(float, (trial.hyperparameters.values[k] for k in "ab"))))}
    )
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    return {name: trial.hyperparameters.values[name] for name in "ab"}


def test_a_search_for_another_objective_is_refused(tmp_path: Path) -> None:
    oracle = made("random", tmp_path)
    step(oracle)
    oracle.save()
    for objective in ("val_accuracy", keras_tuner.Objective("val_loss", "max"), ["val_loss", "val_accuracy"]):
        other = oracles.RandomSearch(objective, max_trials=20, seed=0)
        other._set_project_dir(str(tmp_path), "project")
        with pytest.raises(ValueError, match=r"its objective is \[\['val_loss', 'min'\]\], not"):
            other.reload()
    made("random", tmp_path).reload()


@pytest.mark.parametrize("name", MADE)
def test_a_seed_gives_the_same_trials_and_moves_no_global_generator(name: str, tmp_path: Path) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    runs = []
    for i, seed in enumerate((0, 0, 1)):
        oracle = made(name, tmp_path / str(i), seed)
        runs.append([step(oracle) for _ in range(5)])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert runs[0] == runs[1]
    if name in ("random", "hyperband"):
        assert runs[0] != runs[2]


def test_greedy_begins_with_the_defaults_and_changes_them_then(tmp_path: Path) -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", [0, 1, 2, 3], default=2)
    hp.Choice("b", [0, 1, 2], default=1)
    for seed in range(3):
        oracle = oracles.Greedy(objective="val_loss", seed=seed, max_trials=20, hyperparameters=hp)
        oracle.verbose = 0
        oracle._set_project_dir(str(tmp_path / str(seed)), "project")
        assert step(oracle) == {"a": 2, "b": 1}
        second = step(oracle)
        assert second is not None and (second["a"] == 2) != (second["b"] == 1)


@pytest.mark.parametrize("name", MADE)
def test_a_reloaded_oracle_goes_on(name: str, tmp_path: Path) -> None:
    whole, cut = made(name, tmp_path / "whole"), made(name, tmp_path / "cut")
    for _ in range(3):
        step(whole), step(cut)
    again = made(name, tmp_path / "cut")
    again.reload()
    assert list(again.trials) == list(cut.trials)
    if name != "bayesian":  # its generator is not part of its state
        assert [step(again) for _ in range(3)] == [step(whole) for _ in range(3)]


def test_files_that_disagree_after_a_kill_are_mended(tmp_path: Path) -> None:
    oracle = made("random", tmp_path)
    for _ in range(3):
        step(oracle)
    folder = tmp_path / "project"
    # Trial 1 was under way when the process died, with a metric reported; trial 2 had begun before the state knew.
    state = json.loads((folder / "oracle.json").read_text())
    state["start_order"].remove("02")
    state["end_order"] = ["00"]
    (folder / "oracle.json").write_text(json.dumps(state))
    trial = json.loads((folder / "trial_01" / "trial.json").read_text())
    (folder / "trial_01" / "trial.json").write_text(json.dumps({**trial, "status": "RUNNING"}))
    again = made("random", tmp_path)
    again.reload()
    assert list(again.trials) == ["00", "01"] and not (folder / "trial_02").exists()
    assert again._retry_queue == ["01"] and again.trials["01"].score is None
    assert not again.trials["01"].metrics.exists("val_loss")
    assert step(again) == {name: trial["hyperparameters"]["values"][name] for name in "ab"}
    assert again.end_order == ["00", "01"]


def test_files_are_written_in_utf_8_whatever_they_hold(tmp_path: Path) -> None:
    from autonas_keras.oracles import saving

    name = "f" * 250
    saving.write_atomically(tmp_path / name, "−→ü\ud800")
    assert (tmp_path / name).read_bytes() == "−→ü\\ud800".encode()


def test_a_write_that_dies_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autonas_keras.oracles import saving

    saving.write_atomically(tmp_path / "file", "old")

    def fail(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saving.os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        saving.write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", MADE)
def test_what_is_not_accepted_is_not_proposed(name: str, tmp_path: Path) -> None:
    if name == "given":
        pytest.skip("proposes what it is given")
    oracle = made(name, tmp_path)
    oracle.excess = lambda values: values["a"] != 2
    found = [step(oracle) for _ in range(3)]
    assert all(values is None or values["a"] == 2 for values in found) and found[0] is not None


@pytest.mark.parametrize("name", [name for name in MADE if name != "given"])
def test_what_hardly_any_values_meet_is_found_by_how_far_others_are_from_it(name: str, tmp_path: Path) -> None:
    hp = keras_tuner.HyperParameters()
    for i in range(40):
        hp.Choice(f"c{i}", [0, 1, 2, 3], default=3)
    oracle = MADE[name](objective="val_loss", seed=0, hyperparameters=hp)
    oracle.verbose = 0
    oracle._set_project_dir(str(tmp_path), "project")
    oracle.excess = lambda values: max(0.0, sum(values[f"c{i}"] for i in range(40)) / 4 - 1)
    found = []
    for number in range(3):
        trial = oracle.create_trial(f"tuner{number}")
        assert trial.status == "RUNNING"
        values = trial.hyperparameters.values
        assert sum(values[f"c{i}"] for i in range(40)) <= 4
        found.append(str(sorted(values.items())))
    assert len(set(found)) == 3


def test_an_oracle_that_can_accept_nothing_stops(tmp_path: Path) -> None:
    oracle = made("random", tmp_path)
    oracle.excess = lambda values: 1.0
    assert step(oracle) is None and not oracle.trials


def test_given_proposals_come_in_their_order_and_then_it_stops(tmp_path: Path) -> None:
    oracle = made("given", tmp_path)
    found = [step(oracle) for _ in range(13)]
    assert found == [*oracle.proposals, None]
