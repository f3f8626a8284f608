"""Operations on sequences of features, out of stock Keras layers: what pads a sequence changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras

from autonas_keras.layers.names import layer_name
from autonas_keras.layers.operations import Tensor
from autonas_keras.layers.picking import Branch

LOW = -1e9  # of what a maximum or a softmax is not to see
HEADS = 4


def sequence_operation(name: str) -> Branch:
    """The operation of a name such as "conv_3", of a sequence (batch, length, channels) and its mask.

    Args:
        name: "conv_K", "sep_conv_K", "dil_conv_K", "max_pool_K", "avg_pool_K", "self_attention", "gru", "identity" or
            "none".

    Returns:
        A function of [x, mask], mask (batch, length, 1) with ones where there is something, that gives a sequence of the
        same shape, zero outside the mask.
    """
    if name in _PLAIN:
        return _PLAIN[name]
    kind, _, kernel = name.rpartition("_")
    return partial(_WINDOWED[kind], int(kernel))


def pooled(kind: str, read: list[Tensor]) -> Tensor:
    """The features of a sequence, (batch, channels), out of [x, mask].

    Args:
        kind: "max", "average" or "attention" (a softmax over what a dense layer makes of the elements).
        read: The sequence, zero outside its mask, and the mask; of an empty one the features are zero.
    """
    x, mask = read
    if kind == "max":
        found = keras.ops.max(keras.ops.add(x, _low(mask)), axis=1)
        return keras.ops.multiply(found, keras.ops.sign(keras.ops.sum(mask, axis=1)))
    if kind == "average":
        return keras.ops.divide(keras.ops.sum(x, axis=1), keras.ops.maximum(keras.ops.sum(mask, axis=1), 1.0))
    scores = keras.layers.Dense(1, name=layer_name("scores"))(x)
    weights = keras.ops.softmax(keras.ops.add(scores, _low(mask)), axis=1)
    return keras.ops.sum(keras.ops.multiply(weights, x), axis=1)


def _low(mask: Tensor) -> Tensor:
    """What a maximum or a softmax adds to a sequence so as not to see what pads it."""
    # A mixture of lengths gives masks between 0 and 1.
    return keras.ops.multiply(keras.ops.cast(keras.ops.equal(mask, 0.0), mask.dtype), LOW)


def _conv(kernel: int, read: list[Tensor], dilation: int = 1) -> Tensor:
    x, mask = read
    layer = keras.layers.Conv1D(
        x.shape[-1],
        kernel,
        padding="same",
        dilation_rate=dilation,
        activation="relu",
        name=layer_name("conv"),
    )
    return keras.ops.multiply(layer(x), mask)


def _separable_conv(kernel: int, read: list[Tensor]) -> Tensor:
    x, mask = read
    layer = keras.layers.SeparableConv1D(
        x.shape[-1], kernel, padding="same", activation="relu", name=layer_name("sep_conv")
    )
    return keras.ops.multiply(layer(x), mask)


def _max_pool(kernel: int, read: list[Tensor]) -> Tensor:
    x, mask = read
    found = keras.layers.MaxPooling1D(kernel, 1, padding="same", name=layer_name("pool"))(keras.ops.add(x, _low(mask)))
    return keras.ops.multiply(found, mask)


def _average_pool(kernel: int, read: list[Tensor]) -> Tensor:
    x, mask = read
    pool = keras.layers.AveragePooling1D(kernel, 1, padding="same", name=layer_name("pool"))
    # Both count what pads as zeros: the quotient is the average of what is there.
    found = keras.ops.divide(pool(x), keras.ops.maximum(pool(mask), 1e-6))
    return keras.ops.multiply(found, mask)


def _attention(read: list[Tensor]) -> Tensor:
    x, mask = read
    size = max(1, x.shape[-1] // HEADS)
    layer = keras.layers.MultiHeadAttention(HEADS, size, name=layer_name("attention"))
    seen = keras.ops.transpose(keras.ops.not_equal(mask, 0.0), (0, 2, 1))
    found = layer(x, x, attention_mask=seen)
    return keras.ops.multiply(found, mask)


def _gru(read: list[Tensor]) -> Tensor:
    x, mask = read
    # Forwards only: what pads comes behind.
    found = keras.layers.GRU(x.shape[-1], return_sequences=True, name=layer_name("gru"))(x)
    return keras.ops.multiply(found, mask)


_PLAIN: dict[str, Branch] = {
    "self_attention": _attention,
    "gru": _gru,
    "identity": lambda read: read[0],
    "none": lambda read: keras.ops.multiply(read[0], 0.0),
}
_WINDOWED: dict[str, Callable[..., Tensor]] = {
    "conv": _conv,
    "sep_conv": _separable_conv,
    "dil_conv": partial(_conv, dilation=2),
    "max_pool": _max_pool,
    "avg_pool": _average_pool,
}
