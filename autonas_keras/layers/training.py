"""Faster kernels while a network of stock layers is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


@contextmanager
def faster_training(model: keras.Model) -> Iterator[None]:
    """Train with faster kernels in stock layers, which then are what they were before.

    BatchNormalization of images takes TensorFlow's fused kernel (Keras takes mean, variance and the normalisation
    apart), and on processors 5x5 depthwise convolutions take the gradient of ``depthwise_slope``. Weights, moving
    statistics and what is saved in between are those of the stock layers.
    """
    layers = [(layer, type(layer)) for layer in model._flatten_layers() if _faster(layer) is not None]
    for layer, _ in layers:
        layer.__class__ = _faster(layer)
    try:
        yield
    finally:
        for layer, stock in layers:
            layer.__class__ = stock


def depthwise_slope(x: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Gradient of the kernel (5, 5, channels, 1) of a depthwise convolution with padding "SAME" at stride 1.

    Processors have a fast gradient for 3x3 kernels only: four overlapping blocks of 3x3 take less time than 5x5.
    """

    channels = tf.shape(x)[-1] if x.shape[-1] is None else int(x.shape[-1])

    def block(top: int, left: int) -> tf.Tensor:
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=tf.pad(x, ((0, 0), (2 - top, top), (2 - left, left), (0, 0))),
            filter_sizes=[3, 3, channels, 1],
            out_backprop=slope,
            strides=[1, 1, 1, 1],
            padding="VALID",
        )

    above, below = (tf.concat([block(top, 0), block(top, 2)[:, 1:]], 1) for top in (0, 2))
    return tf.concat([above, below[1:]], 0)


def on_processor() -> bool:
    """Whether TensorFlow sees no GPU."""
    return not tf.config.list_physical_devices("GPU")


def _faster(layer: Any) -> type | None:
    if not layer.built or layer.compute_dtype == "float64":
        return None
    if type(layer) is keras.layers.BatchNormalization:
        suits = (
            getattr(layer.input_spec, "ndim", None) == 4
            and layer.axis in (-1, 3)
            and not layer.synchronized
            and not getattr(layer, "renorm", False)
        )
        return _Normalization if suits else None
    if type(layer) is keras.layers.DepthwiseConv2D:
        settings = (layer.kernel_size, layer.strides, layer.dilation_rate, layer.depth_multiplier)
        suits = settings == ((5, 5), (1, 1), (1, 1), 1) and (layer.padding, layer.data_format) == (
            "same",
            "channels_last",
        )
        return _Depthwise if suits and on_processor() else None
    return None


class _Normalization(keras.layers.BatchNormalization):
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


class _Depthwise(keras.layers.DepthwiseConv2D):
    def call(self, inputs: Any) -> Any:
        y = _convolve(inputs, tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype))
        if self.use_bias:
            y += tf.cast(tf.convert_to_tensor(self.bias), y.dtype)
        return y if self.activation is None else self.activation(y)


@tf.custom_gradient
def _convolve(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    def slopes(slope: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        back = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(x), filter=kernel, out_backprop=slope, strides=[1, 1, 1, 1], padding="SAME"
        )
        return back, depthwise_slope(x, slope)

    return tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME"), slopes


# A callback that saves the model in between must write the stock layers.
for _layer, _stock in ((_Normalization, "BatchNormalization"), (_Depthwise, "DepthwiseConv2D")):
    _layer.__name__ = _layer.__qualname__ = _stock
    _layer.__module__ = "keras.layers"
