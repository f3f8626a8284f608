"""Searches on a proxy: what is trained on it, what in full, and that a kill changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autonas_keras as ank
from autonas_keras import tuners
from autonas_keras.evaluation import model_costs
from autonas_keras.spaces import CellSpace
from autonas_keras.training import checkpoint as checkpoint_module
from autonas_keras.tuners import base, proxies, trials
from tests.tasks.small import digits
from tests.tuners.test_resume import Killed, dies

PROXY = ank.Proxy(epochs=1, data_fraction=0.5)
CHECKPOINT = checkpoint_module.TrainingCheckpoint


def numbers() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).standard_normal((90, 4)).astype("float32")
    return x, x[:, :1] * x[:, 1:2]


def dense(folder: Path, **settings: Any) -> ank.AutoModel:
    """A search over AutoKeras's dense block, whose networks are traced in no time."""
    node = ank.Input()
    outputs = ank.RegressionHead(dropout=0)(ank.DenseBlock(num_layers=1, use_batchnorm=False, dropout=0)(node))
    given = {"tuner": "random", "max_trials": 4, "proxy": PROXY, "top_k": 2, **settings}
    return ank.AutoModel(node, outputs, seed=0, directory=folder, **given)


def fitted(folder: Path, **settings: Any) -> ank.AutoModel:
    model = dense(folder, **settings)
    model.fit(*numbers(), epochs=3, batch_size=16, verbose=0)
    return model


def story(model: ank.AutoModel) -> Any:
    board = model.leaderboard()
    return board.drop(columns=[name for name in board.columns if "seconds" in name]).to_json()


def test_the_best_on_the_proxy_are_trained_in_full_and_a_kill_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(tmp_path / "whole")
    board = model.leaderboard()
    assert board["full_score"].notna().tolist() == [True, True, False, False]
    assert board["full_score"][0] <= board["full_score"][1]
    assert sorted(board["score"])[:2] == sorted(board["score"][:2])
    assert model.tuner.best_trial.trial_id == board["trial"][0]
    for owner, name, when, after in (
        (trials.TrialTuner, "run_trial", 2, True),
        (CHECKPOINT, "on_epoch_end", 2, True),  # in the first full training
        (proxies, "write_atomically", 1, True),  # after it
    ):
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after)
            with pytest.raises(Killed):
                fitted(tmp_path / "killed")
    again = fitted(tmp_path / "killed")
    assert story(again) == story(model)
    for left, right in zip(again.export_model().get_weights(), model.export_model().get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_candidates_see_few_samples_for_few_epochs_and_finalists_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, Any]] = []
    for module in (proxies, base):

        def train(graph: Any, hp: Any, data: Any, plan: Any, do: Any = module.train) -> Any:
            seen.append((len(data[1][0]) if isinstance(data[1], tuple) else len(data[1]), plan.epochs, plan.proxy))
            return do(graph, hp, data, plan)

        monkeypatch.setattr(module, "train", train)
    fitted(tmp_path, max_trials=3, top_k=1)
    assert seen == [(36, 1, PROXY)] * 3 + [(72, 3, None), (90, 3, None)]


def test_a_candidate_that_fails_in_full_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = proxies.train, []

    def train(graph: Any, hp: Any, data: Any, plan: Any) -> Any:
        if plan.proxy is None and not calls:
            calls.append(1)
            raise MemoryError("too large")
        return original(graph, hp, data, plan)

    with monkeypatch.context() as patch:
        patch.setattr(proxies, "train", train)
        model = fitted(tmp_path, max_trials=2)
    board = model.leaderboard()
    assert board["full_score"].notna().tolist() == [True, False]
    assert board["score"][0] > board["score"][1]  # the better on the proxy failed


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"proxy": 3}, TypeError, "proxy to be an autonas_keras.Proxy or None, got 3"),
        ({"top_k": 0}, ValueError, "top_k to be a positive integer"),
        ({"proxy": None, "top_k": 3}, ValueError, "Expected a proxy with top_k, got none"),
        ({"proxy": None, "top_k": None, "validate_proxy": 5}, ValueError, "Expected a proxy with validate_proxy"),
        ({"validate_proxy": 2}, ValueError, "validate_proxy to be 0 or an integer of 3 or more"),
        ({"tuner": "hyperband"}, ValueError, "proxy without epochs for 'hyperband', which has max_epochs"),
        (
            {"tuner": "hyperband", "proxy": None, "top_k": None, "stop_below_median": True},
            ValueError,
            "stop_below_median",
        ),
        ({"tuner": "asha", "max_epochs": 9}, ValueError, "proxy without epochs beside max_epochs=9"),
        ({"tuner": "darts"}, TypeError, "settings of tuner 'darts', got 'proxy'"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, error: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        dense(tmp_path, **settings)


@pytest.mark.parametrize("name", ["width", "depth", "resolution"])
def test_what_nothing_follows_is_refused_before_any_training(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"Expected a proxy without {name} for a graph that has no searched blocks"):
        fitted(tmp_path, proxy=ank.Proxy(**{name: 0.5}))
    assert not list(tmp_path.glob("*/trial_*"))


def test_settings_are_facts_of_a_search_only_where_they_are_set() -> None:
    assert not {"proxy", "top_k", "stop_below_median", "validate_proxy"} & set(tuners.Random().facts())
    facts = tuners.Random(proxy=PROXY, top_k=3, stop_below_median=True).facts()
    assert json.loads(json.dumps(facts))["proxy"]["data_fraction"] == 0.5
    assert facts["top_k"] == 3 and facts["stop_below_median"] is True


def test_a_proxy_is_validated_apart_from_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense(tmp_path, proxy=None, top_k=None)
    with monkeypatch.context() as patch:
        dies(patch, proxies, "write_atomically", 3, True)
        with pytest.raises(Killed):
            PROXY.validate(model, *numbers(), n=3, epochs=2)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/proxies/*/*.json")}
    assert len(files) == 3
    report = PROXY.validate(model, *numbers(), n=3, epochs=2)
    assert {path: path.stat().st_mtime_ns for path in files} == files
    table = report.table
    assert len(table) == 3 and table["full_score"].nunique() == 3 and (table["proxy_seconds"] > 0).all()
    ranks = [table[name].rank() for name in ("proxy_score", "full_score")]
    assert report.rank_correlation == pytest.approx(ranks[0].corr(ranks[1]))
    assert not model.tuner.oracle.trials and not model.tuner.finished
    with pytest.raises(ValueError, match="Expected a proxy, got none"):
        model.validate_proxy(*numbers())
    with pytest.raises(ValueError, match="Expected n of 3 or more"):
        PROXY.validate(model, *numbers(), n=2)
    with pytest.raises(TypeError, match="trains one network per architecture"):
        PROXY.validate(ank.ImageClassifier(directory=tmp_path), *digits(40))


def test_a_search_says_what_its_proxy_is_worth_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = dense(tmp_path, max_trials=1, top_k=1, validate_proxy=3)
    model.fit(*numbers(), epochs=2, batch_size=16, verbose=2)
    told = capsys.readouterr().out
    assert "Proxy and full training rank 3 architectures with a correlation of" in told
    assert "Training the best 1 on the proxy in full, for 2 epochs." in told
    assert len(json.loads((tmp_path / "auto_model" / "proxy.json").read_text())["networks"]) == 3


@pytest.mark.slow(seconds=10)
def test_candidates_on_a_proxy_share_a_graph_and_cost_what_the_full_network_does(tmp_path: Path) -> None:
    space = CellSpace(("max_pool_3x3", "skip_connect", "conv_1x1"), nodes=1, cells=4, channels=4)
    clf = ank.ImageClassifier(
        tuner="evolution", space=space, proxy=ank.Proxy(epochs=1, data_fraction=0.5, width=0.5, depth=0.5), top_k=1,
        max_trials=2, seed=0, directory=tmp_path, share_graph=True, stop_below_median=True,
    )  # fmt: skip
    clf.fit(*digits(60), epochs=2, batch_size=16, verbose=0)
    board = clf.leaderboard()
    assert board["full_score"].notna().tolist() == [True, False]
    assert len(list(tmp_path.glob("*/trial_*/curves.json"))) == 2
    assert board["params"][0] == model_costs(clf.export_model())["params"]
