"""Layers whose size is given at run time: they compute with slices of the weights of the largest one.

A size is a Python integer or a scalar int32 tensor, so that one trace serves all sizes; the number of input channels is
that of the input. What lies outside of a slice is not read, and its gradient is zero.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces.mobile_plan import squeezed_channels
from autonas_keras.supernets.elastic_kernels import (
    Size,
    channels_of,
    cut,
    cut_vectors,
    depthwise,
    move_statistics,
    normalise,
    normalise_batch,
    pad,
)

MOMENTUM = 0.9


class ElasticLayer(keras.layers.Layer):
    """A layer with initial weights of a seed of its own.

    Args:
        seed: Seed of the initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = int(seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}

    def seed_of(self, name: str) -> int:
        """The seed of one weight: an initializer repeats itself for a seed, so each gets one of its own."""
        return int(np.random.SeedSequence([self.seed, *name.encode()]).generate_state(1)[0] >> 1)

    def _weight(self, name: str, shape: Sequence[int], initializer: Any, trainable: bool = True) -> keras.Variable:
        # Slices are cast, not the whole weight.
        return self.add_weight(
            shape=tuple(shape), initializer=initializer, trainable=trainable, autocast=False, name=name
        )


class ElasticKernel(ElasticLayer):
    """A layer with a kernel whose size is elastic: smaller kernels are the centre of the next larger one.

    Args:
        kernel_sizes: The sides it can have, odd.
        strides: 1 or 2; 2 pads symmetrically.
        transform: Whether a matrix, shared by all channels and the identity at first, stands between a kernel's centre
            and the next smaller kernel.
        seed: Seed of the initial weights.
        **kwargs: As keras.layers.Layer takes them.

    Raises:
        ValueError: When a side is even.

    Reference: Cai et al., ICLR 2020, section 3.3, figure 3.
    """

    kernel: keras.Variable

    def __init__(
        self,
        kernel_sizes: Sequence[int] = (3,),
        strides: int = 1,
        transform: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.kernel_sizes = tuple(sorted(int(size) for size in kernel_sizes))
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise ValueError(f"Expected odd sides of kernels, got {list(kernel_sizes)}.")
        self.strides = int(strides)
        self.transform = bool(transform)
        self.matrices: list[keras.Variable] = []

    def get_config(self) -> dict[str, Any]:
        config = {"kernel_sizes": list(self.kernel_sizes), "strides": self.strides, "transform": self.transform}
        return {**super().get_config(), **config}

    def _build_kernel(self, channels: tuple[int, int], initializer: keras.initializers.Initializer) -> None:
        side = self.kernel_sizes[-1]
        self.kernel = self._weight("kernel", (side, side, *channels), initializer)
        for size in reversed(self.kernel_sizes[:-1]) if self.transform else ():
            self.matrices.append(self._weight(f"matrix_{size}", (size**2, size**2), "identity"))

    def sliced_kernel(self, first: Size, second: Size, kernel_size: Size | None = None) -> tf.Tensor:
        """The kernel of shape (kernel_size, kernel_size, first, second); None is the largest."""
        kernel, side = tf.convert_to_tensor(self.kernel), self.kernel_sizes[-1]
        if kernel_size is None or len(self.kernel_sizes) == 1:
            return cut(kernel, (side, side, first, second))
        if not self.matrices:
            margin = (side - kernel_size) // 2
            return cut(kernel, (kernel_size, kernel_size, first, second), (margin, margin, 0, 0))
        kernel = cut(kernel, (side, side, first, second))
        matrices = [tf.convert_to_tensor(matrix) for matrix in self.matrices]
        if isinstance(kernel_size, int):
            return self._transformed(kernel, matrices, kernel_size)
        branches = [lambda size=size: self._transformed(kernel, matrices, size) for size in self.kernel_sizes]
        place = tf.reduce_sum(tf.cast(kernel_size > tf.constant(self.kernel_sizes[:-1]), tf.int32))
        return tf.switch_case(place, branches)

    def _transformed(self, kernel: tf.Tensor, matrices: list[tf.Tensor], wanted: int) -> tf.Tensor:
        """The kernel of a size, through all sizes between the largest and that one."""
        if wanted == self.kernel_sizes[-1]:
            return tf.identity(kernel)
        sizes = self.kernel_sizes[::-1]
        for larger, size, matrix in zip(sizes, sizes[1:], matrices, strict=False):
            if size < wanted:
                break
            margin = (larger - size) // 2
            centre = tf.slice(kernel, (margin, margin, 0, 0), (size, size, -1, -1))
            kernel = tf.reshape(tf.matmul(matrix, tf.reshape(centre, (size**2, -1))), tf.shape(centre))
        return kernel

    def _smaller(self, sides: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(None if side is None else -(-side // self.strides) for side in sides)


@keras.utils.register_keras_serializable(package="autonas_keras")
class ElasticConv2D(ElasticKernel):
    """A convolution without bias with elastic numbers of input and output channels and an elastic kernel.

    Args:
        filters: The largest number of output channels.
        kernel_sizes: The sides it can have, odd.
        strides: 1 or 2; 2 pads symmetrically.
        transform: As ``ElasticKernel`` has it.
        seed: Seed of the initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(
        self,
        filters: int,
        kernel_sizes: Sequence[int] = (1,),
        strides: int = 1,
        transform: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_sizes, strides, transform, seed, **kwargs)
        self.filters = int(filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}

    def build(self, input_shape: Sequence[int | None]) -> None:
        initializer = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=self.seed_of("kernel"))
        self._build_kernel((int(input_shape[-1] or 0), self.filters), initializer)

    def call(
        self, x: Any, channels: Size | None = None, kernel_size: Size | None = None, inputs: Size | None = None
    ) -> Any:
        """The convolution.

        Args:
            x: (batch, height, width, inputs), inputs at most those it was built for.
            channels: Channels of the result, None for all.
            kernel_size: One of ``kernel_sizes``, None for the largest.
            inputs: Channels of x, which spares looking them up.
        """
        inputs, channels = channels_of(x, inputs), self.filters if channels is None else channels
        kernel = self.sliced_kernel(inputs, channels, kernel_size)
        kernel = tf.cast(kernel, x.dtype)
        if self.strides == 1 or self.kernel_sizes[-1] == 1:
            return tf.nn.conv2d(x, kernel, self.strides, "SAME")
        return tf.nn.conv2d(pad(x, kernel), kernel, self.strides, "VALID")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], *self._smaller(input_shape[1:3]), self.filters)


@keras.utils.register_keras_serializable(package="autonas_keras")
class ElasticDepthwiseConv2D(ElasticKernel):
    """A depthwise convolution without bias with an elastic number of channels and an elastic kernel.

    Args:
        kernel_sizes: The sides it can have, odd.
        strides: 1 or 2; 2 pads symmetrically.
        transform: As ``ElasticKernel`` has it.
        seed: Seed of the initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        limit = 1 / self.kernel_sizes[-1]
        initializer = keras.initializers.RandomUniform(-limit, limit, seed=self.seed_of("kernel"))
        self._build_kernel((int(input_shape[-1] or 0), 1), initializer)

    def call(self, x: Any, kernel_size: Size | None = None, channels: Size | None = None) -> Any:
        """The convolution of x, (batch, height, width, channels), with a kernel of side ``kernel_size``."""
        kernel = self.sliced_kernel(channels_of(x, channels), 1, kernel_size)
        return depthwise(x, tf.cast(kernel, x.dtype), self.strides, self.kernel_sizes)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], *self._smaller(input_shape[1:3]), input_shape[-1])


@keras.utils.register_keras_serializable(package="autonas_keras")
class ElasticBatchNormalization(ElasticLayer):
    """Batch normalisation of an elastic number of channels, with epsilon 1e-5 and momentum 0.9.

    All sizes share the moving statistics, which therefore belong to none of them: before a network is judged they are
    measured anew.

    Args:
        zero_gamma: Whether the scale starts at 0 in place of 1.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(self, zero_gamma: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zero_gamma = bool(zero_gamma)
        self.momentum = MOMENTUM

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "zero_gamma": self.zero_gamma}

    def build(self, input_shape: Sequence[int | None]) -> None:
        starts = {"gamma": "zeros" if self.zero_gamma else "ones", "beta": "zeros"}
        starts |= {"moving_mean": "zeros", "moving_variance": "ones"}
        for name, start in starts.items():
            size = int(input_shape[-1] or 0)
            variable = self._weight(name, (size,), start, not name.startswith("moving"))
            setattr(self, name, variable)

    @property
    def vectors(self) -> list[keras.Variable]:
        """Scale, offset, moving mean and moving variance."""
        return [self.gamma, self.beta, self.moving_mean, self.moving_variance]

    def call(self, x: Any, channels: Size | None = None, training: bool | None = None) -> Any:
        """x, (batch, height, width, channels), normalised; in training by the batch, which moves the statistics."""
        count = channels_of(x, channels)
        gamma, beta = cut_vectors([tf.convert_to_tensor(vector) for vector in self.vectors[:2]], count)
        moving = cut_vectors([tf.convert_to_tensor(vector) for vector in self.vectors[2:]], count)
        if not training or not self.trainable:
            return normalise(x, gamma, beta, *moving)
        y, *batch = normalise_batch(x, gamma, beta)
        move_statistics(self.vectors[2:], moving, batch, count, 1 - self.momentum)
        return y

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)


@keras.utils.register_keras_serializable(package="autonas_keras")
class ElasticSqueezeExcitation(ElasticLayer):
    """Weights for an elastic number of channels, by hard sigmoids of a function of their means.

    Args:
        seed: Seed of the initial weights.
        **kwargs: As keras.layers.Layer takes them.

    Reference: Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.3.
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        channels = int(input_shape[-1] or 0)
        inside = squeezed_channels(channels)
        for name, shape in (("reduce", (channels, inside)), ("expand", (inside, channels))):
            initializer = keras.initializers.GlorotUniform(seed=self.seed_of(name))
            setattr(self, f"{name}_kernel", self._weight(f"{name}_kernel", shape, initializer))
            setattr(self, f"{name}_bias", self._weight(f"{name}_bias", shape[1:], "zeros"))

    def sliced(self, channels: Size) -> list[tf.Tensor]:
        """Kernel and bias of the two layers for a number of channels, kernels of shape (inputs, outputs)."""
        inside = squeezed_channels(channels)
        return [
            cut(tf.convert_to_tensor(self.reduce_kernel), (channels, inside)),
            cut(tf.convert_to_tensor(self.reduce_bias), (inside,)),
            cut(tf.convert_to_tensor(self.expand_kernel), (inside, channels)),
            cut(tf.convert_to_tensor(self.expand_bias), (channels,)),
        ]

    def call(self, x: Any) -> Any:
        """x, (batch, height, width, channels), each channel times its weight."""
        parts = [tf.cast(part, x.dtype) for part in self.sliced(channels_of(x))]
        reduce_kernel, reduce_bias, expand_kernel, expand_bias = parts
        y = tf.nn.relu(tf.matmul(tf.reduce_mean(x, (1, 2)), reduce_kernel) + reduce_bias)
        y = tf.nn.relu6(tf.matmul(y, expand_kernel) + expand_bias + 3) / 6
        return x * y[:, None, None]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)
