"""Searches with shared weights, one path at a time: they go on after a kill, keep limits, and refuse what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autonas_keras as ank
from autonas_keras import tuners
from autonas_keras.evaluation import InheritedScore, SharedWeights, space_costs
from autonas_keras.spaces import Architecture, CellSpace, ChainSpace, JoinedSpace
from autonas_keras.tasks import ImageClassifier, StructuredDataClassifier
from autonas_keras.training import checkpoint
from autonas_keras.tuners import one_shot, supernet
from tests.tasks.small import ONE_CELL, TINY, digits
from tests.tuners.test_resume import Killed, dies, same

SETTINGS: dict[str, dict[str, Any]] = {
    "spos": {"evaluations": 6, "population_size": 4},
    "enas": {"controller_steps": 4, "samples": 6, "warmup_epochs": 1},
}
CHECKPOINT = checkpoint.TrainingCheckpoint
LIMIT = 60  # parameters; most networks have more
DEATHS: dict[str, dict[str, tuple[Any, str, int, bool]]] = {
    "spos": {
        "after an epoch": (CHECKPOINT, "on_epoch_end", 1, True),
        "while architectures are judged": (SharedWeights, "score", 3, False),
    },
    "enas": {
        "when the controller has learnt, before the weights are kept": (CHECKPOINT, "on_epoch_end", 2, False),
        "before what was found is written": (supernet, "write_atomically", 1, False),
    },
}


def fitted(folder: Path, tuner: str, **options: Any) -> ImageClassifier:
    x, y = digits(80)
    settings = {"space": ONE_CELL, "search_cells": 1, "seed": 0, "search_epochs": 3, **SETTINGS[tuner], **options}
    clf = ImageClassifier(tuner=tuner, directory=folder, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


def judged(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "image_classifier" / "search" / "inherited.csv")


def kept(folder: Path) -> list[Architecture]:
    """The architectures of the only block that were kept as the first ones."""
    points = [json.loads(text) for text in json.loads((folder / "ranked.json").read_text())]
    return [ONE_CELL.architecture({name.split("/", 1)[1]: v for name, v in point.items()}) for point in points]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ImageClassifier, Path]]:
    """The search of a tuner within a limit that never died, and its folder."""

    @cache
    def of(tuner: str) -> tuple[ImageClassifier, Path]:
        folder = tmp_path_factory.mktemp(tuner)
        return fitted(folder, tuner, limits={"params": LIMIT}), folder

    return of


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize("tuner", SETTINGS)
def test_a_search_that_dies_anywhere_ends_as_one_that_never_did(
    tuner: str, undisturbed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = undisturbed(tuner)
    for owner, name, when, after in DEATHS[tuner].values():
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after)
            with pytest.raises(Killed):
                fitted(tmp_path, tuner, limits={"params": LIMIT})
    same(fitted(tmp_path, tuner, limits={"params": LIMIT}), whole)
    assert judged(tmp_path).equals(judged(folder))


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize("tuner", SETTINGS)
def test_every_architecture_that_is_judged_keeps_the_limits(tuner: str, undisturbed: Any) -> None:
    clf, folder = undisturbed(tuner)
    points = [ONE_CELL.parse(text) for text in judged(folder)["architecture"]]
    found = [space_costs(ONE_CELL, point, (8, 8, 1), 10)["params"] for point in points]
    assert len(points) > 2 and max(found) <= LIMIT
    assert max(space_costs(ONE_CELL, point, (8, 8, 1), 10)["params"] for point in ONE_CELL.enumerate()) > LIMIT
    assert {"val_loss", "val_accuracy"} <= set(clf.leaderboard().columns)
    assert clf.leaderboard()["params"][0] <= LIMIT


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize("vote", [False, True])
def test_of_several_finalists_a_short_training_decides_after_a_kill_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vote: bool
) -> None:
    options = {"search_epochs": 1, "finalists": 2, "contest_epochs": 1, "objective": "val_accuracy", "vote": vote}
    with monkeypatch.context() as patch:
        dies(patch, one_shot, "write_atomically", 3, False)  # when the second finalist is to be written
        with pytest.raises(Killed):
            fitted(tmp_path, "spos", **options)
    with monkeypatch.context() as patch:
        patch.setattr(one_shot, "by_vote", lambda *args: pytest.fail("ranked anew"))
        clf = fitted(tmp_path, "spos", **options)
    table = judged(tmp_path).sort_values("score", ascending=False, kind="stable")
    folder = tmp_path / "image_classifier" / "search"
    ranked = [str(point) for point in kept(folder)]
    if not vote:
        assert ranked == table["architecture"].iloc[:2].tolist()
    assert len(json.loads((folder / "scores.json").read_text())) == len(table)
    reached = [json.loads((folder / f"finalist_{i}" / "metrics.json").read_text())["val_accuracy"] for i in range(2)]
    assert not (folder / "finalist_2").exists()
    assert str(clf.best_architecture) == ranked[int(np.argmax(reached))]
    assert clf.leaderboard()["score"][0] == max(reached)


@pytest.mark.slow(seconds=10)
def test_of_architectures_of_equal_accuracy_the_vote_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def weakest(shared: Any, found: list[Any], x: np.ndarray, *args: Any) -> list[Any]:
        asked.extend(found)
        assert len(x) == 64  # what the networks learn from
        return [architecture for architecture, _ in found[::-1]]

    monkeypatch.setattr(one_shot, "by_vote", weakest)
    clf = fitted(tmp_path, "spos", search_epochs=1)
    table = judged(tmp_path).sort_values("score", ascending=False, kind="stable")
    best = table["score"].iloc[0]
    same = table[table["score"] >= best - 2 * np.sqrt(best * (1 - best) / 16)]
    assert len(asked) == len(same) > 1
    assert str(clf.best_architecture) == same["architecture"].iloc[-1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objective": "val_mean_absolute_error", "vote": True}, "ClassificationHead with 'val_mean_absolute_error'"),
        ({"multi_label": True, "vote": True}, "Expected a graph that sorts images into classes"),
        ({"vote": 1}, "Expected vote to be True, False or None, got 1"),
    ],
)
def test_a_vote_needs_accuracies(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImageClassifier(tuner="spos", metrics=["mean_absolute_error"], directory=tmp_path, **settings)


def test_a_table_has_no_vote(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Expected a graph that sorts images into classes"):
        StructuredDataClassifier(tuner="spos", vote=True, directory=tmp_path)


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


@pytest.mark.slow(seconds=10)
def test_the_controller_is_rewarded_by_what_all_heads_are_judged_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewards: list[float] = []
    on_batch = InheritedScore.on_batch
    monkeypatch.setattr(InheritedScore, "on_batch", lambda *args: rewards.append(on_batch(*args)) or rewards[-1])
    image = ank.ImageInput()
    features = ank.CellBlock(space=ONE_CELL)(image)
    heads = [ank.ClassificationHead(name="digit")(features), ank.RegressionHead(name="ink")(features)]
    settings = {"search_cells": 1, "search_epochs": 1, "warmup_epochs": 0, "controller_steps": 4, "samples": 3}
    model = ank.AutoModel(image, heads, tuner="enas", directory=tmp_path, seed=0, **settings)
    x, y = digits(80)
    model.fit(x, [y, 1e4 + x.sum((1, 2))], epochs=1, batch_size=16, verbose=0)
    # A share of right digits, less a squared error in units of the deviation.
    assert len(rewards) == 4 and len(set(rewards)) > 1 and all(-50 < reward < 1 for reward in rewards)
    assert min(rewards) < 0
