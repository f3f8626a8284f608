"""The few TensorFlow calls a merged cell is made of, where Keras's own would be slower or unmerged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache

import tensorflow as tf

from autonas_keras.layers.training import depthwise_slope, on_processor

EPSILON = 1e-5


@cache
def native_dilation() -> bool:
    """Whether the native depthwise convolution of this TensorFlow build dilates by itself on the default device."""
    with tf.init_scope():
        x = tf.reshape(tf.range(50, dtype=tf.float32), (1, 5, 5, 2))
        kernel = tf.reshape(tf.range(18, dtype=tf.float32), (3, 3, 2, 1))
        try:
            found = tf.raw_ops.DepthwiseConv2dNative(
                input=x, filter=kernel, strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1]
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
        expected = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME", dilations=(2, 2))
        return bool(tf.reduce_all(tf.abs(found - expected) <= 1e-3 * tf.abs(expected)))


def depthwise(x: tf.Tensor, kernel: tf.Tensor, strides: int = 1, dilation: int = 1) -> tf.Tensor:
    """Depthwise convolution with symmetric padding; ``kernel`` has shape (k, k, channels, 1).

    At stride 2 a kernel dilated by 2 only meets every second position, so it is a plain kernel on those.
    """
    size = int(kernel.shape[0])
    if dilation == 2 and strides == 2:
        return depthwise(every_second(x), kernel)
    if strides == 2:
        return tf.nn.depthwise_conv2d(_pad(x, size // 2), kernel, (1, 2, 2, 1), "VALID")
    if dilation == 2 and (x.dtype == tf.float64 or not native_dilation()):
        return tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME", dilations=(2, 2))
    blocks = size == 5 and dilation == 1
    with gradient_by("AutonasDepthwiseBlocks", "DepthwiseConv2dNative") if blocks else nullcontext():
        return tf.raw_ops.DepthwiseConv2dNative(
            input=x, filter=kernel, strides=[1, 1, 1, 1], padding="SAME", dilations=[1, dilation, dilation, 1]
        )


@contextmanager
def gradient_by(name: str, operation: str) -> Iterator[None]:
    """Inside a graph: operations of that type made here have the registered gradient ``name`` in place of their own.

    It serves traced functions whose backward pass is a function of its own, on processors; tapes that watch a graph
    being made, eager ones and GPUs take the operation's own gradient, which is the same.
    """
    if tf.executing_eagerly() or not on_processor():
        yield
        return
    with tf.compat.v1.get_default_graph().gradient_override_map({operation: name}):
        yield


@tf.RegisterGradient("AutonasDepthwiseBlocks")
def _blocks(op: tf.Operation, slope: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of a 5x5 depthwise convolution at stride 1."""
    x, kernel = op.inputs
    back = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.shape(x), filter=kernel, out_backprop=slope, strides=[1, 1, 1, 1], padding="SAME"
    )
    return back, depthwise_slope(x, slope)


def convolve(x: tf.Tensor, kernel: tf.Tensor, strides: int = 1) -> tf.Tensor:
    """Convolution with symmetric padding."""
    size = int(kernel.shape[0])
    if strides == 2 and size > 1:
        return tf.nn.conv2d(_pad(x, size // 2), kernel, 2, "VALID")
    return tf.nn.conv2d(x, kernel, strides, "SAME")


@cache
def native_groups() -> bool:
    """Whether graphs of this TensorFlow build have the gradients of grouped convolutions on the default device."""

    def slopes() -> tf.Tensor:
        ones = tf.ones((1, 2, 2, 4))
        # The gradient by its own name: inside init_scope no tape records.
        return tf.raw_ops.Conv2DBackpropFilter(
            input=ones, filter_sizes=[1, 1, 2, 4], out_backprop=ones, strides=[1, 1, 1, 1], padding="SAME"
        )

    with tf.init_scope():
        try:
            return bool(tf.reduce_all(tf.function(slopes, autograph=False)() == 4.0))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False


def pointwise(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """1x1 convolution in groups; ``kernel`` has shape (1, 1, inputs of a group, channels), group by group."""
    inputs = int(kernel.shape[2])
    groups = int(x.shape[-1]) // inputs
    # Outside of graphs the processor has no such gradients, whatever the build.
    if groups == 1 or (x.dtype != tf.float64 and not tf.executing_eagerly() and native_groups()):
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    shape = tf.shape(x)
    parts = tf.reshape(x, (*tf.unstack(shape)[:3], groups, inputs))
    y = tf.einsum("bhwgi,igo->bhwgo", parts, tf.reshape(kernel, (inputs, groups, -1)))
    return tf.reshape(y, (*tf.unstack(shape)[:3], int(kernel.shape[3])))


def _pad(x: tf.Tensor, margin: int) -> tf.Tensor:
    return tf.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


def pool(x: tf.Tensor, kind: str, strides: int = 1) -> tf.Tensor:
    """3x3 pooling ("max" or "avg") that ignores the padding; stride 2 keeps the even positions of stride 1."""
    if kind == "max":
        with gradient_by("AutonasMaxPool", "MaxPool"):
            y = tf.nn.max_pool2d(x, 3, 1, "SAME")
    else:
        y = tf.nn.avg_pool2d(x, 3, 1, "SAME")
    return every_second(y) if strides == 2 else y


@tf.RegisterGradient("AutonasMaxPool")
def _pool_again(op: tf.Operation, slope: tf.Tensor) -> tf.Tensor:
    """Gradient of max pooling that pools once more: the fast kernel is taken only where it sees its forward pass."""
    names = ("ksize", "strides", "padding")
    settings = {name: op.get_attr(name) for name in names}
    settings["padding"] = settings["padding"].decode()
    y = tf.raw_ops.MaxPool(input=op.inputs[0], **settings)
    return tf.raw_ops.MaxPoolGrad(orig_input=op.inputs[0], orig_output=y, grad=slope, **settings)


def shift(x: tf.Tensor) -> tf.Tensor:
    """The input moved up and left by one pixel, zeros coming in, as FactorizedReduce reads it on odd sizes too."""
    # The gradient of tf.slice is a padding, that of x[:, 1:, 1:] goes element by element.
    return tf.pad(tf.slice(x, (0, 1, 1, 0), (-1, -1, -1, -1)), ((0, 0), (0, 1), (0, 1), (0, 0)))


def every_second(x: tf.Tensor) -> tf.Tensor:
    """``x[:, ::2, ::2]`` as a pooling of single pixels, whose gradient is faster."""
    return tf.nn.avg_pool2d(x, 1, 2, "VALID")


class Statistics:
    """Batch normalisation without affine over one vector of moving statistics for a whole cell.

    Every ``normalise`` takes its slice of ``moving`` (shape (2, size): means, variances) in the order of the calls; in
    training the batch statistics are collected instead, and ``batch()`` gives them in the same layout.
    """

    def __init__(self, moving: tf.Tensor, training: bool) -> None:
        self.moving, self.training, self.used = moving, training, 0
        self._means: list[tf.Tensor] = []
        self._variances: list[tf.Tensor] = []

    def normalise(self, x: tf.Tensor, scale: tf.Tensor | None = None) -> tf.Tensor:
        """``scale * (x - mean) / sqrt(variance + 1e-5)`` over all but the channels; ``scale`` of shape (channels,)."""
        channels = int(x.shape[-1])
        start, self.used = self.used, self.used + channels
        mean, variance = self.moving[0, start : self.used], self.moving[1, start : self.used]
        scale = tf.ones((channels,), mean.dtype) if scale is None else tf.cast(scale, mean.dtype)
        if x.dtype == tf.float64:
            y, mean, variance = self._plain(x, scale, mean, variance)
        elif self.training:
            empty = tf.constant([], tf.float32)
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=scale,
                offset=tf.zeros_like(scale),
                mean=empty,
                variance=empty,
                epsilon=EPSILON,
                is_training=True,
            )
        else:
            y, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=scale,
                offset=tf.zeros_like(scale),
                mean=mean,
                variance=variance,
                epsilon=EPSILON,
                is_training=False,
            )
        if self.training:
            self._means.append(mean)
            self._variances.append(variance)
        return y

    def _plain(
        self, x: tf.Tensor, scale: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The same for float64, which the fused operation does not take."""
        if self.training:
            mean, variance = tf.nn.moments(x, (0, 1, 2))
        y = (x - mean) * (tf.math.rsqrt(variance + EPSILON) * scale)
        if self.training:
            count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), x.dtype)
            variance = variance * count / tf.maximum(count - 1, 1)
        return y, mean, variance

    def batch(self) -> tf.Tensor:
        """Means and unbiased variances of this batch, shape (2, size)."""
        if not self._means:
            return self.moving[:, :0]
        return tf.stack([tf.concat(self._means, 0), tf.concat(self._variances, 0)])
