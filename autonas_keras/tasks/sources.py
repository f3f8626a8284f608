"""Arrays out of lists, tensors, pandas and tf.data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd


def type_name(data: Any) -> str:
    """How an error sentence calls what was passed."""
    return type(data).__name__


def as_array(data: Any, name: str) -> np.ndarray:
    """A NumPy array of what may also be a list, a tensor, a pandas Series, Index or DataFrame.

    Raises:
        TypeError: When it is none of these.
        ValueError: When the entries of a list have different shapes.
    """
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"Expected {name} without a mask, got a masked array; fill it first.")
    if isinstance(data, np.ndarray):
        return data
    if isinstance(data, (pd.Series, pd.Index, pd.DataFrame)):
        return from_pandas(data)
    if isinstance(data, pd.api.extensions.ExtensionArray):
        return from_pandas(pd.Series(data))
    if isinstance(data, (list, tuple)):
        return from_list(data, name)
    if hasattr(data, "__array__") and hasattr(data, "shape"):  # tensors, keras variables
        return _decode_bytes(np.asarray(data))
    raise TypeError(
        f"Expected {name} as a NumPy array, a list, a pandas Series or DataFrame or a tf.data.Dataset, "
        f"got {type_name(data)}; convert it to one of these."
    )


def from_pandas(data: pd.Series | pd.Index | pd.DataFrame) -> np.ndarray:
    """The values as NumPy knows them: numbers (missing ones as NaN), booleans, strings as objects."""
    if isinstance(data, pd.DataFrame):
        columns = [from_pandas(data.iloc[:, i]) for i in range(data.shape[1])]
        return np.stack(columns, axis=1) if columns else np.empty((len(data), 0))
    if isinstance(data.dtype, pd.CategoricalDtype):
        data = data.astype(data.dtype.categories.dtype) if not data.isna().any() else data.astype(object)
    if pd.api.types.is_bool_dtype(data.dtype) and not data.isna().any():
        return data.to_numpy(dtype=bool)
    if pd.api.types.is_extension_array_dtype(data.dtype) and pd.api.types.is_numeric_dtype(data.dtype):
        if data.isna().any():
            return data.to_numpy(dtype=np.float64, na_value=np.nan)
        return data.to_numpy(dtype=data.dtype.numpy_dtype if hasattr(data.dtype, "numpy_dtype") else None)
    values = data.to_numpy()
    if values.dtype == object and len(values) and isinstance(values[0], (np.ndarray, list, tuple)):
        return from_list(list(values), "the column")
    return values


def from_list(data: Sequence[Any], name: str) -> np.ndarray:
    """A list of scalars, lists or arrays as one array."""
    if len(data) and not np.isscalar(data[0]):
        shapes = [np.shape(item) for item in data]
        different = next((shape for shape in shapes if shape != shapes[0]), None)
        if different is not None:
            raise ValueError(
                f"Expected {name} to hold entries of one shape, got {shapes[0]} and {different}; "
                "bring them to one shape first."
            )
    values = list(data)
    kinds = {type(item) for item in values} if values and np.isscalar(values[0]) else set()
    # NumPy would turn [1, "a"] into two strings without a word.
    mixed = any(issubclass(kind, str) for kind in kinds) and not all(issubclass(kind, str) for kind in kinds)
    if mixed or any(item is None for item in values):
        return np.array(values, dtype=object)
    return np.asarray(values)


def is_dataset(data: Any) -> bool:
    """Whether it is a tf.data.Dataset, found out without importing TensorFlow."""
    return any(
        base.__module__.startswith("tensorflow.python.data") and base.__name__ == "DatasetV2"
        for base in type(data).__mro__
    )


def from_dataset(dataset: Any, name: str, batched: bool | None = None) -> tuple[Any, Any]:
    """x and y, each an array or a tuple or dictionary of arrays, of a tf.data.Dataset of (x, y), batched or not.

    Args:
        dataset: The dataset.
        name: How an error calls it.
        batched: Whether its elements are batches; None tells it by their shapes.

    Raises:
        ValueError: When it is infinite or empty, does not yield (x, y), or its entries have different shapes.
    """
    import tensorflow as tf

    spec = known_spec(dataset)
    if not isinstance(spec, tuple) or len(spec) != 2:
        got = f"{len(spec)} parts" if isinstance(spec, (tuple, list)) else type_name(spec)
        raise ValueError(f"Expected {name} to be a dataset of (x, y), got elements of {got}; map it to pairs.")
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"Expected {name} to be a finite dataset, got an infinite one; use take() or drop repeat().")
    if batched is None:
        batched = _is_batched(tf.nest.flatten(spec[0]), tf.nest.flatten(spec[1]))
    rows: list[list[np.ndarray]] = []
    for element in dataset.as_numpy_iterator():
        parts = tf.nest.flatten(element)
        rows.append([np.asarray(part, object if isinstance(part, bytes) else None) for part in parts])
    if not rows:
        raise ValueError(f"Expected {name} to hold samples, got an empty dataset.")
    columns = []
    for column in zip(*rows, strict=True):
        shapes = {part.shape[1:] if batched else part.shape for part in column}
        if len(shapes) > 1:
            raise ValueError(
                f"Expected {name} to hold entries of one shape, got {' and '.join(map(str, sorted(shapes)[:2]))}; "
                "bring them to one shape first."
            )
        columns.append(np.concatenate(column) if batched else np.stack(column))
    columns = [_decode_bytes(column) for column in columns]
    count = len(tf.nest.flatten(spec[0]))
    x, y = columns[:count], columns[count:]
    return _like(spec[0], x), _like(spec[1], y)


def known_spec(dataset: Any) -> Any:
    """What the elements of a dataset are; where an axis count is not known, by the first of them."""
    import tensorflow as tf

    spec = dataset.element_spec
    if all(part.shape.rank is not None for part in tf.nest.flatten(spec)):
        return spec
    first = next(iter(dataset.take(1)), None)
    return spec if first is None else tf.nest.map_structure(tf.TensorSpec.from_tensor, first)


def _like(spec: Any, columns: Sequence[Any]) -> Any:
    """Columns as the elements of a dataset hold them: one, several, by name, or some of them within others."""
    import tensorflow as tf

    if len(columns) == 1 and not isinstance(spec, Mapping):
        return columns[0]
    return tf.nest.pack_sequence_as(spec, columns)


def _is_batched(x: Sequence[Any], y: Sequence[Any]) -> bool:
    """Whether the elements of a dataset are batches, told by their shapes."""
    if any(part.shape.rank == 0 for part in (*x, *y)):
        return False
    first = max(x, key=lambda part: part.shape.rank or 0).shape
    if first.rank == 3:
        counts = {part.shape[0] for part in y}
        if first[0] is not None and None not in counts and counts != {first[0]}:
            return False
        # (28, 28, 1) is an image, (None, 28, 28) a batch of grey ones.
        return first[0] is None or first[-1] not in (1, 3, 4)
    if first.rank is None or first.rank > 3:
        return bool(first.rank == 4)
    # Samples of a batch are as many in x as in y, or their number is not known.
    counts = {part.shape[0] for part in (*x, *y) if part.shape.rank}
    return None in counts or len(counts) == 1


def _decode_bytes(column: np.ndarray) -> np.ndarray:
    """Strings for TensorFlow's bytes."""
    if column.dtype == object and column.size and isinstance(column.flat[0], bytes):
        # An array of strings has room for the longest in every place: good for rows of a table, not for texts.
        kind = object if column.size == len(column) else str
        return np.array([as_text(item) for item in column.ravel()], kind).reshape(column.shape)
    return column


def as_text(text: str | bytes) -> str:
    """A text that TensorFlow can take: no half of a pair of surrogates, which stands for nothing."""
    if isinstance(text, bytes):
        return text.decode(errors="replace")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
