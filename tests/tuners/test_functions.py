"""Searches with one supernet of spaces whose network is a function: tables and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

from autonas_keras import blocks
from autonas_keras.evaluation import SharedWeights
from autonas_keras.spaces import TabularSpace, TextSpace
from autonas_keras.tasks import StructuredDataClassifier, TextClassifier
from autonas_keras.training import checkpoint
from autonas_keras.tuners.shared import whole_metric
from tests.tasks.small import ONE_CELL
from tests.tuners.test_resume import Killed, dies, same

TABLES = TabularSpace(
    ("dense", "identity", "cross"),
    layers=1,
    width=8,
    embeddings=("plain", "piecewise_linear"),
    embedding=4,
    bins=4,
    categories=(2,),
    normalisations=("batch", "none"),
    dropouts=(0.1, 0.0),
)
TEXTS = TextSpace(
    bags=("words", "none"),
    operations=("conv_3", "gru", "none"),
    nodes=1,
    channels=8,
    width=8,
    embeddings=(8,),
    poolings=("max", "attention"),
    dropouts=(0.2,),
)
CHECKPOINT = checkpoint.TrainingCheckpoint
SETTINGS: dict[str, dict[str, Any]] = {
    "darts": {"search_epochs": 2, "warmup_epochs": 1},
    "spos": {"search_epochs": 2, "evaluations": 6, "population_size": 3},
    "enas": {"search_epochs": 2, "controller_steps": 2, "samples": 3, "warmup_epochs": 1},
}


def people(rows: int = 80) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    age, paid = rng.integers(18, 70, rows).astype(float), rng.choice(["little", "well"], rows)
    says = np.where((age > 45) | (paid == "well"), "yes", "no")
    age[::9] = np.nan
    return pd.DataFrame({"age": age, "paid": paid}), says


def of_tables(folder: Path, tuner: str, **options: Any) -> StructuredDataClassifier:
    settings = {"space": TABLES, "seed": 0, **SETTINGS[tuner], **options}
    clf = StructuredDataClassifier(tuner=tuner, directory=folder, **settings)
    clf.fit(*people(), epochs=1, batch_size=16, verbose=0)
    return clf


def of_texts(folder: Path, tuner: str, **options: Any) -> TextClassifier:
    x = ["a good film", "wonderful and moving", "good, good", "a bad film", "boring and slow", "bad, bad"] * 8
    settings = {"space": TEXTS, "seed": 0, **SETTINGS[tuner], **options}
    clf = TextClassifier(tuner=tuner, directory=folder, **settings)
    clf.fit(x, (["yes"] * 3 + ["no"] * 3) * 8, epochs=1, batch_size=16, verbose=0)
    return clf


DEATHS: list[tuple[str, Any, tuple[Any, str, int, bool]]] = [
    ("darts", of_tables, (CHECKPOINT, "on_epoch_end", 2, False)),
    ("enas", of_texts, (SharedWeights, "score", 2, False)),
]


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize(("tuner", "fitted", "death"), DEATHS, ids=["darts-tables", "enas-texts"])
def test_a_search_that_dies_ends_as_one_that_never_did(
    tuner: str, fitted: Any, death: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = fitted(tmp_path / "undisturbed", tuner)
    with monkeypatch.context() as patch:
        dies(patch, *death)
        with pytest.raises(Killed):
            fitted(tmp_path / "killed", tuner)
    same(fitted(tmp_path / "killed", tuner), undisturbed)


@pytest.mark.slow(seconds=10)
def test_limits_are_kept_and_the_supernet_hands_out_networks_that_take_raw_tables(tmp_path: Path) -> None:
    x, y = people()
    limit = 200
    clf = of_tables(tmp_path / "all", "spos", limits={"params": limit})
    assert clf.leaderboard()["params"][0] <= limit
    costs = clf.tuner.costs.least()
    model = clf.specialize(limits={"params": costs["params"]}, verbose=0)
    assert clf.specialized is not None and clf.specialized.costs["params"] == costs["params"] < limit
    model.save(tmp_path / "handed_out.keras")
    raw = {"age": x["age"].to_numpy(), "paid": x["paid"].to_numpy(object)}
    outputs = model.predict(raw, verbose=0)
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "handed_out.keras").predict(raw, verbose=0), outputs
    )
    assert sum(weight.numpy().size for weight in model.trainable_weights) == costs["params"]
    with pytest.raises(ValueError, match="the nearest that is feasible is params <="):
        clf.specialize(limits={"params": costs["params"] - 1}, verbose=0)


@pytest.mark.slow(seconds=10)
def test_an_expected_cost_makes_the_search_sparing(tmp_path: Path) -> None:
    more = {"cost": "params", "cost_weight": 100.0, "search_epochs": 6, "alpha_learning_rate": 0.3}
    clf = of_tables(tmp_path, "darts", **more)
    assert clf.leaderboard()["params"][0] == clf.tuner.costs.least()["params"]


def test_shared_weights_are_judged_by_the_metric_that_is_the_objective(tmp_path: Path) -> None:
    clf = of_tables(tmp_path, "spos", objective="val_auc")
    shared = clf.tuner.shared_weights()
    x, y = shared._validation
    best, score = max(shared.judged(), key=lambda pair: pair[1])
    metric = keras.metrics.AUC()
    metric.update_state(y, shared.network(best).predict(x, verbose=0))
    assert score == pytest.approx(float(metric.result()), abs=1e-5)
    assert clf.tuner.result_of(best) == clf.best_architecture and clf.leaderboard()["val_auc"][0] == pytest.approx(
        score, abs=1e-5
    )


@pytest.mark.parametrize(
    ("wanted", "direction", "metric", "sign"),
    [("val_r2_score", "max", keras.metrics.R2Score, 1), ("val_mae", "min", keras.metrics.MeanAbsoluteError, -1)],
)
def test_less_of_some_metrics_is_better(wanted: str, direction: str, metric: Any, sign: int) -> None:
    head = blocks.RegressionHead(metrics=[metric(name=wanted.removeprefix("val_"))])
    graph = blocks.Graph(entry := blocks.ImageInput(), head(blocks.CellBlock(ONE_CELL)(entry)))
    found = whole_metric(graph, keras_tuner.Objective(wanted, direction))
    assert found is not None and isinstance(found.metric, metric) and found.sign == sign
    for plain in ("val_loss", "val_accuracy"):
        assert whole_metric(graph, keras_tuner.Objective(plain, "min")) is None
