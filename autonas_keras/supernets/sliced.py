"""A place of a supernet where the computation branches, and where channels and bits of a branch are chosen too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from autonas_keras.layers.quantize import quantize_activations, quantize_weights
from autonas_keras.supernets.elastic_kernels import (
    channels_of,
    cut,
    cut_vectors,
    depthwise,
    move_statistics,
    normalise,
    normalise_batch,
)
from autonas_keras.supernets.switch import Switch


class SlicedSwitch(Switch):
    """Branches of which one is computed, with the first of its inner channels and with weights of a few bits.

    The channels are sliced at run time: every kernel and every scale is cut to the channels that come in, and the
    convolutions into the inside to those that are chosen.

    Args:
        branches: Built models of stock layers, the widest of their kind; None is the identity.
        hidden: For each branch the numbers of inner channels to choose from.
        inner: For each branch how many of its convolutions, the first by name, give inner channels; 0 where nothing is
            chosen.
        largest: Where activations of a few bits are clipped.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(
        self,
        branches: Sequence[keras.Model | None],
        hidden: Sequence[Sequence[int]],
        inner: Sequence[int],
        largest: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(branches, **kwargs)
        self._hidden = tuple(tuple(numbers) for numbers in hidden)
        self._inner = tuple(inner)
        self._largest = float(largest)

    def call(self, x: Any, index: Any, training: bool | None = None, width: Any = 0, bits: Any = None) -> Any:
        """A branch of x.

        Args:
            x: What the branches read.
            index: Which branch; this and the next ones are scalar int32 tensors.
            training: Whether batch normalisation uses the batch's statistics, and moves its own.
            width: Which of its numbers of inner channels.
            bits: The bits of weights and of activations, a pair; None for floating point.
        """
        runs = [partial(self._run_sliced, i, width, bits, x, training) for i in range(self.size)]
        return runs[0]() if self.size == 1 else tf.switch_case(index, runs)

    def _run_sliced(self, index: int, width: Any, bits: Any, x: Any, training: bool | None) -> tf.Tensor:
        model, inner = self.branch(index), self._inner[index]
        if model is None or (bits is None and not inner):
            return self._run(index, x, training)
        names = {f"{model.name}_conv" + (f"_{n}" if n > 1 else "") for n in range(1, inner + 1)}
        hidden = tf.gather(tf.constant(self._hidden[index], "int32"), width)
        return tf.cast(_Run(hidden, names, bits, self._largest, training)(model, x), x.dtype)

    def compute_output_spec(
        self, x: Any, index: Any, training: bool | None = None, width: Any = 0, bits: Any = None
    ) -> keras.KerasTensor:
        return super().compute_output_spec(x, index)


class _Run(NamedTuple):
    """One computation of a functional model of stock layers.

    Attributes:
        hidden: A scalar int32 tensor.
        inner: Names of convolutions that give ``hidden`` channels only.
        bits: Those of weights and of activations, None for floating point.
        largest: Where activations of a few bits are clipped.
        training: Whether batch normalisation uses the batch's statistics, and moves its own.
    """

    hidden: tf.Tensor
    inner: set[str]
    bits: tuple[tf.Tensor, tf.Tensor] | None
    largest: float
    training: bool | None

    def __call__(self, model: keras.Model, x: tf.Tensor) -> tf.Tensor:
        known = {id(model.inputs[0]): x}
        for node in _nodes(model):
            read = [known[id(tensor)] for tensor in node.input_tensors]
            known[id(node.outputs[0])] = self._layer(node.operation, read)
        return known[id(model.outputs[0])]

    def _layer(self, layer: keras.layers.Layer, read: list[tf.Tensor]) -> tf.Tensor:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            return self._depthwise(layer, read[0])
        if isinstance(layer, keras.layers.Conv2D):
            return self._convolution(layer, read[0])
        if isinstance(layer, keras.layers.BatchNormalization):
            return self._normalized(layer, read[0])
        if isinstance(layer, keras.layers.ReLU) and self.bits is not None:
            return quantize_activations(read[0], self.bits[1], self.largest)
        return layer(read if len(read) > 1 else read[0])

    def _kernel(self, layer: keras.layers.Layer, x: tf.Tensor, given: Any) -> tf.Tensor:
        rows, columns, _, _ = layer.kernel.shape
        kernel = cut(tf.convert_to_tensor(layer.kernel), (rows, columns, channels_of(x), given))
        return tf.cast(kernel if self.bits is None else quantize_weights(kernel, self.bits[0]), x.dtype)

    def _convolution(self, layer: keras.layers.Conv2D, x: tf.Tensor) -> tf.Tensor:
        kernel = self._kernel(layer, x, self.hidden if layer.name in self.inner else layer.filters)
        return tf.nn.conv2d(x, kernel, layer.strides, layer.padding.upper())

    def _depthwise(self, layer: keras.layers.DepthwiseConv2D, x: tf.Tensor) -> tf.Tensor:
        kernel = self._kernel(layer, x, 1)
        if layer.strides == (1, 1):
            return depthwise(x, kernel, 1, (layer.kernel_size[0],))
        # The margin is a layer of its own, in front of this one.
        return tf.nn.depthwise_conv2d(x, kernel, (1, *layer.strides, 1), layer.padding.upper())

    def _normalized(self, layer: keras.layers.BatchNormalization, x: tf.Tensor) -> tf.Tensor:
        count, variables = channels_of(x), (layer.moving_mean, layer.moving_variance)
        moving = cut_vectors([tf.convert_to_tensor(variable) for variable in variables], count)
        gamma, beta = tf.ones_like(moving[0]), tf.zeros_like(moving[0])
        if layer.scale:
            gamma, beta = cut_vectors([tf.convert_to_tensor(layer.gamma), tf.convert_to_tensor(layer.beta)], count)
        if not self.training:
            return normalise(x, gamma, beta, *moving)
        y, *batch = normalise_batch(x, gamma, beta)
        move_statistics(variables, moving, batch, count, 1 - layer.momentum)
        return y


def _nodes(model: keras.Model) -> Iterator[Any]:
    # Keras shows layers in public, but not how a model connects them.
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from (node for node in model._nodes_by_depth[depth] if not node.is_input)
