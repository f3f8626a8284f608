"""The columns of a table: numbers, categories, and those that hold nothing."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any

import keras
import numpy as np
import pandas as pd

from autonas_keras.tasks.sources import as_text

NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
TIMES = ("datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period")
MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    r"\s*((\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2}"
    rf"|\d{{1,2}}[- ]{MONTH}[-, ]+\d{{2,4}}|{MONTH} \d{{1,2}},? \d{{4}})([T\s].*)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[ap]m)?\s*)",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*", re.IGNORECASE)
LOOKED_AT = 1000  # categories that tell whether a column holds dates
SCALARS = {str, bytes, bool, int, float, Decimal, *np.sctypeDict.values()}
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
        whole: Whether they are integers; None goes by the vocabulary, which may be empty.
    """

    categorical = True

    def __init__(self, name: str, vocabulary: list[str] | list[int], whole: bool | None = None) -> None:
        super().__init__(name)
        self.vocabulary = vocabulary
        self.whole = bool(vocabulary) and not isinstance(vocabulary[0], str) if whole is None else whole
        self._index = pd.Index(np.array(vocabulary, np.float64) if self.whole else np.array(vocabulary, object))

    @property
    def size(self) -> int:
        return len(self.vocabulary) + 1

    def encode(self, values: pd.Series, where: str) -> np.ndarray:
        found, places = distinct(values, self.name, where)
        given = as_float(found, self.name, where) if self.whole else as_strings(found, self.name, where)
        known = self._index.get_indexer(pd.Index(given)) + 1
        return np.append(known, 0)[places]  # the place of what is missing is -1

    def entry(self, name: str) -> Any:
        return keras.Input((1,), dtype="float64" if self.whole else "string", name=name)

    def preprocess(self, tensor: Any) -> Any:
        if self.whole:
            if not self.vocabulary:
                return keras.ops.cast(keras.ops.zeros_like(tensor), "float32")
            unused = int(min(self.vocabulary)) - 1  # -1, Keras's own word for unknown, may be a category
            known = keras.ops.where(keras.ops.equal(tensor, keras.ops.floor(tensor)), tensor, float(unused))
            lookup = keras.layers.IntegerLookup(vocabulary=self.vocabulary, oov_token=unused)
            return keras.ops.cast(lookup(keras.ops.cast(known, "int64")), "float32")
        lookup = keras.layers.StringLookup(vocabulary=self.vocabulary or [""], oov_token=UNKNOWN)
        codes = keras.ops.cast(lookup(tensor), "float32")
        return codes if self.vocabulary else keras.ops.zeros_like(codes)

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "vocabulary": self.vocabulary, "whole": self.whole}


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
    found, places = distinct(values, name, where)
    kind = _kind(found)
    if not len(found) or kind == "empty":
        return Empty(name)
    if kind in TIMES:
        raise ValueError(
            f"Expected numbers or categories in column {name!r} of {where}, got dates or times; pass what counts in them "
            "as numbers, such as year, month and weekday, or drop the column."
        )
    if kind in ("complex", "interval"):
        raise _strange(found, name, where)
    meant = isinstance(values.dtype, pd.CategoricalDtype) and kind != "boolean"
    if wished == "numerical" or (kind in NUMBERS and wished != "categorical" and not meant):
        as_float(found, name, where)
        return Numeric(name)
    often = np.bincount(places[places >= 0], minlength=len(found)) >= RARE
    if kind in NUMBERS:
        kept = np.sort(as_float(found, name, where)[often])
        if (kept % 1 == 0).all() and np.abs(kept).max(initial=0) < 2**53:
            return Categorical(name, [int(value) for value in kept], whole=True)
        if wished == "categorical":
            raise ValueError(
                f"Expected strings, or whole numbers below 2**53, in the categorical column {name!r} of {where}, got "
                f"{found.iloc[0]!r} and the like; convert it to strings."
            )
        return Numeric(name)
    strings = as_strings(found, name, where)
    looked_at = strings.dropna().iloc[:LOOKED_AT].tolist()
    if wished is None and looked_at and all(DATE.fullmatch(text) for text in looked_at):
        raise ValueError(
            f"Expected numbers or categories in column {name!r} of {where}, got dates such as {looked_at[0]!r}; pass what "
            f"counts in them as numbers, or say column_types={{{name!r}: 'categorical'}}."
        )
    # Keras takes what ends in a NUL for the string without it.
    return Categorical(name, sorted(text for text in set(strings[often].dropna()) if not text.endswith("\x00")))


def distinct(values: pd.Series, name: str, where: str) -> tuple[pd.Series, np.ndarray]:
    """The different values of a column, and the place of each sample's among them, -1 where it is missing.

    Raises:
        ValueError: When a value is a list or the like.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.Series(values.cat.categories), values.cat.codes.to_numpy()
    try:
        places, found = pd.factorize(values)
    except TypeError:
        raise _strange(values, name, where) from None
    return pd.Series(found), places


def as_float(values: pd.Series, name: str, where: str) -> np.ndarray:
    """The numbers of a column as float64, NaN where they are missing.

    Raises:
        ValueError: When there is something else, or a number is not finite or too large.
    """
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_complex_dtype(values.dtype):
        found, places = distinct(values, name, where)
        try:
            kind = _kind(found)
            if kind in TIMES or kind == "complex":
                raise TypeError
            plain = found.astype(object)
            numbers = plain.astype(float) if kind in (*NUMBERS, "empty") else pd.to_numeric(plain)
        except (TypeError, ValueError):
            raise ValueError(
                f"Expected numbers in column {name!r} of {where}, got {_example(found)}; convert it, or say that the "
                "column is categorical in column_types."
            ) from None
        values = pd.Series(np.append(numbers.to_numpy(dtype=np.float64, na_value=np.nan), np.nan)[places])
    found = values.to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(over="ignore"):
        bad = int(np.isinf(found.astype(np.float32)).sum())
    if bad:
        raise ValueError(
            f"Expected finite numbers or missing ones in column {name!r} of {where}, got infinity in {bad} of "
            f"{len(found)} samples; remove or replace them."
        )
    return found


def as_strings(found: pd.Series, name: str, where: str) -> pd.Series:
    """Different values of a column as strings, None where they are missing or empty.

    Raises:
        ValueError: When they are no scalars.
    """
    kind, plain = _kind(found), found.astype(object)
    if kind not in ("bytes", "string", "empty"):
        known = found[found.notna()]
        if kind == "mixed" and not set(map(type, known)) <= SCALARS:
            raise _strange(found, name, where)
        plain = known.map(_text).astype(object).reindex(found.index)
    plain = plain.map(as_text, na_action="ignore")
    return plain.where(plain.notna() & (plain != ""), None)


def _text(value: Any) -> str:
    """A value as text: a whole number as it is written, also where pandas made a float of it beside a missing one."""
    whole = isinstance(value, (float, np.floating)) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _kind(found: pd.Series) -> str:
    """What the values of a column are, in pandas's words."""
    if pd.api.types.is_bool_dtype(found.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(found.dtype):
        return "complex" if pd.api.types.is_complex_dtype(found.dtype) else "floating"
    if isinstance(found.dtype, pd.StringDtype):
        return "string"
    return str(pd.api.types.infer_dtype(found, skipna=True))


def _strange(values: pd.Series, name: str, where: str) -> ValueError:
    return ValueError(
        f"Expected numbers or categories in column {name!r} of {where}, got {_example(values)}; drop the column or give "
        "every entry a column of its own."
    )


def _example(values: pd.Series) -> str:
    """A value that is no scalar, or else no number, if there is one among the first."""
    known = values.dropna().iloc[:LOOKED_AT]
    strange = [value for value in known if type(value) not in SCALARS]
    strange += [value for value in known if isinstance(value, str) and not NUMBER.fullmatch(value)]
    strange += [value for value in known if not isinstance(value, (str, int, float, np.number))]
    value = strange[0] if strange else known.iloc[0]
    return f"{type(value).__name__} {str(value)[:40]!r}"
