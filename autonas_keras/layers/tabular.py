"""Networks for tables, out of stock Keras layers.

References: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022;
Wang et al., "DCN V2", WWW 2021, equation 1; Dauphin et al., "Language Modeling with Gated Convolutional Networks", ICML
2017, equation 1; Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import Tensor
from autonas_keras.layers.picking import Branch, Picker
from autonas_keras.layers.tables import normalised
from autonas_keras.spaces.columns import Columns
from autonas_keras.spaces.tabular import TabularSpace

FREQUENCIES = 16  # of a periodic embedding
SPREAD = 0.1  # their standard deviation at the start, in turns per standard deviation of the column
HEADS = 4
OPEN = 1e6  # stands for no bound


def tabular_network(x: Tensor, space: TabularSpace, picker: Picker, name_prefix: str = "") -> Tensor:
    """The network of a space of tables.

    Args:
        x: An encoded table (batch, columns): numeric columns first, NaN where one is missing, then codes.
        space: A space that knows the columns; one that does not takes them for normalised numbers.
        picker: What decides.
        name_prefix: Goes in front of the layers' names.

    Returns:
        Features (batch, width).
    """
    columns = space.columns or Columns.normal(int(x.shape[-1]))
    with layer_names(f"{name_prefix}stem"):
        numbers, missing = _numbers(x, columns)
        codes = _codes(x, columns)
    embedded = []
    if columns.numeric:
        embedded.append(
            picker.pick("numbers", numbers, {e: partial(_embedded, e, columns, space) for e in space.embeddings})
        )
    if columns.categorical:
        ways: dict[Any, Branch] = {width: partial(_looked_up, width, columns, space) for width in space.categories}
        embedded.append(picker.pick("categories", codes, ways))
    with layer_names(f"{name_prefix}stem"):
        tokens = (
            keras.layers.Concatenate(axis=1, name=layer_name("columns"))(embedded) if len(embedded) > 1 else embedded[0]
        )
        parts = [keras.layers.Flatten(name=layer_name("flat"))(tokens)]
        parts += [numbers] if columns.numeric else []
        parts += [missing] if missing is not None else []
        first = keras.layers.Concatenate(name=layer_name("features"))(parts) if len(parts) > 1 else parts[0]
    if len(space.widths) == 1:
        with layer_names(f"{name_prefix}stem"):
            first = keras.layers.Dense(space.width, name=layer_name("dense"))(first)
        return _stack([first, tokens], space, picker)
    return picker.pick("width", [first, tokens], {w: partial(_filled, w, space, picker) for w in space.widths})


def _filled(width: int, space: TabularSpace, picker: Picker, read: Sequence[Tensor]) -> Tensor:
    """Layers of a width, whose features are filled up to the largest one."""
    first = keras.layers.Dense(width, name=layer_name("dense"))(read[0])
    h = _stack([first, read[1]], space.of_width(width), picker)
    return h if width == space.width else keras.ops.pad(h, ((0, 0), (0, space.width - width)))


def _stack(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    """The layers on the first features."""
    first, tokens = read
    first = h = _finished(first, space, picker)
    for layer in range(1, space.layers + 1):
        ways = {name: partial(_OPERATIONS[name], space=space, picker=picker) for name in space.operations}
        h = picker.pick(f"layer_{layer}", [h, first, tokens], ways)
        h = picker.pick(
            f"skip_{layer}", [h, first], {"none": lambda read: read[0], "identity": lambda read: keras.ops.add(*read)}
        )
    return h


# Columns


def _numbers(x: Tensor, columns: Columns) -> tuple[Tensor, Tensor | None]:
    """Normalised numbers, zero where they are missing, and ones where they are, of the columns that miss any."""
    count = len(columns.numeric)
    if not count:
        return None, None
    normal = normalised(x[:, :count], columns.means[:count], columns.scales[:count])
    missing = None
    if any(columns.missing):
        gaps = [place for place, misses in enumerate(columns.missing) if misses]
        missing = keras.ops.cast(keras.ops.isnan(keras.ops.take(normal, gaps, axis=1)), normal.dtype)
    return keras.ops.nan_to_num(normal, nan=0.0), missing


def _codes(x: Tensor, columns: Columns) -> Tensor:
    """Rows of one table of embeddings for all categorical columns, (batch, columns)."""
    if not columns.categorical:
        return None
    offsets = np.cumsum([0, *columns.sizes[:-1]]).astype("int32")
    return keras.ops.add(keras.ops.cast(x[:, len(columns.numeric) :], "int32"), offsets)


def _looked_up(width: int, columns: Columns, space: TabularSpace, codes: Tensor) -> Tensor:
    """Embeddings of categories, (batch, columns, embedding)."""
    count = len(columns.categorical)
    h = keras.layers.Embedding(sum(columns.sizes), width, name=layer_name("table"))(codes)
    if width == space.embedding:
        return h
    return keras.layers.EinsumDense("bcw,cwe->bce", (count, space.embedding), name=layer_name("width"))(h)


def _embedded(kind: str, columns: Columns, space: TabularSpace, numbers: Tensor) -> Tensor:
    """Embeddings of numbers, (batch, columns, embedding): a linear layer of each column and ReLU behind the encoding."""
    shape = (len(columns.numeric), space.embedding)
    if kind == "plain":
        h = keras.layers.EinsumDense("bc,ce->bce", shape, bias_axes="ce", name=layer_name("linear"))(numbers)
    else:
        encoded = (
            _piecewise_linear(numbers, columns, space.bins)
            if kind == "piecewise_linear"
            else _periodic(numbers, columns)
        )
        h = keras.layers.EinsumDense("bct,cte->bce", shape, bias_axes="ce", name=layer_name("linear"))(encoded)
    return keras.layers.ReLU(name=layer_name("relu"))(h)


def _piecewise_linear(numbers: Tensor, columns: Columns, count: int) -> Tensor:
    """How far a number goes into each of its bins, (batch, columns, bins). Gorishniy et al., equation 1."""
    edges = [columns.bins(place, count) for place in range(len(columns.numeric))]
    longest = max(len(row) for row in edges) - 1
    left, slope, least, most = (np.zeros((len(edges), longest), "float32") for _ in range(4))
    for place, row in enumerate(edges):
        size = len(row) - 1
        left[place, :size], slope[place, :size] = row[:-1], 1 / np.diff(row)
        most[place, :size] = 1.0
        # What lies outside all bins goes on in the first and the last.
        least[place, 0], most[place, size - 1] = -OPEN, OPEN
    ratio = keras.ops.multiply(keras.ops.subtract(keras.ops.expand_dims(numbers, -1), left), slope)
    return keras.ops.minimum(keras.ops.maximum(ratio, least), most)


def _periodic(numbers: Tensor, columns: Columns) -> Tensor:
    """Sines and cosines of trained frequencies, (batch, columns, 2 * frequencies). Gorishniy et al., equation 2."""
    turns = keras.layers.EinsumDense(
        "bc,cf->bcf",
        (len(columns.numeric), FREQUENCIES),
        kernel_initializer=keras.initializers.RandomNormal(stddev=SPREAD),
        name=layer_name("turns"),
    )(numbers)
    angle = keras.ops.multiply(turns, 2 * math.pi)
    return keras.layers.Concatenate(name=layer_name("waves"))([keras.ops.sin(angle), keras.ops.cos(angle)])


# Layers: each reads the layer before, the first features and the embeddings of the columns


def _normalised(h: Tensor, space: TabularSpace, picker: Picker) -> Tensor:
    ways: dict[Any, Branch] = {
        "none": lambda y: y,
        "batch": lambda y: keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=layer_name("batch_norm"))(
            y
        ),
        "layer": lambda y: keras.layers.LayerNormalization(epsilon=1e-5, name=layer_name("layer_norm"))(y),
    }
    return picker.pick("normalisation", h, {name: ways[name] for name in space.normalisations})


def _dropped(h: Tensor, space: TabularSpace, picker: Picker) -> Tensor:
    def drop(rate: float, y: Tensor) -> Tensor:
        return keras.layers.Dropout(rate, name=layer_name("dropout"))(y) if rate else y

    return picker.pick("dropout", h, {rate: partial(drop, rate) for rate in space.dropouts})


def _finished(h: Tensor, space: TabularSpace, picker: Picker) -> Tensor:
    """Normalisation, ReLU and dropout."""
    return _dropped(keras.ops.relu(_normalised(h, space, picker)), space, picker)


def _dense(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    h = keras.layers.Dense(space.width, name=layer_name("dense"))(read[0])
    return _finished(h, space, picker)


def _residual(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    h = _normalised(read[0], space, picker)
    h = keras.layers.Dense(2 * space.width, activation="relu", name=layer_name("wide"))(h)
    h = keras.layers.Dense(space.width, name=layer_name("narrow"))(_dropped(h, space, picker))
    return keras.ops.add(read[0], h)


def _gated(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    h = _normalised(read[0], space, picker)
    value = keras.layers.Dense(space.width, name=layer_name("value"))(h)
    gate = keras.layers.Dense(space.width, activation="sigmoid", name=layer_name("gate"))(h)
    return _dropped(keras.ops.multiply(value, gate), space, picker)


def _cross(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    h = _normalised(read[0], space, picker)
    weight = keras.layers.Dense(space.width, name=layer_name("dense"))(h)
    return keras.ops.add(_dropped(keras.ops.multiply(read[1], weight), space, picker), read[0])


def _attention(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    """What the layer before asks of the columns, added to it."""
    h, _, tokens = read
    size, count = max(4, 2 * space.embedding), int(tokens.shape[1])
    heads, width = (HEADS, size), HEADS * size
    query = keras.layers.Dense(width, name=layer_name("query"))(_normalised(h, space, picker))
    query = keras.layers.Reshape((1, *heads), name=layer_name("heads"))(query)
    key = keras.layers.Dense(width, name=layer_name("key"))(tokens)
    key = keras.layers.Reshape((count, *heads), name=layer_name("heads"))(key)
    value = keras.layers.Dense(width, name=layer_name("value"))(tokens)
    value = keras.layers.Reshape((count, *heads), name=layer_name("heads"))(value)
    scores = keras.ops.sum(keras.ops.multiply(query, key), axis=-1, keepdims=True)  # (batch, columns, heads, 1)
    weights = keras.ops.softmax(keras.ops.multiply(scores, size**-0.5), axis=1)
    found = keras.layers.Flatten(name=layer_name("flat"))(keras.ops.sum(keras.ops.multiply(weights, value), axis=1))
    return keras.ops.add(h, _dropped(keras.layers.Dense(space.width, name=layer_name("out"))(found), space, picker))


def _identity(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    return read[0]


def _none(read: Sequence[Tensor], space: TabularSpace, picker: Picker) -> Tensor:
    return keras.ops.zeros_like(read[0])


_OPERATIONS = {
    "dense": _dense,
    "residual": _residual,
    "glu": _gated,
    "cross": _cross,
    "attention": _attention,
    "identity": _identity,
    "none": _none,
}
