"""A table out of what people have: DataFrames, dictionaries of columns, arrays, lists and csv files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autonas_keras.tasks.sources import as_array

# What a missing number is called among strings, in lower case.
MISSING = ("", "nan", "none", "na", "n/a", "<na>", "null")


def as_frame(data: Any, name: str, texts: Mapping[str, bool] | None = None) -> tuple[pd.DataFrame, bool]:
    """A DataFrame of what may also be a dictionary, an array, a list or the path of a csv file; it may share memory.

    Args:
        data: The table, samples in rows.
        name: How an error calls it.
        texts: The columns that are known already, in their order, and whether they hold texts: what looks like a number
            there is text. None guesses for each column by all of its values.

    Returns:
        The DataFrame, its columns named by different strings, and whether the names were made up.

    Raises:
        TypeError: When it is none of these.
        ValueError: When it has not two axes, no column, or a name twice.
    """
    if isinstance(data, (list, tuple)) and len(data) == 1 and _is_table(data[0]):
        data = data[0]  # the table of the only input, in a list
    unnamed = False
    if isinstance(data, (str, os.PathLike)):
        frame = read_csv(data, name, texts)
    elif isinstance(data, pd.DataFrame):
        frame = data.set_axis(data.columns, axis=1)  # the caller's own keeps its names
    elif isinstance(data, pd.Series):
        frame = data.to_frame(data.name if data.name is not None else "0")
    elif isinstance(data, Mapping):
        frame = _from_columns(data, name)
    elif isinstance(data, (list, tuple)) and data and isinstance(data[0], Mapping):
        frame = pd.DataFrame(list(data))
    else:
        frame, unnamed = _from_matrix(data, name, list((texts or {}).values())), True
    frame.columns = pd.Index([str(column) for column in frame.columns])
    if frame.shape[1] == 0:
        raise ValueError(f"Expected {name} with at least one column, got none.")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"Expected columns of different names in {name}, got {twice[0]!r} twice; rename one.")
    return frame, unnamed


def _is_table(data: Any) -> bool:
    if isinstance(data, Mapping):
        return not all(pd.api.types.is_scalar(value) for value in data.values())
    return isinstance(data, pd.DataFrame) or (isinstance(data, np.ndarray) and data.ndim == 2)


def read_csv(path: str | os.PathLike[str], name: str = "x", texts: Mapping[str, bool] | None = None) -> pd.DataFrame:
    """The table of a csv file; columns that ``texts`` says to be texts, by name or else by place, as they are written.

    Raises:
        ValueError: When the file cannot be found or read.
    """
    if not Path(path).is_file():
        raise ValueError(f"Expected {name} as data or the path of a csv file, got {str(path)!r}, which is no file.")
    try:
        if not any((texts or {}).values()):
            return pd.read_csv(path)
        known, names = dict(texts or {}), list(pd.read_csv(path, nrows=0).columns)
        if not set(known) <= set(map(str, names)) and len(known) == len(names):
            known = dict(zip(names, known.values(), strict=True))
        return pd.read_csv(path, dtype={column: str for column in names if known.get(column)})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"Expected a csv file with a line of names, got {str(path)!r} ({error}).") from error


def _from_columns(data: Mapping[Any, Any], name: str) -> pd.DataFrame:
    columns = {}
    for key, values in data.items():
        array = values if isinstance(values, (pd.Series, pd.Categorical)) else as_array(values, f"{name}[{key!r}]")
        if getattr(array, "ndim", 1) == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if getattr(array, "ndim", 1) != 1:
            raise ValueError(f"Expected one value for each sample in {name}[{key!r}], got shape {array.shape}.")
        columns[key] = array.reset_index(drop=True) if isinstance(array, pd.Series) else array
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{length} in {key!r}" for key, length in list(lengths.items())[:3])
        raise ValueError(f"Expected columns of one length in {name}, got {said}.")
    return pd.DataFrame(columns)


def _from_matrix(data: Any, name: str, texts: Sequence[bool]) -> pd.DataFrame:
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], (list, tuple)):
        if len({len(row) for row in data}) > 1:
            raise ValueError(f"Expected rows of one length in {name}, got rows of different lengths.")
        return pd.DataFrame(list(data))
    array = as_array(data, name)
    if array.ndim != 2:
        hint = "reshape it to (samples, 1)" if array.ndim == 1 else "flatten the last axes"
        raise ValueError(f"Expected a table in {name} of shape (samples, columns), got shape {array.shape}; {hint}.")
    if array.dtype.kind in "US":
        array = np.char.decode(array) if array.dtype.kind == "S" else array
        # NumPy makes strings of the numbers beside strings without a word.
        frame = pd.DataFrame(array.astype(object))
        known = texts if len(texts) == array.shape[1] else [None] * array.shape[1]
        return pd.DataFrame({place: _unquoted(frame[place], text) for place, text in enumerate(known)})
    frame = pd.DataFrame(array)
    return frame.infer_objects() if array.dtype == object else frame


def _unquoted(column: pd.Series, text: bool | None) -> pd.Series:
    """The numbers of a column of strings that are numbers or missing; others, and those that are ``text``, as they are."""
    if text:
        return column
    missing = column.str.strip().str.lower().isin(MISSING)
    numbers = pd.to_numeric(column.mask(missing), errors="coerce")
    are_numbers = not (numbers.isna() & ~missing).any() and (text is False or not missing.all())
    return numbers if are_numbers else column
