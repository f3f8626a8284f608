"""The multiply-adds of a layer for one sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

Shape = tuple[int | None, ...]

_KERNELS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_RECURRENT = (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM)


def layer_flops(layer: keras.layers.Layer, read: Sequence[Shape], given: Shape) -> int:
    """Multiply-adds of convolutions, dense, recurrent and attention layers; all else counts nothing.

    A bias counts as one addition for each output. In attention, the products of queries with keys and of weights with
    values count beside those with the layer's weights.

    Args:
        layer: A built layer.
        read: Shapes of the tensors that it reads.
        given: Shape of its output.

    Raises:
        ValueError: When a size is open on which the number depends.
    """
    if isinstance(layer, keras.layers.Dense):
        return _size(layer, given[1:-1]) * _weights(layer)
    if isinstance(layer, keras.layers.EinsumDense):
        bias = _size(layer, given[1:]) if layer.bias is not None else 0
        return _products(layer, read[0], given) + bias
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention(layer, *read)
    if isinstance(layer, keras.layers.Bidirectional):
        return layer_flops(layer.forward_layer, read, given) + layer_flops(layer.backward_layer, read, given)
    if isinstance(layer, _RECURRENT):
        return _size(layer, read[0][1:2]) * _weights(layer)
    if isinstance(layer, _KERNELS + _TRANSPOSED):
        inside = slice(1, -1) if layer.data_format == "channels_last" else slice(2, None)
        where = _size(layer, given[inside])
        kernels = read[0][inside] if isinstance(layer, _TRANSPOSED) else given[inside]
        return sum(
            math.prod(weight.shape) * (where if len(weight.shape) == 1 else _size(layer, kernels))
            for weight in layer.weights
        )
    return 0


def _weights(layer: keras.layers.Layer) -> int:
    return sum(math.prod(weight.shape) for weight in layer.weights)


def _products(layer: keras.layers.EinsumDense, read: Shape, given: Shape) -> int:
    """The product of all sizes that the equation names, but that of the batch."""
    operands, result = layer.equation.replace(" ", "").split("->")
    data, kernel = operands.split(",")
    sizes: dict[str, int | None] = {}
    for letters, shape in ((data, read), (result, given), (kernel, tuple(layer.kernel.shape))):
        front, ellipsis, back = letters.partition("...")
        if ellipsis:
            between = shape[len(front) : len(shape) - len(back)]
            sizes |= {f"...{place}": size for place, size in enumerate(reversed(between))}
        sizes |= dict(zip(front + back, (*shape[: len(front)], *shape[len(shape) - len(back) :]), strict=True))
    batch = data[0] if data[0] != "." else f"...{len(read) - len(data.replace('...', '')) - 1}"
    return _size(layer, tuple(size for letter, size in sizes.items() if letter != batch))


def _attention(layer: keras.layers.MultiHeadAttention, query: Shape, value: Shape, *_: Shape) -> int:
    queries, keys = _size(layer, query[1:-1]), _size(layer, value[1:-1])
    # Keras shows the weights of its projections in public, but not which of them reads what.
    projected = queries * (_weights(layer._query_dense) + _weights(layer._output_dense))
    projected += keys * (_weights(layer._key_dense) + _weights(layer._value_dense))
    return projected + queries * keys * layer.num_heads * (layer.key_dim + layer.value_dim)


def _size(layer: keras.layers.Layer, sizes: Shape) -> int:
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        raise ValueError(f"Expected a model of fixed sizes to count, got an open size at layer {layer.name!r}.")
    return math.prod(known)
