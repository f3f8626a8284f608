"""An inverted residual of elastic layers.

Reference: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section 3; Cai et al.,
"Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import MobileBlock
from autonas_keras.spaces.mobile_plan import hidden_channels, squeezed_channels
from autonas_keras.supernets.elastic import (
    ElasticBatchNormalization,
    ElasticConv2D,
    ElasticDepthwiseConv2D,
    ElasticSqueezeExcitation,
)
from autonas_keras.supernets.elastic_kernels import Size

ACTIVATIONS = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "swish": tf.nn.silu,
    "hard_swish": lambda x: x * (tf.nn.relu6(x + 3) / 6),
}

# Weights by the name of the stock layer that holds them.
LayerWeights = dict[str, list[np.ndarray]]


class Permutation(NamedTuple):
    """How the entries of a weight along one axis were put in another order: ``numpy.take(old, order, axis)``.

    Attributes:
        variable: The weight; what an optimizer keeps for it has to follow.
        axis: The axis.
        order: Old index of each new entry.
    """

    variable: keras.Variable
    axis: int
    order: np.ndarray


class ElasticUnit(keras.layers.Layer):
    """Convolution, batch normalisation and activation, with an elastic number of channels.

    Args:
        outputs: The largest number of channels it gives.
        kernel: Side of the kernel.
        strides: 1 or 2.
        activation: One of ``ACTIVATIONS``, None for none.
        seed: Seed of the initial weights.
        zero_gamma: Whether the scale of the normalisation starts at 0.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(
        self,
        outputs: int,
        kernel: int,
        strides: int,
        activation: str | None,
        seed: int,
        zero_gamma: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.conv = ElasticConv2D(outputs, (kernel,), strides, seed=seed, dtype=policy, name="conv")
        self.batch_norm = ElasticBatchNormalization(zero_gamma, dtype=policy, name="batch_norm")
        self.activation = ACTIVATIONS[activation] if activation else None

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.conv.build(input_shape)
        self.batch_norm.build(self.conv.compute_output_shape(input_shape))
        super().build(input_shape)

    def call(self, x: Any, channels: Size, inputs: Size | None = None, training: bool | None = None) -> Any:
        y = self.conv(x, channels=channels, inputs=inputs)
        y = self.batch_norm(y, channels=channels, training=training)
        return y if self.activation is None else self.activation(y)

    def sliced(self, place: str, inputs: int, outputs: int) -> LayerWeights:
        """The weights of the two stock layers."""
        kernel = self.conv.sliced_kernel(inputs, outputs).numpy()
        return {f"{place}_conv": [kernel], f"{place}_batch_norm": _vectors(self.batch_norm, outputs)}


class ElasticBlock(keras.layers.Layer):
    """An inverted residual of elastic sizes.

    Args:
        block: The largest.
        kernels: The sides that the depthwise kernel can have.
        transform: Whether matrices stand between a kernel's centre and the next smaller kernel.
        zero_gamma: Whether the scale of the last normalisation starts at 0 if the block adds its input.
        seed: Seed of the initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(
        self,
        block: MobileBlock,
        kernels: Sequence[int],
        transform: bool,
        zero_gamma: bool,
        seed: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.block, policy = block, self.dtype_policy
        seeds = np.random.SeedSequence(seed).generate_state(4)
        unit = partial(ElasticUnit, kernel=1, strides=1, dtype=policy)
        self.expand = None
        if block.expands:
            self.expand = unit(block.hidden, activation=block.activation, seed=seeds[0], name="expand")
        self.depthwise = ElasticDepthwiseConv2D(
            kernels, block.stride, transform, seed=seeds[1], dtype=policy, name="depthwise"
        )
        self.batch_norm = ElasticBatchNormalization(dtype=policy, name="batch_norm")
        self.squeeze = ElasticSqueezeExcitation(seeds[2], dtype=policy, name="squeeze") if block.squeezed else None
        zero_gamma = zero_gamma and block.residual
        self.project = unit(block.outputs, activation=None, seed=seeds[3], zero_gamma=zero_gamma, name="project")

    def build(self, input_shape: Sequence[int | None]) -> None:
        inside = (*input_shape[:3], self.block.hidden)
        for layer in (self.depthwise, self.batch_norm, self.squeeze, self.project):
            if layer is not None:
                layer.build(inside)
        if self.expand is not None:
            self.expand.build(input_shape)
        super().build(input_shape)

    def call(
        self,
        x: Any,
        hidden: Size,
        outputs: Size,
        kernel: Size,
        inputs: Size | None = None,
        training: bool | None = None,
    ) -> Any:
        y = x if self.expand is None else self.expand(x, channels=hidden, inputs=inputs, training=training)
        y = self.depthwise(y, kernel_size=kernel, channels=hidden)
        y = self.batch_norm(y, channels=hidden, training=training)
        y = ACTIVATIONS[self.block.activation](y)
        y = y if self.squeeze is None else self.squeeze(y)
        y = self.project(y, channels=outputs, inputs=hidden, training=training)
        return x + y if self.block.residual else y

    def sliced(self, place: str, block: MobileBlock) -> LayerWeights:
        """The weights of the stock layers of a smaller block."""
        hidden, kernel = block.hidden, self.depthwise.sliced_kernel(block.hidden, 1, block.kernel)
        weights = {
            f"{place}_depthwise_depthwise": [kernel.numpy()],
            f"{place}_depthwise_batch_norm": _vectors(self.batch_norm, hidden),
        }
        if self.expand is not None:
            weights |= self.expand.sliced(f"{place}_expand", block.inputs, hidden)
        if self.squeeze is not None:
            arrays = [part.numpy() for part in self.squeeze.sliced(hidden)]
            for name, kernel, bias in (("conv", *arrays[:2]), ("conv_2", *arrays[2:])):
                weights[f"{place}_squeeze_{name}"] = [kernel[None, None], bias]
        return weights | self.project.sliced(f"{place}_project", hidden, block.outputs)

    def sorting(self, expansions: Sequence[float]) -> list[Permutation]:
        """How the hidden channels, and those inside the squeeze-excitation, are to be permuted."""
        if self.expand is None:
            return []
        hidden = [hidden_channels(self.block.inputs, ratio) for ratio in expansions]
        order = _order(self.project.conv.kernel.numpy()[0, 0], hidden)
        parts = [(self.expand.conv.kernel, 3), (self.depthwise.kernel, 2), (self.project.conv.kernel, 2)]
        parts += [(vector, 0) for norm in (self.expand.batch_norm, self.batch_norm) for vector in norm.vectors]
        found = [Permutation(variable, axis, order) for variable, axis in parts]
        if self.squeeze is None:
            return found
        squeeze = self.squeeze
        inside = _order(squeeze.expand_kernel.numpy(), [squeezed_channels(n) for n in hidden])
        for variable, axis in ((squeeze.reduce_kernel, 0), (squeeze.expand_kernel, 1), (squeeze.expand_bias, 0)):
            found.append(Permutation(variable, axis, order))
        for variable, axis in ((squeeze.reduce_kernel, 1), (squeeze.reduce_bias, 0), (squeeze.expand_kernel, 0)):
            found.append(Permutation(variable, axis, inside))
        return found


def _order(kernel: np.ndarray, limits: Sequence[int]) -> np.ndarray:
    """The rows of a kernel by descending L1 norm, within each of the groups that begin at 0 and at the limits."""
    norms = np.abs(kernel).sum(axis=1)
    bounds = sorted({0, len(norms), *(limit for limit in limits if limit < len(norms))})
    groups = [np.arange(low, high) for low, high in zip(bounds, bounds[1:], strict=False)]
    return np.concatenate([group[np.argsort(-norms[group], kind="stable")] for group in groups])


def _vectors(layer: ElasticBatchNormalization, channels: int) -> list[np.ndarray]:
    return [vector.numpy()[:channels] for vector in layer.vectors]
