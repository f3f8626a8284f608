"""The few TensorFlow calls that elastic layers are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.training import depthwise_slope, on_processor
from autonas_keras.supernets.kernels import EPSILON

Size: TypeAlias = int | tf.Tensor


def channels_of(x: tf.Tensor, given: Size | None = None) -> Size:
    """The number of channels, an integer where it is known, else ``given`` if it is."""
    if x.shape[-1] is None and given is not None:
        return given
    return tf.shape(x)[-1] if x.shape[-1] is None else int(x.shape[-1])


def cut(x: tf.Tensor, sizes: Sequence[Size], begin: Sequence[Size] | None = None) -> tf.Tensor:
    """The part of ``x`` with the given sizes, from its first entries on or from ``begin`` on.

    It is a tf.slice whose gradient takes half the calls; of x[:a, :b] it would go element by element.
    """
    whole = np.array([int(size) for size in x.shape], np.int32)
    if all(isinstance(size, int) for size in sizes) and tuple(sizes) == tuple(whole):
        return x
    start, count = _vector([0] * len(whole) if begin is None else begin), _vector(sizes)

    @tf.custom_gradient
    def part(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.slice(x, start, count), lambda slope: tf.pad(slope, tf.stack([start, whole - start - count], axis=1))

    return part(x)


def cut_vectors(vectors: Sequence[tf.Tensor], count: Size) -> list[tf.Tensor]:
    """The first ``count`` entries of vectors of one length, cut and in the gradient padded together."""
    whole = int(vectors[0].shape[0])
    if isinstance(count, int) and count == whole:
        return list(vectors)

    @tf.custom_gradient
    def parts(*vectors: tf.Tensor) -> tuple[list[tf.Tensor], Callable[..., list[tf.Tensor]]]:
        cuts = tf.slice(tf.stack(vectors), [0, 0], _vector([len(vectors), count]))
        return tf.unstack(cuts, len(vectors)), lambda *slopes: _padded(slopes, count, whole)

    return list(parts(*vectors))


def move_statistics(
    variables: Sequence[keras.Variable], old: Sequence[tf.Tensor], new: Sequence[tf.Tensor], count: Size, share: float
) -> None:
    """Move the first ``count`` entries of moving statistics by a share of the way from their old values to new ones."""
    steps = [(tf.cast(after, before.dtype) - before) * share for before, after in zip(old, new, strict=True)]
    for variable, step in zip(variables, _padded(steps, count, int(variables[0].shape[0])), strict=True):
        # What is added is what a slice moves by. Keras's own assign_add reads, adds and writes.
        variable.value.assign_add(tf.stop_gradient(step))


def _padded(vectors: Sequence[tf.Tensor], count: Size, whole: int) -> list[tf.Tensor]:
    """Vectors of ``count`` entries with zeros behind them; one padding takes less time than several."""
    if isinstance(count, int) and count == whole:
        return list(vectors)
    return tf.unstack(tf.pad(tf.stack(vectors), [[0, 0], [0, whole - count]]), len(vectors))


def _vector(sizes: Sequence[Size]) -> Any:
    known = all(isinstance(size, int) for size in sizes)
    return np.array(sizes, np.int32) if known else tf.stack([tf.cast(size, tf.int32) for size in sizes])


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
    y, mean, variance, _, computed, _ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.cast(gamma, tf.float32),
        offset=tf.cast(beta, tf.float32),
        mean=empty,
        variance=empty,
        epsilon=EPSILON,
        is_training=True,
    )
    if on_processor():
        # What the kernel keeps for its gradient is the biased variance; on GPUs it is another number.
        return y, mean, computed
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
    return y, mean, variance * (count - 1) / count
