"""A search that starts from an earlier one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import CellSpace
from autonas_keras.tasks import ImageClassifier
from autonas_keras.tuners import TrialTuner
from autonas_keras.tuners.warm_start import KEPT, WEIGHTS, read
from tests.tasks.small import ONE_CELL, digits
from tests.tuners.test_resume import Killed, dies, same

TWICE = ONE_CELL.resized(2, 4)  # the same decisions in a wider network


def made(folder: Path, name: str, tuner: str = "evolution", **settings: Any) -> ImageClassifier:
    settings = {"space": ONE_CELL, "max_trials": 3, **settings}
    return ImageClassifier(tuner=tuner, seed=0, directory=folder, project_name=name, **settings)


def fitted(folder: Path, name: str, tuner: str = "evolution", classes: int = 10, **settings: Any) -> ImageClassifier:
    x, y = digits(60, classes)
    clf = made(folder, name, tuner, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the search "evolution", read by all tests and changed by none."""
    folder = tmp_path_factory.mktemp("earlier")
    fitted(folder, "evolution")
    return folder / "evolution"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def tried(clf: ImageClassifier) -> list[str]:
    trials = clf.tuner.oracle.trials
    return [str(clf.tuner.architecture(trials[key].hyperparameters)) for key in sorted(trials, key=int)]


def test_evolution_tries_the_best_of_an_earlier_search_first_and_only_reads_it(tmp_path: Path, earlier: Path) -> None:
    board = made(earlier.parent, "evolution").leaderboard()  # the folder of that search, opened once more
    before = contents(earlier)
    clf = fitted(tmp_path, "later", space=TWICE, classes=5, warm_start=earlier, max_trials=2, population_size=4)
    assert [text.replace("\n", "; ") for text in tried(clf)] == list(board["architecture"][:2])
    assert contents(earlier) == before


@pytest.mark.parametrize("name", ["genetic", "predictor", "reinforce"])
def test_other_strategies_start_from_it_too(tmp_path: Path, earlier: Path, name: str) -> None:
    clf = made(tmp_path, name, name, warm_start=str(earlier))
    oracle, found = clf.tuner.oracle, clf.tuner.earlier
    oracle.update_space(made(earlier.parent, "evolution").tuner.oracle.get_space())
    found.check(oracle.get_space())
    oracle.begin(found.tried, found.state)
    best = found.tried[0][0]
    values = oracle.create_trial("tuner0").hyperparameters.values
    assert {key: values[key] for key in best} == best


def test_of_successive_halving_an_architecture_counts_by_its_highest_rung(tmp_path: Path, earlier: Path) -> None:
    copy = shutil.copytree(earlier, tmp_path / "halved")
    first = json.loads((copy / "trial_0" / "trial.json").read_text())
    known = read(copy).tried
    # The network of the first trial went on, and became better; its score is a loss.
    first["hyperparameters"]["values"]["tuner/trial_id"] = first["trial_id"]
    later = {**first, "trial_id": "9", "score": first["score"] / 2}
    (copy / "trial_9").mkdir()
    (copy / "trial_9" / "trial.json").write_text(json.dumps(later))
    found = read(copy).tried
    assert len(found) == len(known) == 3
    worths = [worth for values, worth in found if values.get("tuner/trial_id") == first["trial_id"]]
    assert worths == [-first["score"] / 2]


def test_a_killed_search_goes_on_when_the_earlier_one_is_gone(
    tmp_path: Path, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fitted(tmp_path, "whole", warm_start=earlier)
    copy = shutil.copytree(earlier, tmp_path / "copy")
    with monkeypatch.context() as patch:
        dies(patch, TrialTuner, "run_trial", 2)
        with pytest.raises(Killed):
            fitted(tmp_path, "killed", warm_start=copy)
    shutil.rmtree(copy)
    assert (tmp_path / "killed" / KEPT).exists()
    same(whole, fitted(tmp_path, "killed", warm_start=f"{copy}/./"))
    with pytest.raises(ValueError, match="with warm_start = "):
        made(tmp_path, "killed")


def test_of_several_objectives_the_smallest_sum_is_the_best(tmp_path: Path, earlier: Path) -> None:
    copy = shutil.copytree(earlier, tmp_path / "several")
    facts = json.loads((copy / "project.json").read_text())
    (copy / "project.json").write_text(json.dumps({**facts, "objective": "['val_accuracy', 'val_auc']"}))
    known = [worth for _, worth in read(copy).tried]
    scores = [json.loads(file.read_text())["score"] for file in copy.glob("trial_*/trial.json")]
    assert known == sorted((-score for score in scores), reverse=True)


def test_folders_that_hold_no_such_search_are_refused_by_name(tmp_path: Path, earlier: Path) -> None:
    empty, broken = tmp_path / "empty", shutil.copytree(earlier, tmp_path / "broken")
    empty.mkdir()
    (broken / "oracle.json").write_text('{"trials"')
    halved = shutil.copytree(earlier, tmp_path / "halved")
    facts = json.loads((halved / "project.json").read_text())
    (halved / "project.json").write_text(json.dumps({"tuner": facts["tuner"], "data": {}}))
    cases = {
        tmp_path / "missing": "which is none",
        empty: "empty without project.json",
        broken: "whose oracle.json cannot be read",
        halved: "whose project.json cannot be read .it has no 'objective'.",
        tmp_path / "later": "that of this one",
    }
    for folder, message in cases.items():
        with pytest.raises(ValueError, match=message):
            made(tmp_path, "later", warm_start=folder)
    made(tmp_path, "fresh")
    with pytest.raises(ValueError, match="fresh, which was never fitted"):
        made(tmp_path, "later", warm_start=tmp_path / "fresh")
    with pytest.raises(ValueError, match="one of evolution, .*, got 'darts' with warm_start"):
        made(tmp_path, "gradient", "darts", warm_start=earlier)
    with pytest.raises(ValueError, match="shared weights for tuner 'spos', got .* by tuner 'evolution'"):
        made(tmp_path, "shared", "spos", warm_start=earlier)


def test_images_of_another_size_are_told(tmp_path: Path, earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(earlier)
    assert found.inputs == [[8, 8]]
    assert found.caution([(8, 8)]) is found.caution([(8, 8, 1)]) is found.caution([(5,)]) is None
    assert "saw inputs of 8x8, this one sees 28x28" in str(found.caution([(28, 28, 3)]))
    x, y = digits(40)
    clf = made(tmp_path, "later", space=TWICE, warm_start=earlier, max_trials=1)
    clf.fit(np.pad(x, ((0, 0), (2, 2), (2, 2))), y, epochs=1, batch_size=40, verbose=2)
    assert "saw inputs of 8x8, this one sees 12x12" in capsys.readouterr().out


def test_another_space_is_refused_before_anything_is_trained(tmp_path: Path, earlier: Path) -> None:
    operations = ("max_pool_3x3", "skip_connect", "conv_3x3")
    other = CellSpace(operations, nodes=2, cells=1, channels=2, topology="dense")
    with pytest.raises(ValueError, match="on the same space, with '.*edge_1_0' of .*conv_3x3"):
        fitted(tmp_path, "later", space=other, warm_start=earlier)
    assert not list((tmp_path / "later").glob("trial_*"))


@pytest.mark.slow(seconds=8)
def test_supernets_begin_with_the_earlier_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"search_cells": 1, "search_epochs": 1, "max_trials": 1}
    few = {"evaluations": 2, "population_size": 2}
    first = fitted(tmp_path, "first", "spos", **settings, **few)
    weights = {w.path: w.numpy() for w in first.tuner.shared_weights().model.supernets[0].trainable_weights}
    begun: list[dict[str, np.ndarray]] = []
    original = type(first.tuner)._plan

    def plan(self: Any, model: Any, epochs: int) -> Any:
        begun.append({w.path: w.numpy() for w in model.supernets[0].trainable_weights})
        return original(self, model, epochs)

    monkeypatch.setattr(type(first.tuner), "_plan", plan)
    fitted(tmp_path, "second", "spos", warm_start=tmp_path / "first", **settings, **few)
    assert begun[0].keys() == weights.keys()
    assert all((begun[0][path] == value).all() for path, value in weights.items())
    assert (tmp_path / "second" / WEIGHTS).exists()
    moved = shutil.move(tmp_path / "second", tmp_path / "moved")
    found = made(tmp_path, "moved", "spos", warm_start=tmp_path / "first", **settings, **few).tuner.earlier
    assert Path(found.supernet) == Path(moved) / WEIGHTS
    with pytest.raises(
        ValueError, match="as large as .* the same settings of it, such as search_cells, search_channels"
    ):
        fitted(tmp_path, "third", "spos", warm_start=tmp_path / "first", search_channels=4, **settings, **few)
