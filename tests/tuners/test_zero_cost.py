"""Zero-cost proxies in the searches of tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonas_keras.evaluation.zero_cost import voters
from autonas_keras.spaces import Architecture
from autonas_keras.strategies import rank_vote
from autonas_keras.tasks import ImageClassifier
from autonas_keras.tuners import get_method, zero_cost as zero_cost_module
from tests.tasks.small import ONE_CELL, TINY, digits


def fitted(folder: Path, tuner: str, **settings: Any) -> ImageClassifier:
    x, y = digits(60)
    clf = ImageClassifier(tuner=tuner, seed=0, directory=folder, **{"space": ONE_CELL, **settings})
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


def test_the_first_trials_are_those_that_the_proxies_rank_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(zero_cost_module, "voters", lambda *a: asked.append(a) or voters(*a))
    clf = fitted(tmp_path, "evolution", max_trials=2, warmup=2, warmup_sample=4, population_size=2)
    known = json.loads((tmp_path / "image_classifier" / "zero_cost.json").read_text())
    assert len(known) == len(asked) == 4
    ranked = [list(known)[i] for i in np.argsort(-rank_vote(np.array(list(known.values()))), kind="stable")]
    oracle = clf.tuner.oracle
    trials = [oracle.architecture(oracle.trials[name].hyperparameters.values) for name in ("0", "1")]
    assert trials == [Architecture.from_json(text, oracle.strategy.space) for text in ranked[:2]]
    # Another process asks for nothing again.
    scorer = zero_cost_module.GraphScorer()
    scorer.attach(clf.tuner)
    assert scorer(trials).tolist() == [known[ranked[0]], known[ranked[1]]]
    assert len(asked) == 4


@pytest.mark.slow(seconds=5)
@pytest.mark.parametrize(
    ("tuner", "settings"),
    [("evolution", {"children": 2, "space": TINY}), ("predictor", {"screen": 0.3, "features": True})],
)
def test_proxies_guide_mutations_and_predictors(tmp_path: Path, tuner: str, settings: dict[str, Any]) -> None:
    few: dict[str, Any] = (
        {"population_size": 2} if tuner == "evolution" else {"candidates": 3, "mutations": 2, "initial": 2}
    )
    clf = fitted(tmp_path, tuner, max_trials=3, **few, **settings)
    assert list(clf.leaderboard()["status"]) == ["COMPLETED"] * 3
    assert json.loads((tmp_path / "image_classifier" / "zero_cost.json").read_text())


def test_nothing_is_asked_where_nobody_wants_it() -> None:
    assert not get_method("evolution").asks_scorer and not get_method("predictor").asks_scorer
    assert "warmup" not in get_method("evolution").facts() and get_method("random", warmup=3).facts()["warmup"] == 3
    assert get_method("predictor", screen=0.5).chosen(None)["candidates"] == 30
    assert get_method("predictor").chosen(None)["candidates"] is None
