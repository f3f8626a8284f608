"""The columns of a table: numbers, categories, and those that hold nothing."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

import keras
import numpy as np
import pandas as pd

NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
TIMES = ("datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period")
DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T\s].*)?")
LOOKED_AT = 1000  # categories that tell whether a column holds dates
RARE = 2  # samples of a category that is learnt
UNKNOWN = "\x00unknown"  # what Keras calls category 0; no column holds it


class Column(ABC):
    """A column of a table.

    Args:
        name: Its name.
    """

    categorical = False

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def size(self) -> int:
        """Number of codes, 0 of numbers."""
        return 0

    @abstractmethod
    def encode(self, values: pd.Series, where: str) -> np.ndarray:
        """The numbers of a column, one for each sample.

        Raises:
            ValueError: When a value is not like those of the training data.
        """

    def entry(self, name: str) -> Any:
        """The Keras input of raw values."""
        return keras.Input((1,), dtype="float32", name=name)

    @abstractmethod
    def preprocess(self, tensor: Any) -> Any:
        """What ``encode`` does, in Keras."""

    def get_state(self) -> dict[str, Any]:
        """What makes it, as JSON knows it."""
        return {"class": type(self).__name__, "name": self.name}


class Numeric(Column):
    """Numbers, NaN where they are missing."""

    def encode(self, values: pd.Series, where: str) -> np.ndarray:
        return as_float(values, self.name, where).astype(np.float32)

    def preprocess(self, tensor: Any) -> Any:
        return tensor


class Empty(Column):
    """A column without any value in the training samples: always zero."""

    def encode(self, values: pd.Series, where: str) -> np.ndarray:
        return np.zeros(len(values), np.float32)

    def preprocess(self, tensor: Any) -> Any:
        return keras.ops.zeros_like(tensor)


class Categorical(Column):
    """Strings or whole numbers, of which each known one has a code from 1.

    Args:
        name: Name of the column.
        vocabulary: The known categories, all strings or all integers.
    """

    categorical = True

    def __init__(self, name: str, vocabulary: list[str] | list[int]) -> None:
        super().__init__(name)
        self.vocabulary = vocabulary
        self.whole = bool(vocabulary) and not isinstance(vocabulary[0], str)
        self._index = pd.Index(np.array(vocabulary, np.float64) if self.whole else np.array(vocabulary, object))

    @property
    def size(self) -> int:
        return len(self.vocabulary) + 1

    def encode(self, values: pd.Series, where: str) -> np.ndarray:
        if isinstance(values.dtype, pd.CategoricalDtype):
            known = self._codes(values.cat.categories.to_series(), where)
            return np.append(known, 0)[values.cat.codes.to_numpy()]  # the code of what is missing is -1
        return self._codes(values, where)

    def _codes(self, values: pd.Series, where: str) -> np.ndarray:
        given = as_float(values, self.name, where) if self.whole else as_strings(values)
        return self._index.get_indexer(pd.Index(given)) + 1

    def entry(self, name: str) -> Any:
        return keras.Input((1,), dtype="float64" if self.whole else "string", name=name)

    def preprocess(self, tensor: Any) -> Any:
        if not self.vocabulary:
            return keras.ops.zeros(keras.ops.shape(tensor))
        if self.whole:
            tensor = keras.ops.cast(keras.ops.nan_to_num(tensor, nan=float(_unused(self.vocabulary))), "int64")
            codes = keras.layers.IntegerLookup(vocabulary=self.vocabulary)(tensor)
        else:
            codes = keras.layers.StringLookup(vocabulary=self.vocabulary, oov_token=UNKNOWN)(tensor)
        return keras.ops.cast(codes, "float32")

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "vocabulary": self.vocabulary}


def column_from_state(state: dict[str, Any]) -> Column:
    """The column of ``get_state``."""
    kinds = {kind.__name__: kind for kind in (Numeric, Empty, Categorical)}
    return kinds[state["class"]](**{name: value for name, value in state.items() if name != "class"})


def find_column(values: pd.Series, name: str, where: str, wished: str | None = None) -> Column:
    """What a column of training samples is.

    Args:
        values: The column.
        name: Its name.
        where: How an error calls the table.
        wished: "numerical" or "categorical" when it was said.

    Raises:
        ValueError: When it holds what is neither numbers nor categories, such as dates; named by its name.
    """
    kind = _kind(values)
    if values.isna().all() or kind == "empty":
        return Empty(name)
    if kind in TIMES:
        raise ValueError(
            f"Expected numbers or categories in column {name!r} of {where}, got dates or times; pass what counts in them "
            "as numbers, such as year, month and weekday, or drop the column."
        )
    if wished == "numerical" or (kind in NUMBERS and wished != "categorical" and not _of_numbers(values)):
        as_float(values, name, where)
        return Numeric(name)
    if kind in NUMBERS:
        numbers = as_float(values, name, where)
        counts = pd.Series(numbers).value_counts()
        kept = np.sort(counts.index[counts >= RARE].to_numpy())
        if (kept % 1 == 0).all() and np.abs(kept).max(initial=0) < 2**53:
            return Categorical(name, [int(value) for value in kept])
        return Numeric(name)
    try:
        counts = as_strings(values).value_counts()
    except TypeError as error:
        raise ValueError(
            f"Expected numbers or categories in column {name!r} of {where}, got {_example(values)}; drop the column or "
            "give every entry a column of its own."
        ) from error
    known = sorted(counts.index[counts >= RARE].tolist())
    looked_at = counts.index[:LOOKED_AT].tolist()
    if wished is None and looked_at and all(DATE.fullmatch(text) for text in looked_at):
        raise ValueError(
            f"Expected numbers or categories in column {name!r} of {where}, got dates such as {looked_at[0]!r}; pass what "
            "counts in them as numbers, or say column_types={...: 'categorical'}."
        )
    return Categorical(name, known)


def as_float(values: pd.Series, name: str, where: str) -> np.ndarray:
    """The numbers of a column as float64, NaN where they are missing.

    Raises:
        ValueError: When there is something else, or a number is not finite or too large.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    kind = _kind(values)
    try:
        if kind in TIMES or kind == "complex":
            raise TypeError
        if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            values = values.astype(object).where(values.notna(), np.nan)
            numbers = pd.to_numeric(values.astype(float) if kind in ("decimal", "boolean") else values)
        else:
            numbers = values
        found = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise ValueError(
            f"Expected numbers in column {name!r} of {where}, got {_example(values)}; convert it, or say that the column "
            "is categorical in column_types."
        ) from None
    with np.errstate(over="ignore"):
        bad = int(np.isinf(found.astype(np.float32)).sum())
    if bad:
        raise ValueError(
            f"Expected finite numbers or missing ones in column {name!r} of {where}, got infinity in {bad} of "
            f"{len(found)} samples; remove or replace them."
        )
    return found


def as_strings(values: pd.Series) -> pd.Series:
    """The categories of a column as strings, None where they are missing or empty.

    Raises:
        TypeError: When they are no scalars.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    missing = values.isna()
    kind = _kind(values)
    values = values.astype(object)
    if kind == "bytes":
        values = values.str.decode("utf-8", errors="replace")
    elif kind not in ("string", "empty"):
        known = values[~missing]
        if kind == "mixed" and not all(
            issubclass(type_, str | bytes | float | int | np.generic) for type_ in set(map(type, known))
        ):
            raise TypeError
        values = values.where(missing, known.astype(str).reindex(values.index))
    return values.where(~(missing | (values == "")), None)


def _kind(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _kind(values.cat.categories.to_series())
    if pd.api.types.is_bool_dtype(values.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "complex" if pd.api.types.is_complex_dtype(values.dtype) else "floating"
    if isinstance(values.dtype, pd.StringDtype):
        return "string"
    return str(pd.api.types.infer_dtype(values, skipna=True))


def _of_numbers(values: pd.Series) -> bool:
    """Whether numbers are meant as categories: whole ones of pandas's category type."""
    return isinstance(values.dtype, pd.CategoricalDtype) and not pd.api.types.is_bool_dtype(values.cat.categories.dtype)


def _unused(vocabulary: list[Any]) -> int:
    """A whole number that is no category."""
    return int(min(vocabulary)) - 1


def _example(values: pd.Series) -> str:
    known = values.dropna()
    strange = [value for value in known.head(LOOKED_AT) if not isinstance(value, (int, float, np.number))]
    value = strange[0] if strange else known.iloc[0]
    return f"{type(value).__name__} {str(value)[:40]!r}"
