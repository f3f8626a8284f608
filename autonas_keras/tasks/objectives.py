"""Objectives by the name of a metric: which way is better, and metrics that only the objective names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_tuner
import tree
from autokeras.blocks import heads as host

# KerasTuner takes every metric that it does not know for one to make small, R2Score and F1Score among them.
LARGER = {
    *("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "TopKCategoricalAccuracy"),
    *("SparseTopKCategoricalAccuracy", "AUC", "Precision", "Recall", "F1Score", "FBetaScore", "R2Score"),
    *("PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"),
    *("TruePositives", "TrueNegatives", "CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation"),
    *("IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
}
FUNCTIONS = {"accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}

COUNTING = tuple(  # by a threshold, or several
    getattr(keras.metrics, name)
    for name in ("Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")
)

# Metrics that a head reports because the objective asks for them.
OF_CLASSES: dict[str, Callable[[], keras.metrics.Metric]] = {
    "auc": lambda: keras.metrics.AUC(name="auc"),
    "precision": lambda: keras.metrics.Precision(name="precision"),
    "recall": lambda: keras.metrics.Recall(name="recall"),
    "f1_score": lambda: keras.metrics.F1Score(average="macro", threshold=0.5, name="f1_score"),
}
OF_NUMBERS: dict[str, Callable[[], keras.metrics.Metric]] = {
    "mae": lambda: keras.metrics.MeanAbsoluteError(name="mae"),
    "mean_absolute_error": lambda: keras.metrics.MeanAbsoluteError(),
    "mean_absolute_percentage_error": lambda: keras.metrics.MeanAbsolutePercentageError(),
    "rmse": lambda: keras.metrics.RootMeanSquaredError(name="rmse"),
    "root_mean_squared_error": lambda: keras.metrics.RootMeanSquaredError(),
    "r2_score": lambda: keras.metrics.R2Score(),
}


def directed(objective: Any, heads: Sequence[Any]) -> Any:
    """The objective with its direction, where it is the name of a metric that a head reports or can report.

    A single head is given the metric if it lacks it: "val_auc" and "val_f1_score" of classes, "val_mae", "val_rmse" and
    "val_r2_score" of numbers.

    Args:
        objective: As ``AutoModel`` takes it; what is no name of a metric comes back as it is.
        heads: Of the graph.

    Raises:
        ValueError: When it is the name of a metric of which the better direction is not known.
    """
    if isinstance(objective, list):
        return [directed(one, heads) for one in objective]
    if not isinstance(objective, str):
        return objective
    name = objective.removeprefix("val_")
    if len(heads) == 1 and name != "loss":
        known = metrics_of(heads[0])
        if name in known and name not in map(metric_name, heads[0].metrics or ()):
            heads[0].asked_metric = known[name]()
            heads[0].metrics = [*(heads[0].metrics or ()), heads[0].asked_metric]
    for head in heads:
        for metric in head.metrics or ():
            if name == (metric_name(metric) if len(heads) == 1 else f"{head.name}_{metric_name(metric)}"):
                return keras_tuner.Objective(objective, _direction(objective, metric))
    return objective


def suit_classes(head: Any, exclusive: int) -> None:
    """Let an F1 score that the objective added take the likeliest of several classes: the half that decides between two
    is a share that the likeliest of many may never reach.

    Args:
        head: That ``directed`` has seen.
        exclusive: Number of classes of which a sample has one, 0 of other targets.
    """
    asked = getattr(head, "asked_metric", None)
    if isinstance(asked, keras.metrics.F1Score):
        asked.threshold = None if exclusive > 2 else 0.5


def check_encoding(head: Any, multi_label: bool, binary: bool) -> None:
    """Refuse losses and metrics of Keras that are for classes encoded in another way than here.

    Args:
        head: A classification head.
        multi_label: Whether its targets are zeros and ones for several labels.
        binary: Whether they are zeros and ones for two classes; others are one-hot.

    Raises:
        ValueError: When one is sparse, or for one-hot classes where there is one output.
    """
    for what, part in (("loss", head.loss), *(("metric", metric) for metric in head.metrics or ())):
        own = not isinstance(part, str) and not getattr(part, "__module__", "").startswith("keras.")
        name = part if isinstance(part, str) else getattr(part, "__name__", type(part).__name__)
        plain = "" if part is None or own else name.lower().replace("_", "")
        encoded = "zeros and ones" if binary or multi_label else "one-hot"
        if plain.startswith("sparse") or (binary and plain.startswith(("categorical", "topkcategorical"))):
            raise ValueError(
                f"Expected a {what} for classes encoded as {encoded}, as they are here whatever the labels, got {name!r}; "
                "leave it out for the one that suits."
            )


def check_single(head: Any) -> None:
    """Refuse metrics of Keras that are a number for each class or threshold: trials are compared by one.

    Args:
        head: Of a graph.

    Raises:
        ValueError: When one is.
    """
    for metric in tree.flatten([head.metrics]):
        try:
            found = keras.metrics.get(metric) if isinstance(metric, str) else metric
        except (TypeError, ValueError):  # it needs arguments, or Keras knows it from its registry later, or nobody
            continue
        advice = ""
        if isinstance(found, keras.metrics.FBetaScore) and found.average is None:
            advice = 'average="macro"'
        elif isinstance(found, keras.metrics.R2Score) and found.class_aggregation is None:
            advice = 'class_aggregation="uniform_average"'
        elif isinstance(found, COUNTING) and len(found.thresholds) > 1:
            advice = "thresholds=0.5"
        if advice:
            raise ValueError(
                f"Expected metrics of one number each, got {metric_name(metric)!r}, which has several; "
                f"pass keras.metrics.{type(found).__name__}({advice}), say."
            )


def metrics_of(head: Any) -> dict[str, Callable[[], keras.metrics.Metric]]:
    """The metrics that a head can report because the objective names them."""
    return OF_CLASSES if isinstance(head, host.ClassificationHead) else OF_NUMBERS


def metric_name(metric: Any) -> str:
    """The name that Keras reports a metric by."""
    return metric if isinstance(metric, str) else getattr(metric, "name", getattr(metric, "__name__", ""))


def _direction(objective: str, metric: Any) -> str:
    if isinstance(metric, str):
        if metric.lower() in FUNCTIONS:
            return "max"
        try:
            metric = keras.metrics.get(metric)
        except ValueError:
            return _unknown(objective)
    if isinstance(metric, keras.metrics.MeanMetricWrapper) and type(metric).__name__ == "MeanMetricWrapper":
        metric = metric._fn
    kind = getattr(metric, "__name__", None) or type(metric).__name__
    if any(parent.__name__ in LARGER for parent in type(metric).__mro__) or kind in LARGER | FUNCTIONS:
        return "max"
    if hasattr(keras.metrics, kind) or hasattr(keras.losses, kind):
        return "min"
    return _unknown(objective)


def _unknown(objective: str) -> str:
    raise ValueError(
        f"Expected an objective with a direction where the metric is none of Keras's, got {objective!r}; "
        f'pass keras_tuner.Objective({objective!r}, "max") or "min".'
    )
