"""Weights and activations of a few bits."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers.quantize import quantize_activations, quantize_weights, quantized_relu


def draws(scale: float = 1.0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(scale=scale, size=(3, 5, 4, 6)), tf.float32)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_weights_take_evenly_spaced_values_between_minus_one_and_one(bits: int) -> None:
    found = quantize_weights(draws(), tf.constant(bits)).numpy()
    steps = (found + 1) / 2 * (2**bits - 1)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    assert np.abs(found).max() == 1 and len(np.unique(np.round(steps))) <= 2**bits
    # The value next to tanh(w) / max |tanh(w)|.
    bounded = np.tanh(draws())
    np.testing.assert_allclose(found, bounded / np.abs(bounded).max(), atol=1.001 / (2**bits - 1))


def test_the_gradient_passes_the_rounding() -> None:
    w, x = draws(), draws(5.0)
    with tf.GradientTape() as tape:
        tape.watch([w, x])
        loss = tf.reduce_sum(quantize_weights(w, 2)) + tf.reduce_sum(quantize_activations(x, 2, 6.0))
    to_weights, to_activations = tape.gradient(loss, [w, x])
    bounded = np.tanh(w)
    np.testing.assert_allclose(to_weights, (1 - bounded**2) / np.abs(bounded).max(), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(to_activations, (np.asarray(x) >= 0) & (np.asarray(x) <= 6))


def test_weights_of_zero_stay_numbers() -> None:
    assert np.isfinite(quantize_weights(tf.zeros((2, 2)), 4)).all()


@pytest.mark.parametrize(("bits", "largest"), [(2, 6.0), (4, 1.0), (8, 6.0)])
def test_stock_layers_round_activations_alike(
    bits: int, largest: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    x = keras.Input((5, 4, 6))
    path = tmp_path_factory.mktemp("quantize") / "model.keras"
    keras.Model(x, quantized_relu(x, bits, largest)).save(path)
    model = keras.models.load_model(path)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    np.testing.assert_allclose(model(draws(5.0)), quantize_activations(draws(5.0), bits, largest), atol=1e-6)
