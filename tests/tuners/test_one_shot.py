"""Searches with shared weights, one path at a time: they go on after a kill, keep limits, and refuse what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autonas_keras import tuners
from autonas_keras.evaluation import SharedWeights
from autonas_keras.spaces import CellSpace, ChainSpace, JoinedSpace
from autonas_keras.tasks import ImageClassifier
from autonas_keras.training import checkpoint
from autonas_keras.tuners import one_shot, supernet
from tests.tasks.small import TINY, digits
from tests.tuners.test_resume import Killed, dies, same

SETTINGS: dict[str, dict[str, Any]] = {
    "spos": {"evaluations": 12, "population_size": 4},
    "enas": {"controller_steps": 4, "samples": 6, "warmup_epochs": 1},
}
CHECKPOINT = checkpoint.TrainingCheckpoint
# After the controller has learnt and before the weights are kept, and so on.
DEATHS: dict[str, tuple[Any, str, int, bool]] = {
    "before an epoch of the weights is kept": (CHECKPOINT, "on_epoch_end", 2, False),
    "after an epoch": (CHECKPOINT, "on_epoch_end", 1, True),
    "while architectures are judged": (SharedWeights, "score", 3, False),
    "before what was found is written": (supernet, "write_atomically", 1, False),
}


def fitted(folder: Path, tuner: str, **options: Any) -> ImageClassifier:
    x, y = digits(80)
    settings = {"space": TINY, "seed": 0, "search_epochs": 4, **SETTINGS[tuner], **options}
    clf = ImageClassifier(tuner=tuner, directory=folder, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


def judged(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "image_classifier" / "search" / "inherited.csv")


@pytest.mark.slow(seconds=40)
@pytest.mark.parametrize("tuner", SETTINGS)
def test_a_search_that_dies_anywhere_ends_as_one_that_never_did(
    tuner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = fitted(tmp_path / "undisturbed", tuner)
    for owner, name, when, after in DEATHS.values():
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after)
            with pytest.raises(Killed):
                fitted(tmp_path / "killed", tuner)
    same(fitted(tmp_path / "killed", tuner), undisturbed)
    assert judged(tmp_path / "killed").equals(judged(tmp_path / "undisturbed"))


def test_of_several_finalists_a_short_training_decides_after_a_kill_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"search_epochs": 1, "finalists": 3, "contest_epochs": 1, "objective": "val_accuracy"}
    with monkeypatch.context() as patch:
        dies(patch, one_shot, "write_atomically", 3, False)
        with pytest.raises(Killed):
            fitted(tmp_path, "spos", **options)
    clf = fitted(tmp_path, "spos", **options)
    table = judged(tmp_path).sort_values("score", ascending=False, kind="stable")
    folder = tmp_path / "image_classifier" / "search"
    reached = [json.loads((folder / f"finalist_{i}" / "metrics.json").read_text())["val_accuracy"] for i in range(3)]
    assert not (folder / "finalist_3").exists()
    winner = table["architecture"].iloc[int(np.argmax(reached))]
    assert str(clf.best_architecture) == winner
    assert clf.leaderboard()["score"][0] == max(reached)


@pytest.mark.parametrize("tuner", SETTINGS)
def test_every_architecture_that_is_judged_keeps_the_limits(tuner: str, tmp_path: Path) -> None:
    limit = 700
    clf = fitted(tmp_path, tuner, limits={"params": limit}, search_epochs=1)
    costs = clf.tuner.costs
    points = [TINY.parse(text) for text in judged(tmp_path)["architecture"]]
    block = clf.tuner.graph.searched[0].name
    assert points and all(
        costs.of({f"{block}/{name}": option for name, option in point.items()})["params"] <= limit for point in points
    )
    assert clf.leaderboard()["params"][0] <= limit


def test_the_rate_is_one_that_the_space_bears() -> None:
    def rate(space: Any) -> float:
        return tuners.Spos().rates(JoinedSpace({"block": space}))[0]

    assert rate(CellSpace.darts()) == rate(CellSpace.nasnet()) == 0.025
    assert rate(CellSpace.nasbench201()) == rate(ChainSpace.nasbench_macro()) == 0.1
    assert tuners.Spos(search_learning_rate=(0.2, 0.1)).rates(JoinedSpace({"block": TINY})) == (0.2, 0.1)


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        (tuners.Spos, {"evaluations": 1}, "evaluations to be an integer of 2 or more, got 1"),
        (tuners.Spos, {"search_batch_size": 0}, "search_batch_size to be a positive integer, got 0"),
        (tuners.Spos, {"search_learning_rate": (0.1,)}, "a first and a last positive rate"),
        (tuners.Spos, {"search_weight_decay": -1.0}, "search_weight_decay"),
        (tuners.Enas, {"samples": 0}, "samples to be a positive integer, got 0"),
    ],
)
def test_wrong_settings_are_refused(method: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        method(**settings)
