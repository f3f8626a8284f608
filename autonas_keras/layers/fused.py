"""Batch normalisation by TensorFlow's fused kernel while a network of stock layers is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


@contextmanager
def fused_normalisation(model: keras.Model) -> Iterator[None]:
    """Train with the fused kernel in every stock BatchNormalization of images, which then is what it was before.

    Keras takes mean, variance and the normalisation apart, which makes the training step of a cell network a third
    longer. Weights, moving statistics and what is saved in between are those of the stock layer.
    """
    layers = [layer for layer in model._flatten_layers() if _suits(layer)]
    for layer in layers:
        layer.__class__ = _Fused
    try:
        yield
    finally:
        for layer in layers:
            layer.__class__ = keras.layers.BatchNormalization


def _suits(layer: Any) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.built
        and getattr(layer.input_spec, "ndim", None) == 4
        and layer.axis in (-1, 3)
        and not layer.synchronized
        and not getattr(layer, "renorm", False)
        and layer.compute_dtype != "float64"
    )


class _Fused(keras.layers.BatchNormalization):
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or not self.trainable or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        ones = tf.ones_like(tf.convert_to_tensor(self.moving_mean))
        empty = tf.constant([], tf.float32)
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32) if self.scale else ones,
            offset=tf.cast(self.beta, tf.float32) if self.center else ones * 0,
            mean=empty,
            variance=empty,
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel's variance is unbiased, Keras's moving one is not.
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), tf.float32)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance * (count - 1) / count)):
            moving.assign(moving * self.momentum + tf.cast(value, moving.dtype) * (1 - self.momentum))
        return y


# A callback that saves the model in between must write the stock layer.
_Fused.__name__ = _Fused.__qualname__ = "BatchNormalization"
_Fused.__module__ = "keras.layers"
