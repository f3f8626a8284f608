"""What an architecture is worth with the weights it has in a supernet.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, section 3.4
(batch statistics are taken anew for every architecture).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers import faster_training, without_dropout
from autonas_keras.spaces import Option
from autonas_keras.supernets import ElasticBatchNormalization
from autonas_keras.training import PathModel

Data = tuple[Any, Any]


class WholeMetric(NamedTuple):
    """A metric of all validation samples together, such as the area under a curve, which is no mean of theirs.

    Attributes:
        metric: A Keras metric.
        sign: 1 where more of it is better, -1 where less is.
    """

    metric: keras.metrics.Metric
    sign: int


class InheritedScore:
    """Judges architectures of a trained supernet, thousands of them with one traced graph.

    For each one the batch normalisation takes its statistics from calibration images: those that training left behind
    are of a mixture of all architectures.

    Args:
        model: A trained model.
        calibration: x of the images whose statistics are taken, one batch; None judges every batch by its own
            statistics.
        validation: x and y to judge on.
        batch_size: Images at a time.
        score: Function of y and the prediction of a batch that gives a number for each image, larger is better; by
            default whether the largest output is right (one: whether it is above one half).
        metric: What an architecture is judged by instead, batches by ``score`` all the same.
        tie: A function like ``score`` whose mean tells architectures of the same score apart.

    Example:
        ``judge = InheritedScore(model, x[:256], (x_val, y_val)); judge(model.space.sample(rng))``
    """

    def __init__(
        self,
        model: PathModel,
        calibration: Any,
        validation: Data,
        batch_size: int = 500,
        score: Callable[[Any, Any], tf.Tensor] | None = None,
        metric: WholeMetric | None = None,
        tie: Callable[[Any, Any], tf.Tensor] | None = None,
    ) -> None:
        self.model = model
        self._score, self._metric, self._tie = score or correct, metric, tie
        self._calibration = None if calibration is None else tf.nest.map_structure(tf.convert_to_tensor, calibration)
        self._validation = tf.nest.map_structure(tf.convert_to_tensor, validation)
        self._batch_size = int(batch_size)
        self._calibrate = tf.function(self._take_statistics, autograph=False)
        self._judge = tf.function(self._judge_batch, autograph=False, reduce_retracing=True)
        self._predict = tf.function(self._predict_batch, autograph=False, reduce_retracing=True)

    def __call__(self, architecture: Mapping[str, Option]) -> float:
        """The mean score of an architecture with inherited weights, or the metric, negative where less of it is better.

        It is no number where a prediction is none. The architecture stays selected, its statistics in place.
        """
        return self.with_tie(architecture)[0]

    def with_tie(self, architecture: Mapping[str, Option]) -> tuple[float, float]:
        """The same, and the mean of ``tie``: 0 without one, and of a metric."""
        self.calibrate(architecture)
        if self._metric is not None:
            metric, sign = self._metric
            metric.reset_state()
            for x, y in self._batches():
                prediction = self._predict(x)
                if np.isnan(defect(prediction)):
                    return np.nan, 0.0
                metric.update_state(y, prediction)
            return sign * float(metric.result()), 0.0
        # Sums of Python's floats, which are of double precision.
        score, tie = map(sum, zip(*(self._judge(*batch).numpy().tolist() for batch in self._batches()), strict=True))
        return score / self._samples, tie / self._samples

    @property
    def _samples(self) -> int:
        return len(tf.nest.flatten(self._validation)[0])

    def _batches(self) -> Iterator[Data]:
        for start in range(0, self._samples, self._batch_size):
            rows = slice(start, start + self._batch_size)
            yield tf.nest.map_structure(lambda array, rows=rows: array[rows], self._validation)

    def calibrate(self, architecture: Mapping[str, Option]) -> None:
        """Select an architecture and take its statistics."""
        self.model.select(architecture)
        if self._calibration is not None:
            self._calibrate(self._calibration)

    def on_batch(self, architecture: Mapping[str, Option], number: int) -> float:
        """The mean score of an architecture on one batch of the validation images, without calibration."""
        self.model.select(architecture)
        rows = slice(number * self._batch_size, (number + 1) * self._batch_size)
        batch = tf.nest.map_structure(lambda array: array[rows], self._validation)
        return float(self._judge(*batch)[0]) / len(tf.nest.flatten(batch[0])[0])

    def _take_statistics(self, x: Any) -> None:
        with faster_training(self.model), whole_statistics(self.model), without_dropout(self.model):
            self.model(x, training=True)

    def _predict_batch(self, x: Any) -> Any:
        with faster_training(self.model), without_dropout(self.model):
            return self.model(x, training=self._calibration is None)

    def _judge_batch(self, x: Any, y: Any) -> tf.Tensor:
        prediction = self._predict_batch(x)
        functions = [self._score, *([] if self._tie is None else [self._tie])]
        sums = [tf.reduce_sum(tf.cast(function(y, prediction), tf.float32)) for function in functions]
        return tf.stack([*sums, 0.0][:2]) + defect(prediction)


def defect(prediction: Any) -> tf.Tensor:
    """No number where an output is none, else 0: of such outputs the first one is the largest, and often right."""
    finite = [tf.reduce_all(tf.math.is_finite(tf.cast(part, tf.float32))) for part in tf.nest.flatten(prediction)]
    return tf.where(tf.reduce_all(tf.stack(finite)), 0.0, np.nan)


def correct(y: Any, prediction: Any) -> tf.Tensor:
    """Whether a prediction is right, for each sample: 0 or 1; y holds indices, or as many columns as the prediction."""
    prediction, y = tf.convert_to_tensor(prediction), tf.convert_to_tensor(y)
    if prediction.shape[-1] == 1:
        return tf.reshape((prediction > 0.5) == (tf.cast(y, prediction.dtype) > 0.5), (-1,))
    true = tf.argmax(y, -1) if y.shape.rank == prediction.shape.rank and y.shape[-1] != 1 else tf.reshape(y, (-1,))
    return tf.cast(true, tf.int64) == tf.argmax(prediction, -1)


def log_likelihood(y: Any, prediction: Any) -> tf.Tensor:
    """The logarithm of the probability that a prediction gives the right class, for each sample; y as ``correct`` takes it.

    Args:
        y: Indices, or as many columns as the prediction.
        prediction: Probabilities, of shape (samples, classes) or, of the second of two classes, (samples, 1).
    """
    prediction, y = tf.cast(prediction, tf.float32), tf.convert_to_tensor(y)
    if prediction.shape[-1] == 1:
        second = tf.reshape(tf.cast(y, prediction.dtype) > 0.5, (-1, 1))
        right = tf.reshape(tf.where(second, prediction, 1 - prediction), (-1,))
    else:
        columns = y.shape.rank == prediction.shape.rank and y.shape[-1] != 1
        true = tf.argmax(y, -1) if columns else tf.cast(tf.reshape(y, (-1,)), tf.int64)
        right = tf.gather(prediction, true, batch_dims=1)
    return tf.math.log(tf.maximum(right, keras.config.epsilon()))


@contextmanager
def whole_statistics(model: keras.Model) -> Iterator[None]:
    """While tracing: a training pass leaves its batch's own statistics in the batch normalisation, not a moving mean."""
    kinds = (keras.layers.BatchNormalization, ElasticBatchNormalization)
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, kinds)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum


def recalibrate(model: keras.Model, x: Any, batch_size: int = 500) -> None:
    """Give the batch normalisation of a network the statistics of images: the mean of those of its batches.

    Args:
        model: A network of stock layers, such as one that a supernet handed out.
        x: Arrays of inputs.
        batch_size: Images at a time.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    statistics = [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
    samples = len(tf.nest.flatten(x)[0])
    totals = [np.zeros(v.shape) for v in statistics]
    starts = range(0, max(1, samples - batch_size + 1), batch_size)
    with whole_statistics(model), without_dropout(model):
        for start in starts:
            model(tf.nest.map_structure(lambda a, s=start: a[s : s + batch_size], x), training=True)
            totals = [total + v.numpy() for total, v in zip(totals, statistics, strict=True)]
    for variable, total in zip(statistics, totals, strict=True):
        variable.assign(total / len(starts))
