"""Weights and activations of a few bits while a network trains in floating point.

Reference: Zhou et al., "DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low Bitwidth Gradients",
2016, equations 5, 9 and 11; Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV
2020, section 3.4.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from autonas_keras.layers.names import layer_name
from autonas_keras.layers.operations import Tensor


def quantize_weights(weights: Any, bits: Any) -> tf.Tensor:
    """Weights as one of 2^bits values between -1 and 1; their gradient passes the rounding as if it were not there.

    Args:
        weights: A tensor of any shape.
        bits: An integer, or a scalar tensor of one.
    """
    bounded = tf.tanh(tf.convert_to_tensor(weights))
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(bounded)))
    unit = tf.math.divide_no_nan(bounded, 2 * largest) + 0.5
    return 2 * _rounded(unit, bits) - 1


def quantize_activations(x: tf.Tensor, bits: Any, largest: float) -> tf.Tensor:
    """``x`` clipped to [0, largest] as one of 2^bits values; its gradient is that of the clipping."""
    return largest * _rounded(tf.clip_by_value(x, 0.0, largest) / largest, bits)


def quantized_relu(x: Tensor, bits: int, largest: float) -> Tensor:
    """``quantize_activations`` in stock layers, which have no gradient: for a network that only predicts."""
    steps = 2**bits - 1
    x = keras.layers.ReLU(largest, name=layer_name("relu"))(x)
    boundaries = [largest * (step + 0.5) / steps for step in range(steps)]
    x = keras.layers.Discretization(boundaries, name=layer_name("steps"))(x)
    return keras.layers.Rescaling(largest / steps, name=layer_name("scale"))(x)


def _rounded(unit: tf.Tensor, bits: Any) -> tf.Tensor:
    """Values in [0, 1] as multiples of 1 / (2^bits - 1)."""
    steps = tf.cast(tf.bitwise.left_shift(1, tf.cast(bits, tf.int32)) - 1, unit.dtype)
    return unit + tf.stop_gradient(tf.round(unit * steps) / steps - unit)
