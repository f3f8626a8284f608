"""Searches that keep a time limit."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from autokeras.tuners.greedy import Greedy

import autonas_keras as ank
from autonas_keras.spaces import MobileSpace
from autonas_keras.tasks import ImageClassifier, ImageRegressor
from autonas_keras.training import Phase
from autonas_keras.training.checkpoint import TrainingCheckpoint
from autonas_keras.tuners import base, timed
from autonas_keras.tuners.clock import Clock
from autonas_keras.tuners.ofa import affordable
from autonas_keras.tuners.published import known_points
from tests.tasks.small import ONE_CELL, digits
from tests.tuners.test_elastic import BLOCK
from tests.tuners.test_resume import Killed, dies

SPARE = 100.0  # seconds of the processor that starts may take longer than the limit; other work does not count
# On such a machine every limit of some seconds is too short for an epoch.
pytestmark = pytest.mark.filterwarnings("ignore:Expected a time_limit for an epoch")


def clock_of(folder: Path, name: str = "image_classifier") -> dict[str, Any]:
    return json.loads((folder / name / "clock.json").read_text())


def usable(clf: ImageClassifier, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    assert set(clf.predict(x[:20], verbose=0).ravel()) <= set(y)
    clf.export_model().save(folder / "found.keras")
    model = keras.saving.load_model(folder / "found.keras")
    assert np.isfinite(model.predict(x[:3], verbose=0)).all()
    assert len(clf.leaderboard()) >= 1 and np.isfinite(clf.leaderboard()["score"].iloc[0])


@pytest.mark.parametrize("limit", [0, -5, math.nan, math.inf, "10"])
def test_an_absurd_limit_is_refused_before_anything_happens(tmp_path: Path, limit: Any) -> None:
    x, y = digits(40)
    clf = ImageClassifier(directory=tmp_path, space=ONE_CELL)
    with pytest.raises(ValueError, match="Expected time_limit to be a positive number of seconds"):
        clf.fit(x, y, time_limit=limit)
    assert not (tmp_path / "image_classifier" / "clock.json").exists()


def test_a_tuner_class_of_autokeras_keeps_no_limit(tmp_path: Path) -> None:
    x, y = digits(40)
    clf = ImageClassifier(directory=tmp_path, space=ONE_CELL, tuner=Greedy, max_trials=1)
    with pytest.raises(TypeError, match="Expected a tuner of autonas_keras for time_limit, got Greedy"):
        clf.fit(x, y, time_limit=60)


@pytest.mark.parametrize("tuner", [None, "darts", "random", "bignas"])
def test_a_limit_too_short_for_an_epoch_is_a_warning_and_gives_a_usable_network(
    tmp_path: Path, tuner: str | None
) -> None:
    x, y = digits(80)
    space = {"space": ONE_CELL} if tuner != "bignas" else {}
    clf = ImageClassifier(directory=tmp_path, tuner=tuner, seed=0, **space)
    with pytest.warns(
        UserWarning, match=r"Expected a time_limit for an epoch or more, got 0.1 seconds, .* 1 of 4 steps"
    ):
        clf.fit(x, y, batch_size=16, verbose=0, time_limit=0.1)
    usable(clf, x, y, tmp_path)
    # A space by name, sized by the images, is known in another process too.
    again = ImageClassifier(directory=tmp_path, tuner=tuner, seed=0, **space)
    assert again.best_architecture == clf.best_architecture and again.best_architecture in again.tuner.result_space


@pytest.mark.slow(seconds=10)
def test_the_method_is_chosen_kept_and_told_and_the_limit_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = digits(200)
    clf = ImageClassifier(directory=tmp_path, seed=0, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")])
    start = time.process_time()
    clf.fit(x, y, batch_size=16, verbose=1, time_limit=8)
    assert time.process_time() - start < 8 + SPARE
    assert clf.tuner.method.name == "published"
    assert "Chose tuner 'published' on the space 'nasbench201': 8 s on" in capsys.readouterr().out
    kept = json.loads((tmp_path / "image_classifier" / "choice.json").read_text())
    assert kept["tuner"] == "published" and kept["facts"]["time_limit"] == 8 and kept["facts"]["samples"] == 160
    assert list(clock_of(tmp_path)["phases"]) == ["search", "final"]
    usable(clf, x, y, tmp_path)
    # Another process takes what was chosen, with a limit and without.
    again = ImageClassifier(directory=tmp_path)
    assert again.tuner.method.name == "published" and again.space == "nasbench201"
    again.fit(x, y, batch_size=16, verbose=0)
    np.testing.assert_array_equal(again.predict(x, verbose=0), clf.predict(x, verbose=0))


def test_without_a_limit_and_a_name_it_is_darts_as_ever(tmp_path: Path) -> None:
    clf = ImageClassifier(directory=tmp_path, space=ONE_CELL, search_cells=1, search_epochs=1)
    x, y = digits(40)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    assert clf.tuner.method.name == "darts"
    assert not (tmp_path / "image_classifier" / "clock.json").exists()


def test_a_search_that_began_without_a_limit_goes_on_with_its_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = digits(40)
    with monkeypatch.context() as patch:
        dies(patch, base.SearchTuner, "_declare", 1)
        with pytest.raises(Killed):
            ImageClassifier(directory=tmp_path, space=ONE_CELL, seed=0).fit(x, y, verbose=0)
    clf = ImageClassifier(directory=tmp_path, space=ONE_CELL, seed=0)
    with monkeypatch.context() as patch:
        dies(patch, base.SearchTuner, "_declare", 1)
        with pytest.raises(Killed):
            clf.fit(x, y, verbose=0, time_limit=5)
    assert clf.tuner.method.name == "darts" and not (tmp_path / "image_classifier" / "choice.json").exists()


def test_settings_of_one_tuner_are_refused_where_it_is_to_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="settings that every tuner has with tuner='auto', got 'order'"):
        ImageClassifier(directory=tmp_path, tuner="auto", order=2)
    assert ImageClassifier(directory=tmp_path, tuner="auto", channels=8).tuner.method.channels == 8


MOBILE = MobileSpace(((4, 8),), depths=(1,), kernels=(3, 5), expansions=(1, 2), stem=4, head=8, resolutions=(6, 8))
SUPERNETS: dict[str, dict[str, Any]] = {
    "darts": {"space": ONE_CELL, "search_cells": 1},
    "enas": {"space": ONE_CELL, "search_cells": 1, "samples": 500},
    "bignas": {"space": MOBILE},
}


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("tuner", SUPERNETS)
def test_a_supernet_learns_for_as_many_steps_as_there_is_time_for(
    tmp_path: Path, tuner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed, "START", 0.1)
    x, y = digits(200)
    clf = ImageClassifier(directory=tmp_path, tuner=tuner, seed=0, search_epochs=10_000, **SUPERNETS[tuner])
    start = time.process_time()
    clf.fit(x, y, batch_size=16, verbose=0, time_limit=6)
    assert time.process_time() - start < 6 + SPARE
    epochs, steps = clock_of(tmp_path)["plans"]["search"]
    assert 1 <= epochs < 10_000 and 1 <= steps <= 160
    usable(clf, x, y, tmp_path)


@pytest.mark.slow(seconds=10)
def test_where_a_supernet_could_not_start_a_network_is_trained_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed, "START", 100.0)
    monkeypatch.setattr(timed, "SLOW", 10.0)  # however slow the machine is
    x, y = digits(200)
    clf = ImageClassifier(directory=tmp_path, tuner="spos", space=ONE_CELL, seed=0)
    clf.fit(x, y, batch_size=16, verbose=0, time_limit=10)
    assert not (tmp_path / "image_classifier" / "search" / "supernet.keras").exists()
    usable(clf, x, y, tmp_path)


def test_the_final_training_is_as_long_as_that_of_the_best_network_so_far() -> None:
    def trial(width: int) -> Any:
        return SimpleNamespace(hyperparameters=SimpleNamespace(values={"width": width}))

    class Search(timed.Timed):
        clock = Clock(100.0, None, start=0.0, now=lambda: 50.0)  # half of it is gone
        oracle = SimpleNamespace(get_best_trials=lambda count: [trial(1)])
        _data, _validation = np.zeros(80), np.zeros(20)

        def _final_epochs(self, samples: int) -> int:
            return 2

        def sizes_are_free(self) -> bool:
            return False

    search = Search()
    for width, seconds in ((1, 0.05), (2, 10.0)):
        search.note_speed(SimpleNamespace(step_seconds=seconds * 4), trial(width).hyperparameters, batch_size=4)  # type: ignore[arg-type]
    search._start_seconds = 2.0
    # 97 seconds for trainings, 50 of them gone; 1.2 x 2 epochs x 100 samples x 0.05 s, and one and a half starts.
    assert search.search_left() == pytest.approx(97 - 50 - 12 - 3)
    search.oracle = SimpleNamespace(get_best_trials=lambda count: [])
    assert search.search_left() == pytest.approx(45 - 50), "Of what is not known the last one is taken."


TABLE = ank.StructuredDataInput(shape=(8,))


@pytest.mark.parametrize(
    ("nodes", "count"),
    [([TABLE, ank.ImageInput(shape=(8, 8, 1)), ank.ImageInput(shape=(6, 6))], 2000), ([TABLE], 10_000)],
)
def test_with_a_limit_networks_are_compared_on_a_draw_of_many_samples(nodes: Any, count: int) -> None:
    class Search(timed.Timed):
        graph = SimpleNamespace(inputs=nodes)
        oracle = SimpleNamespace(seed=3)

    search, many = Search(), (np.arange(12_000), {"y": np.arange(12_000)})
    assert search.judged_part(many) is many
    search.clock = Clock(100.0, None)
    x, y = search.judged_part(many)
    assert len(x) == count and (np.diff(x) > 0).all() and (x == y["y"]).all()
    np.testing.assert_array_equal(Search.judged_part(search, many)[0], x)
    few = np.arange(count)
    assert search.judged_part(few) is few


@pytest.mark.slow(seconds=10)
def test_trials_are_proposed_while_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAST_TRIAL", "START"):
        monkeypatch.setattr(timed, name, 0.5)
    monkeypatch.setattr(timed, "SLOW", 10.0)  # however slow the machine is
    x, y = digits(80)
    clf = ImageRegressor(directory=tmp_path, tuner="random", space=ONE_CELL, max_trials=10_000, seed=0)
    clf.fit(x, y, batch_size=16, epochs=1000, verbose=0, time_limit=8)
    clock = clock_of(tmp_path, "image_regressor")
    assert 1 <= len(clf.leaderboard()) < 1000
    assert set(clf.leaderboard()["status"]) == {"COMPLETED"}
    assert clock["phases"]["search"][1] <= clock["phases"]["final"][0] < clock["phases"]["final"][1]


def test_the_time_before_a_kill_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit() -> ImageClassifier:
        x, y = digits(80)
        clf = ImageClassifier(directory=tmp_path, tuner="random", space=ONE_CELL, max_trials=1, seed=0)
        clf.fit(x, y, batch_size=16, epochs=2, verbose=0, time_limit=100)
        return clf

    with monkeypatch.context() as patch:
        dies(patch, base, "save_model", 1)
        with pytest.raises(Killed):
            fit()
    before = clock_of(tmp_path)
    assert before["used"] > 0 and before["phases"]["final"][1] is None
    clf = fit()
    after = clock_of(tmp_path)
    assert after["used"] > before["used"] and after["phases"]["final"][0] == before["phases"]["final"][0]
    assert clf.tuner.finished and len(clf.leaderboard()) == 1


def test_the_final_network_suits_the_time(tmp_path: Path) -> None:
    clf = ImageClassifier(directory=tmp_path, tuner="published", space="nasbench201")
    graph, hp = clf.tuner.graph, keras_tuner.HyperParameters()
    block = graph.searched[0]
    block.input_shape = (32, 32, 3)
    with hp.name_scope(block.name):
        block.space.declare(hp)
    hp.values.update(known_points(graph.space, 0)[0])
    most = (0.0, 1e7, 2e7, 2e8, 1e12)
    sizes = [timed.suited_size(graph, hp, flops) for flops in most]
    counted = [timed.network_flops(graph, hp, **size) for size in sizes]
    assert counted == sorted(counted) and len(set(counted)) == 5
    assert sizes[0] == {"cells": 3, "channels": 8} and sizes[-1] == {"cells": 9, "channels": 64}
    assert all(flops <= bound for flops, bound in zip(counted[1:], most[1:], strict=True))
    block.input_shape = (8, 8, 1)
    assert timed.suited_size(graph, hp, 1e12) == {"cells": 3, "channels": 32}, "More would not see more of the image."
    assert [timed.enough_epochs(count) for count in (1, 10_000, 10**6)] == [150, 25, 15]


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize("first", [None, 100.0])
@pytest.mark.parametrize("when", ["trial", "final"])
def test_a_search_goes_on_with_a_limit_that_it_did_not_have_and_without_the_one_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: float | None, when: str
) -> None:
    def fitted(limit: float | None) -> ImageClassifier:
        settings = {"space": ONE_CELL, "max_trials": 1, "share_graph": False, "seed": 0}
        clf = ImageClassifier(directory=tmp_path, tuner="random", **settings)
        x, y = digits(80)
        clf.fit(x, y, batch_size=16, epochs=2, verbose=0, time_limit=limit)
        return clf

    with monkeypatch.context() as patch:
        dies(patch, TrainingCheckpoint, "on_epoch_end", 1 if when == "trial" else 3, True)
        with pytest.raises(Killed):
            fitted(first)
    clf = fitted(100.0 if first is None else None)
    assert clf.leaderboard()["status"].tolist() == ["COMPLETED"]
    history = json.loads((tmp_path / "image_classifier" / "final.json").read_text())
    assert len(history["history"]["loss"]) == 2, "What was trained before the kill counts."


@pytest.mark.slow(seconds=15)
def test_a_supernet_goes_on_with_a_limit_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits(80)

    def fitted(limit: float | None) -> ImageClassifier:
        settings = {"search_epochs": 3, "random_paths": 0, "evaluations": 4}
        clf = ImageClassifier(directory=tmp_path, tuner="bignas", space=BLOCK, seed=0, **settings)
        clf.fit(x, y, batch_size=16, verbose=0, time_limit=limit)
        return clf

    for limit in (None, 100.0):
        with monkeypatch.context() as patch:
            dies(patch, TrainingCheckpoint, "on_epoch_end", 1, True)
            with pytest.raises(Killed):
                fitted(limit)
    clf = fitted(None)
    assert clf.specialize({"params": 1e9}, verbose=0) is not None


@pytest.mark.parametrize("second", [None, 10_000.0])
def test_where_a_limit_left_no_time_for_a_supernet_it_is_trained_without_it_or_with_a_longer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: float | None
) -> None:
    x, y = digits(80)
    clf = ImageClassifier(directory=tmp_path, tuner="bignas", space=BLOCK, seed=0, search_epochs=1, evaluations=4)
    with monkeypatch.context() as patch:
        dies(patch, base.SearchTuner, "_run_trials", 1, False)
        with pytest.raises(Killed):
            clf.fit(x, y, batch_size=16, verbose=0, time_limit=5)
    again = ImageClassifier(directory=tmp_path, tuner="bignas", space=BLOCK, seed=0, search_epochs=1, evaluations=4)
    again.fit(x, y, batch_size=16, verbose=0, time_limit=second)
    assert (tmp_path / "image_classifier" / "search" / "supernet.keras").exists()
    assert again.specialize({"params": 1e9}, verbose=0) is not None


def test_the_only_training_that_there_was_time_for_survives_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = digits(80)

    def clf() -> ImageClassifier:
        return ImageClassifier(directory=tmp_path, tuner="random", space=ONE_CELL, max_trials=1, seed=0)

    with monkeypatch.context() as patch:
        dies(patch, base.SearchTuner, "_train_final", 1, False)
        with pytest.raises(Killed):
            clf().fit(x, y, batch_size=16, verbose=0, time_limit=8)
    folder = tmp_path / "image_classifier"
    kept = keras.saving.load_model(folder / "only.keras")
    again = clf()
    again.fit(x, y, batch_size=16, verbose=0, time_limit=8)
    for one, other in zip(kept.get_weights(), again.export_model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not (folder / "only.keras").exists() and not (folder / "only.json").exists()


def test_the_only_network_has_a_graph_of_its_own(tmp_path: Path) -> None:
    x, y = digits(80)
    clf = ImageClassifier(directory=tmp_path, tuner="random", space=ONE_CELL, share_graph=True, max_trials=3, seed=0)
    clf.fit(x, y, batch_size=16, verbose=0, time_limit=8)
    seen = json.loads((tmp_path / "image_classifier" / "final.json").read_text())
    curves = json.loads((tmp_path / "image_classifier" / "trial_0" / "curves.json").read_text())
    assert seen["history"]["loss"] == curves["loss"], "The trial is the final training."


def full(*lengths: tuple[str, int]) -> list[Phase]:
    return [Phase(name, {}, paths, 1, 1.0) for name, paths in lengths]


@pytest.mark.parametrize(
    ("left", "names"),
    [
        (300.0, "full kernel depth_1 depth_2 expansion_1 expansion_2"),
        (270.0, "full kernel depth_2 expansion_2"),
        (160.0, "full kernel depth_2 expansion_2"),
        (150.0, "full kernel expansion_2"),
        (100.0, "full expansion_2"),
        (99.0, "full"),
    ],
)
def test_phases_that_would_only_start_are_left_out(left: float, names: str) -> None:
    phases = full(("full", 1), ("kernel", 1), ("depth_1", 2), ("depth_2", 2), ("expansion_1", 4), ("expansion_2", 4))
    assert " ".join(phase.name for phase in affordable(phases, 10.0, left)) == names
