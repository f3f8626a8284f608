"""A search that is killed at any moment goes on, and ends as one that never was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonas_keras.tasks import ImageClassifier
from autonas_keras.training import checkpoint as checkpoint_module
from autonas_keras.tuners import base, darts, supernet, trials
from tests.tasks.small import ONE_CELL, digits


class Killed(BaseException):
    """Stands for a kill: nothing in the package catches it."""


def dies(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: int, after: bool = False) -> None:
    """Let the ``when``-th call of a function die, before or after its work; the calls after it are as ever."""
    original, calls = getattr(owner, name), []

    def dying(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        result = original(*args, **kwargs) if after or len(calls) != when else None
        if len(calls) == when:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dying)


def fitted(folder: Path, tuner: str = "darts") -> ImageClassifier:
    x, y = digits(80)
    supernet = {"search_epochs": 3, "warmup_epochs": 1, "search_cells": 1}
    settings: dict[str, Any] = supernet if tuner == "darts" else {"max_trials": 2}
    clf = ImageClassifier(tuner=tuner, space=ONE_CELL, seed=0, directory=folder, **settings)
    clf.fit(x, y, epochs=3, batch_size=16, verbose=0)
    return clf


def same(a: ImageClassifier, b: ImageClassifier) -> None:
    assert a.best_architecture == b.best_architecture
    for left, right in zip(a.export_model().get_weights(), b.export_model().get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    columns = [name for name in a.leaderboard().columns if name != "seconds"]
    assert a.leaderboard()[columns].equals(b.leaderboard()[columns])


CHECKPOINT = checkpoint_module.TrainingCheckpoint
DEATHS: dict[str, tuple[Any, str, int, bool]] = {
    "after an epoch of the search": (CHECKPOINT, "on_epoch_end", 1, True),
    "before what was found is written": (supernet, "write_atomically", 1, False),
    "in the trial": (darts.DartsTuner, "run_trial", 1, True),
    "between the files of the trial": (base.SearchTuner, "save", 2, False),
    "in the final training": (CHECKPOINT, "on_epoch_end", 2, True),
    "while the network is saved": (base, "save_model", 1, False),
    "after the network is saved": (base, "save_model", 1, True),
}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> ImageClassifier:
    """A search by gradient that never died."""
    return fitted(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.slow(seconds=15)
def test_a_search_that_dies_at_every_step_ends_as_one_that_never_did(
    undisturbed: ImageClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, name, when, after in DEATHS.values():
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after)
            with pytest.raises(Killed):
                fitted(tmp_path / "killed")
    same(fitted(tmp_path / "killed"), undisturbed)


@pytest.mark.slow
def test_a_random_search_that_dies_ends_as_one_that_never_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = fitted(tmp_path / "undisturbed", "random")
    for owner, name, when, after in (
        (CHECKPOINT, "on_epoch_end", 2, True),
        (trials.TrialTuner, "run_trial", 1, True),
        (base.SearchTuner, "save", 2, False),
    ):
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after)
            with pytest.raises(Killed):
                fitted(tmp_path / "killed", "random")
    same(fitted(tmp_path / "killed", "random"), undisturbed)


@pytest.mark.slow(seconds=15)
def test_kill_9_in_another_process(undisturbed: ImageClassifier, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "ignore", "-m", "tests.tuners.killed", str(tmp_path / "killed")]
    subprocess.run(command, check=True, cwd=root, timeout=900)
    # This process has other hashes of strings, and other tests ran in it before.
    same(undisturbed, fitted(tmp_path / "killed"))


def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_module.TrainingCheckpoint, "on_epoch_end", full)
    with pytest.raises(OSError, match="Expected a directory with room that can be written, got .*No space left"):
        fitted(tmp_path)
