"""Tables as people have them, turned into one matrix of numbers: by pandas, and by Keras layers in an exported model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import pandas as pd

from autonas_keras.spaces import Columns
from autonas_keras.tasks.encoders import Encoder
from autonas_keras.tasks.table_columns import Categorical, Column, Empty, Numeric, column_from_state, find_column
from autonas_keras.tasks.table_sources import as_frame

KINDS = ("numerical", "categorical")


class TableEncoder(Encoder):
    """Turns a table into a float32 matrix, numeric columns first.

    Numbers stay what they are, with NaN where they are missing; categories become codes from 1, with 0 for missing
    ones and those the training samples have less than twice.

    Args:
        column_names: Names of the columns, for data that have none.
        column_types: "numerical" or "categorical" by the name of the column; those left out are found in the data.

    Raises:
        ValueError: When a type is another, or a name is given twice.
    """

    sample_rank: ClassVar[int] = 1

    def __init__(
        self, column_names: Sequence[str] | None = None, column_types: Mapping[str, str] | None = None
    ) -> None:
        self.names = None if column_names is None else [str(name) for name in column_names]
        self.types = {str(name): str(kind) for name, kind in (column_types or {}).items()}
        for name, kind in self.types.items():
            if kind not in KINDS:
                raise ValueError(f"Expected column_types of {' and '.join(KINDS)}, got {kind!r} for {name!r}.")
        if self.names is not None and len(set(self.names)) < len(self.names):
            raise ValueError(f"Expected column_names without any twice, got {self.names}.")
        self.columns: list[Column] = []  # in the order of the matrix
        self.order: list[str] = []  # names in the order of the data
        self.unnamed = False  # whether the training data came without names
        self._features: Columns | None = None

    # Reading

    def read(self, data: Any, name: str) -> pd.DataFrame:
        texts = {c.name for c in self.columns if isinstance(c, Categorical) and not c.whole}
        frame, unnamed = as_frame(data, name, {column: column in texts for column in self.order})
        if self._features is None:
            if unnamed and self.names is not None:
                if len(self.names) != frame.shape[1]:
                    raise ValueError(
                        f"Expected {len(self.names)} columns in {name} as column_names says, got {frame.shape[1]}."
                    )
                frame.columns = pd.Index(self.names)
            self.unnamed = unnamed
            unknown = [column for column in self.types if column not in frame.columns]
            if unknown:
                raise ValueError(
                    f"Expected column_types of columns in {name}, got {unknown[0]!r}, which is none of them."
                )
            return frame
        made_up = self.unnamed and self.names is None and set(frame.columns) != set(self.order)
        if (unnamed or made_up) and frame.shape[1] == len(self.order):
            frame.columns = pd.Index(self.order)  # one of the two has no names: matched by place
        lacking = [column for column in self.order if column not in frame.columns]
        extra = [column for column in frame.columns if column not in set(self.order)]
        if lacking:
            raise ValueError(f"Expected the columns of the training data in {name}, got none named {_some(lacking)}.")
        if extra:
            raise ValueError(
                f"Expected only the columns of the training data in {name}, got {_some(extra)} too; drop what is extra."
            )
        return frame

    def forget(self) -> None:
        self.columns, self.order, self.unnamed, self._features = [], [], False, None

    def take(self, samples: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
        return samples.iloc[rows]

    # Learning and encoding

    def fit(self, samples: pd.DataFrame, name: str) -> None:
        found = [find_column(samples[column], column, name, self.types.get(column)) for column in samples.columns]
        if all(isinstance(column, Empty) for column in found):
            raise ValueError(
                f"Expected values in {name} to learn from, got none in any of its {len(found)} columns; pass columns that "
                "hold some."
            )
        self.order = list(samples.columns)
        self.columns = [column for column in found if not column.categorical] + [c for c in found if c.categorical]
        self._features = Columns.of(
            [column.name for column in found if not column.categorical],
            [column.name for column in found if column.categorical],
            [column.size for column in found if column.categorical],
            self.encode(samples, name),
        )

    def encode(self, samples: pd.DataFrame, name: str) -> np.ndarray:
        matrix = np.empty((len(samples), len(self.columns)), np.float32)
        for place, column in enumerate(self.columns):
            matrix[:, place] = column.encode(samples[column.name], name)
        return matrix

    @property
    def features(self) -> Columns | None:
        return self._features

    # State

    def get_state(self) -> dict[str, Any]:
        assert self._features is not None
        return {
            "order": self.order,
            "unnamed": self.unnamed,
            "columns": [column.get_state() for column in self.columns],
            "features": self._features.get_config(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.order, self.unnamed = list(state["order"]), bool(state["unnamed"])
        self.columns = [column_from_state(column) for column in state["columns"]]
        self._features = Columns.from_config(state["features"])

    # The exported model

    def preprocessing(self) -> tuple[Any, Any]:
        if self.unnamed and self.names is None and all(type(column) is Numeric for column in self.columns):
            entry = keras.Input((len(self.columns),), dtype="float32", name="table")
            return entry, entry
        by_name = {column.name: column for column in self.columns}
        inputs = {entry: by_name[name].entry(entry) for name, entry in zip(self.order, self.entries, strict=True)}
        of = dict(zip(self.order, self.entries, strict=True))
        tensors = [column.preprocess(inputs[of[column.name]]) for column in self.columns]
        return inputs, keras.layers.Concatenate()(tensors) if len(tensors) > 1 else tensors[0]

    @property
    def entries(self) -> list[str]:
        """The keys of the dictionary that an exported model takes, in the order of the data; Keras allows no slash."""
        taken, found = set(self.order), []
        for name in self.order:
            entry = name.replace("/", "_") or "_"
            while entry != name and entry in taken:
                entry += "_"
            taken.add(entry)
            found.append(entry)
        return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} others" if len(names) > 3 else "")
