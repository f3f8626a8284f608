"""Objectives know which way is better."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras.blocks import ClassificationHead, RegressionHead
from autonas_keras.evaluation import Proxy
from autonas_keras.tasks import ImageClassifier
from autonas_keras.tasks.facts import check_objective
from autonas_keras.tasks.objectives import check_single, directed, suit_classes
from tests.tasks.small import ONE_CELL, digits


@pytest.mark.parametrize(
    ("objective", "metric", "direction"),
    [
        ("val_accuracy", "accuracy", "max"),
        ("val_auc", None, "max"),
        ("val_f1_score", None, "max"),
        ("val_area", keras.metrics.AUC(name="area"), "max"),
        ("val_AUC", "AUC", "max"),
        ("f1", keras.metrics.F1Score(name="f1"), "max"),
        ("val_binary_crossentropy", keras.metrics.BinaryCrossentropy(), "min"),
        ("val_false_positives", keras.metrics.FalsePositives(), "min"),
    ],
)
def test_metrics_of_classes(objective: str, metric: object, direction: str) -> None:
    head = ClassificationHead(metrics=None if metric is None else [metric])
    found = directed(objective, [head])
    assert isinstance(found, keras_tuner.Objective) and (found.name, found.direction) == (objective, direction)


@pytest.mark.parametrize(
    ("objective", "direction"),
    [("val_mae", "min"), ("val_rmse", "min"), ("val_r2_score", "max"), ("val_root_mean_squared_error", "min")],
)
def test_metrics_of_numbers_are_reported_because_they_are_asked_for(objective: str, direction: str) -> None:
    head = RegressionHead()
    assert directed(objective, [head]).direction == direction
    assert objective.removeprefix("val_") in [getattr(metric, "name", metric) for metric in head.metrics]


def test_what_is_not_known_stays_or_is_refused() -> None:
    heads = [ClassificationHead(name="a"), RegressionHead(name="b")]
    own = keras_tuner.Objective("val_mine", "max")
    assert directed("val_loss", heads) == "val_loss" and directed(own, heads) is own
    assert directed("val_a_accuracy", heads).direction == "max"
    assert directed(["val_b_mean_squared_error", "val_nothing"], heads)[1] == "val_nothing"

    def mine(y_true: object, y_pred: object) -> float:
        return 0.0

    with pytest.raises(ValueError, match="an objective with a direction .* got 'val_mine'"):
        directed("val_mine", [ClassificationHead(metrics=[mine])])


@pytest.mark.parametrize(
    ("head", "objective", "hint"),
    [(ClassificationHead, "val_f1", "val_f1_score"), (ClassificationHead, "AUC", "val_auc"),
     (RegressionHead, "val_r2", "val_r2_score")],
)  # fmt: skip
def test_a_name_that_is_nearly_one_is_told_what_it_could_be(head: type, objective: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"got '{objective}'; (did you mean|known are) .*{hint}"):
        check_objective(objective, [head()])


@pytest.mark.parametrize(
    ("metric", "advice"),
    [
        ("f1_score", 'F1Score(average="macro")'),
        (keras.metrics.FBetaScore(name="own"), 'FBetaScore(average="macro")'),
        (keras.metrics.R2Score(class_aggregation=None), "R2Score(class_aggregation="),
        (keras.metrics.Recall(thresholds=[0.2, 0.5]), "Recall(thresholds=0.5)"),
        (keras.metrics.TruePositives(thresholds=[0.2, 0.5]), "TruePositives(thresholds=0.5)"),
        ({"a": ["f1_score"]}, 'F1Score(average="macro")'),
    ],
)
def test_metrics_of_several_numbers_are_refused(metric: object, advice: str) -> None:
    with pytest.raises(ValueError, match=f"which has several; pass keras.metrics.{re.escape(advice)}"):
        check_single(ClassificationHead(metrics=[metric]))


def test_metrics_of_one_number_pass(tmp_path: Path) -> None:
    metrics = ["accuracy", "auc", keras.metrics.F1Score(average="weighted"), keras.metrics.R2Score()]
    check_single(ClassificationHead(metrics=[*metrics, keras.metrics.Precision()]))
    for given in (None, "accuracy", ["MeanIoU", "nobody_knows_it"], keras.metrics.AUC(multi_label=True)):
        head = ClassificationHead()
        head.metrics = given  # as a head of AutoKeras holds them
        check_single(head)
    with pytest.raises(ValueError, match="got 'f1_score', which has several"):
        ImageClassifier(metrics=["accuracy", keras.metrics.F1Score()], directory=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_f1_score_of_many_classes_takes_the_likeliest_and_that_of_the_user_stays() -> None:
    true, likely = np.eye(4, dtype="float32"), np.full((4, 4), 0.2, "float32") + 0.2 * np.eye(4, dtype="float32")
    own = keras.metrics.F1Score(average="macro", threshold=0.5, name="own")
    head = ClassificationHead(metrics=[own])
    directed("val_f1_score", [head])
    asked = head.metrics[1]
    for classes, expected in ((4, 1.0), (2, 0.0)):
        suit_classes(head, classes)
        asked.reset_state()
        asked.update_state(true, likely)
        assert float(asked.result()) == pytest.approx(expected)
    assert own.threshold == 0.5


@pytest.mark.parametrize(
    ("tuner", "settings"),
    [
        ("random", {"max_trials": 2}),
        ("random", {"max_trials": 2, "proxy": Proxy(epochs=1), "top_k": 1}),
        ("spos", {"search_cells": 1, "search_epochs": 1, "evaluations": 3, "population_size": 3}),
    ],
    ids=["trials", "proxy", "shared"],
)
def test_several_objectives_are_one_sum_as_in_keras_tuner(tmp_path: Path, tuner: str, settings: dict[str, Any]) -> None:
    x, y = digits(40)
    both = ["val_accuracy", "val_loss"]
    clf = ImageClassifier(tuner=tuner, space=ONE_CELL, objective=both, directory=tmp_path, seed=0, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    board = clf.leaderboard().dropna(subset=["score"])
    assert len(board) >= 1
    np.testing.assert_allclose(board["score"], board["val_loss"] - board["val_accuracy"], rtol=1e-5)
    assert board["score"].is_monotonic_increasing
    with pytest.raises(ValueError, match="one objective for stop_below_median, got 2"):
        options = {"objective": both, "directory": tmp_path / "b", "stop_below_median": True}
        clf = ImageClassifier(tuner="random", space=ONE_CELL, **options)
        clf.fit(x, y, epochs=1, verbose=0)


def test_a_squared_error_is_brought_to_one_whatever_it_is_given_as() -> None:
    for loss in ("mse", "MeanSquaredError", keras.losses.mean_squared_error, keras.losses.MeanSquaredError()):
        head = RegressionHead(loss=loss, metrics="mae")
        head.set_units([0.0], [1000.0])
        assert head.loss_weight == pytest.approx(1e-6) and head.metrics == ["mae"]
