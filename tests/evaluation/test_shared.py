"""How predictions of shared weights are judged."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.evaluation import InheritedScore, log_likelihood, recalibrate
from autonas_keras.evaluation.shared import WholeMetric
from autonas_keras.spaces import ChainSpace
from autonas_keras.supernets import PathChain
from autonas_keras.training import PathModel


def test_the_likelihood_takes_classes_and_columns() -> None:
    table = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]], "float32")
    wanted = np.log([0.2, keras.config.epsilon()])
    for y in (np.array([1, 2]), np.array([[1], [2]]), np.array([[0, 1, 0], [0, 0, 1]]), np.array([1.0, 2.0])):
        np.testing.assert_allclose(log_likelihood(y, table), wanted, rtol=1e-6)
    for y in (np.array([1, 0]), np.array([[1], [0]]), np.array([[1.0], [0.0]])):
        np.testing.assert_allclose(log_likelihood(y, table[:, :1]), np.log([0.7, 0.5]), rtol=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_what_predicts_no_numbers_is_worth_none(whole: bool) -> None:
    inputs = keras.Input((4, 4, 3))
    features = PathChain(ChainSpace(("identity", "mbconv_k3_e1"), ((1, 4, 1),), stem=4), name="chain")(inputs)
    outputs = keras.layers.Dense(3, "softmax", name="head")(keras.layers.GlobalAveragePooling2D()(features))
    model = PathModel(inputs, outputs)
    x = np.random.default_rng(0).standard_normal((20, 4, 4, 3)).astype("float32")
    metric = WholeMetric(keras.metrics.SparseCategoricalAccuracy(), 1) if whole else None
    judge = InheritedScore(model, x, (x, np.zeros(20, int)), batch_size=10, metric=metric)
    architecture = model.space.default()
    assert np.isfinite(judge(architecture))
    model.get_layer("head").bias.assign([np.nan, 0.0, 0.0])  # of no numbers the first is the largest, and right here
    assert np.isnan(judge(architecture)) and np.isnan(judge.on_batch(architecture, 1))


def test_confident_predictions_in_half_precision_differ() -> None:
    found = log_likelihood(np.zeros((2, 1)), tf.constant([[1e-3], [1e-5]], "bfloat16")).numpy()
    assert found[0] < found[1] < 0


def test_statistics_are_taken_without_dropout() -> None:
    inputs = keras.Input((6,))
    dropped = keras.layers.Dropout(0.5, seed=0)
    layer = keras.layers.BatchNormalization()
    model = keras.Model(inputs, layer(dropped(inputs)))
    x = np.random.default_rng(0).normal(3.0, 2.0, (50, 6)).astype("float32")
    state = dropped.seed_generator.state.numpy()
    recalibrate(model, x)
    np.testing.assert_allclose(layer.moving_mean, x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, x.var(axis=0), rtol=1e-4)
    assert dropped.rate == 0.5 and (dropped.seed_generator.state.numpy() == state).all()
