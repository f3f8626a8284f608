"""The few TensorFlow calls that elastic layers are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

from autonas_keras.layers.training import depthwise_slope, on_processor
from autonas_keras.supernets.kernels import EPSILON

Size: TypeAlias = int | tf.Tensor


def channels_of(x: tf.Tensor) -> Size:
    """The number of channels, an integer where it is known."""
    return tf.shape(x)[-1] if x.shape[-1] is None else int(x.shape[-1])


def cut(x: tf.Tensor, sizes: Sequence[Size], begin: Sequence[Size] | None = None) -> tf.Tensor:
    """The part of ``x`` with the given sizes, from its first entries on or from ``begin`` on.

    It is a tf.slice whose gradient takes half the calls; of x[:a, :b] it would go element by element.
    """
    whole = tuple(int(size) for size in x.shape)
    if tuple(size if isinstance(size, int) else None for size in sizes) == whole:
        return x
    start = [0] * len(whole) if begin is None else list(begin)

    @tf.custom_gradient
    def part(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def slope(y: tf.Tensor) -> tf.Tensor:
            margins = [(low, full - low - size) for low, full, size in zip(start, whole, sizes, strict=True)]
            return tf.pad(y, margins)

        return tf.slice(x, start, sizes), slope

    return part(x)


def pad(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Images with the margin that a kernel needs on all sides."""
    margin = tf.shape(kernel)[0] // 2 if kernel.shape[0] is None else int(kernel.shape[0]) // 2
    return tf.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


def depthwise(x: tf.Tensor, kernel: tf.Tensor, strides: int, sizes: Sequence[int]) -> tf.Tensor:
    """Depthwise convolution with symmetric padding.

    Args:
        x: (batch, height, width, channels).
        kernel: (k, k, channels, 1), k one of ``sizes``.
        strides: 1 or 2.
        sizes: The sides the kernel can have.
    """
    if strides == 2:
        return tf.raw_ops.DepthwiseConv2dNative(
            input=pad(x, kernel), filter=kernel, strides=[1, 2, 2, 1], padding="VALID"
        )
    if 5 not in sizes or not on_processor():
        return _depthwise(x, kernel)
    return _with_fast_slope(x, kernel, tuple(sizes) == (5,))


def _depthwise(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.DepthwiseConv2dNative(input=x, filter=kernel, strides=[1, 1, 1, 1], padding="SAME")


def _with_fast_slope(x: tf.Tensor, kernel: tf.Tensor, always: bool) -> tf.Tensor:
    """Depthwise convolution whose 5x5 kernels have the faster gradient of ``depthwise_slope``."""

    @tf.custom_gradient
    def convolve(
        x: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
        def native(slope: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=x, filter_sizes=tf.shape(kernel), out_backprop=slope, strides=[1, 1, 1, 1], padding="SAME"
            )

        def slopes(slope: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            back = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=kernel, out_backprop=slope, strides=[1, 1, 1, 1], padding="SAME"
            )
            if always:
                return back, depthwise_slope(x, slope)
            five = tf.equal(tf.shape(kernel)[0], 5)
            return back, tf.cond(five, lambda: depthwise_slope(x, slope), lambda: native(slope))

        return _depthwise(x, kernel), slopes

    return convolve(x, kernel)


def normalise(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """Batch normalisation by given statistics."""
    if x.dtype == tf.float64:
        # The fused operation does not take float64.
        return (x - mean) * (tf.math.rsqrt(variance + EPSILON) * gamma) + beta
    gamma, beta, mean, variance = (tf.cast(part, tf.float32) for part in (gamma, beta, mean, variance))
    y, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=EPSILON, is_training=False
    )
    return y


def normalise_batch(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Batch normalisation by the batch's own mean and variance, and these; the variance is biased, as Keras moves it."""
    if x.dtype == tf.float64:
        mean, variance = tf.nn.moments(x, (0, 1, 2))
        return normalise(x, gamma, beta, mean, variance), mean, variance
    empty = tf.constant([], tf.float32)
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.cast(gamma, tf.float32),
        offset=tf.cast(beta, tf.float32),
        mean=empty,
        variance=empty,
        epsilon=EPSILON,
        is_training=True,
    )
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
    return y, mean, variance * (count - 1) / count
