"""A table of trained architectures as an evaluator: looked up instead of trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from autonas_keras.spaces import Architecture, Choice, Option, Space, close_names

Lookup = Callable[[Mapping[str, Option]], float]


class Protocol(NamedTuple):
    """The column that a search on a data set sees, and the one that is reported of what it found."""

    signal: str
    report: str


class Optimum(NamedTuple):
    """The architecture of the largest reported value, the first of equal ones, and that value."""

    architecture: Architecture
    value: float


class Table:
    """What training gave each architecture of a space, one row each.

    Example::

        table = Table.from_frame(frame, decisions=["units", "activation"], signal="val_accuracy", report="test_accuracy")
        search(RandomSearch(table.space, seed=0), table.evaluate(), budget=100)

    Args:
        space: What the rows are points of; its choices are always active.
        keys: For each row of ``frame`` the options taken, in the order of the space.
        frame: The columns, one row an architecture.
        protocols: For each data set what a search sees and what is reported; larger is better.
        costs: Name of each cost and the column that counts it.

    Raises:
        ValueError: When an architecture stands twice, a column is missing, or the space has conditional choices.
    """

    def __init__(
        self,
        space: Space,
        keys: Sequence[tuple[Option, ...]],
        frame: pd.DataFrame,
        protocols: Mapping[str, Protocol],
        costs: Mapping[str, str] | None = None,
    ) -> None:
        if not space.flat:
            raise ValueError("Expected a space whose choices are always active, got one with conditional choices.")
        self.space, self.frame = space, frame.reset_index(drop=True)
        self.protocols = {name: Protocol(*protocol) for name, protocol in protocols.items()}
        self._costs = dict(costs or {})
        used = [column for protocol in self.protocols.values() for column in protocol]
        for column in (*used, *self._costs.values()):
            self._check_column(column)
        self._keys = [tuple(key) for key in keys]
        self._key = itemgetter(*space.named)
        # `itemgetter` of one name gives the option itself, of several a tuple.
        self._rows = {key if len(key) > 1 else key[0]: row for row, key in enumerate(self._keys)}
        if len(self._rows) < len(self._keys):
            seen: set[tuple[Option, ...]] = set()
            twice = next(key for key in self._keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise ValueError(
                f"Expected every architecture once, got {list(twice)} twice; keep one row or average them."
            )
        self._values: dict[str, list[Any]] = {}

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        decisions: Sequence[str],
        signal: str,
        report: str | None = None,
        costs: Sequence[str] = (),
        name: str = "table",
    ) -> Table:
        """The table of any frame that has one column for each decision.

        The options of a decision are the values that stand in its column, sorted.

        Args:
            frame: One row an architecture.
            decisions: The columns that name it.
            signal: The column that a search sees, larger is better; where it is NaN the training failed.
            report: The column that is reported of what was found; ``signal`` when None.
            costs: Columns that count costs.
            name: What the data set is called.

        Raises:
            ValueError: When a column is missing, a decision is NaN, or an architecture stands twice.
        """
        if not decisions:
            raise ValueError(
                f"Expected the names of the decision columns, got none; columns are {list(frame.columns)}."
            )
        choices, columns = [], []
        for decision in decisions:
            if decision not in frame.columns:
                raise ValueError(missing_column(decision, frame.columns))
            if frame[decision].isna().any():
                raise ValueError(f"Expected an option in every row of {decision!r}, got none in some.")
            columns.append(frame[decision].tolist())
            choices.append(Choice(decision, tuple(sorted(set(columns[-1])))))
        protocols = {name: Protocol(signal, report or signal)}
        keys = list(zip(*columns, strict=True))
        return cls(Space(tuple(choices)), keys, frame, protocols, {cost: cost for cost in costs})

    # What is asked of it

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return tuple(self.protocols)

    def evaluate(self, dataset: str | None = None) -> Lookup:
        """The function that a search sees on a data set (the first when None): architecture -> number, larger is better."""
        return self.lookup(self.protocol(dataset).signal)

    def test(self, dataset: str | None = None) -> Lookup:
        """The function that is reported of what a search found, and that no search may see."""
        return self.lookup(self.protocol(dataset).report)

    def lookup(self, column: str) -> Lookup:
        """The function from an architecture to its value in a column.

        Raises:
            ValueError: When there is no such column; the function itself when an architecture is not in the table.
        """
        values, rows, key = self._column(column), self._rows, self._key

        def value(architecture: Mapping[str, Option]) -> float:
            try:
                return values[rows[key(architecture)]]
            except (KeyError, TypeError):
                raise ValueError(self._absent(architecture)) from None

        return value

    def query(self, architecture: Mapping[str, Option]) -> dict[str, Any]:
        """All that the table knows of an architecture, by column.

        Raises:
            ValueError: When it is not in the table.
        """
        return dict(zip(self.frame.columns, self._records[self.row(architecture)], strict=True))

    def costs(self, architecture: Mapping[str, Option]) -> dict[str, float]:
        """The costs of an architecture by name, as ``Strategy(limits=..., costs=table.costs)`` takes them.

        Raises:
            ValueError: When it is not in the table.
        """
        return dict(zip(self._costs, self._cost_records[self.row(architecture)], strict=True))

    def optimum(self, dataset: str | None = None) -> Optimum:
        """The best architecture by what is reported, and its value.

        Raises:
            ValueError: When the table has no row with a value.
        """
        values = np.asarray(self._column(self.protocol(dataset).report), dtype=float)
        if not np.isfinite(values).any():
            raise ValueError(f"Expected a value in {self.protocol(dataset).report!r}, got none.")
        row = int(np.nanargmax(values))
        return Optimum(self.architectures[row], float(values[row]))

    def row(self, architecture: Mapping[str, Option]) -> int:
        """The number of its row.

        Raises:
            ValueError: When it is not in the table.
        """
        try:
            return self._rows[self._key(architecture)]
        except (KeyError, TypeError):
            raise ValueError(self._absent(architecture)) from None

    @cached_property
    def architectures(self) -> list[Architecture]:
        """The architecture of each row."""
        names = list(self.space.named)
        return [Architecture(tuple(zip(names, key, strict=True)), self.space) for key in self._keys]

    def protocol(self, dataset: str | None = None) -> Protocol:
        """What a search on a data set sees and what is reported; of the first data set when None.

        Raises:
            ValueError: When the data set is unknown.
        """
        if dataset is None:
            return next(iter(self.protocols.values()))
        name = self._dataset(dataset)
        if name not in self.protocols:
            raise ValueError(
                f"Expected one of the data sets {list(self.datasets)}, got {dataset!r}{close_names(name, self.datasets)}."
            )
        return self.protocols[name]

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self):,} architectures on {', '.join(self.datasets)}>"

    # Inner life

    def _dataset(self, name: str) -> str:
        """A data set's name as the table writes it."""
        return str(name)

    def _column(self, column: str) -> list[Any]:
        """A column as a list: a list is read ten times as fast as a frame."""
        if column not in self._values:
            self._check_column(column)
            self._values[column] = self.frame[column].tolist()
        return self._values[column]

    @cached_property
    def _records(self) -> list[tuple[Any, ...]]:
        """Every row with all its columns."""
        return list(zip(*(self._column(column) for column in self.frame.columns), strict=True))

    @cached_property
    def _cost_records(self) -> list[tuple[float, ...]]:
        """Every row with the columns that count costs."""
        return list(zip(*(self._column(column) for column in self._costs.values()), strict=True)) or [()] * len(self)

    def _check_column(self, column: str) -> None:
        if column not in self.frame.columns:
            raise ValueError(missing_column(column, self.frame.columns))

    def _absent(self, architecture: Any) -> str:
        text = str(dict(architecture) if isinstance(architecture, Mapping) else architecture)[:200]
        if isinstance(architecture, Mapping) and self.space.contains(architecture):
            return f"Expected an architecture of the table's {len(self):,}, got {text}, a point of its space without a row."
        return f"Expected an architecture of the table's space, with the decisions {list(self.space.named)[:8]}, got {text}."


def missing_column(column: str, columns: Sequence[str] | pd.Index) -> str:
    """The sentence that says a column is not there."""
    return f"Expected a table with the column {column!r}, got one without it{close_names(column, columns)}."


def check_complete(frame: pd.DataFrame, columns: Sequence[str], what: str, rows: int) -> None:
    """Refuse a published table of which a part is missing.

    Raises:
        ValueError: When a column or a row is missing, or a value is.
    """
    for column in columns:
        if column not in frame.columns:
            raise ValueError(missing_column(column, frame.columns))
        if frame[column].isna().any():
            row = int(np.argmax(frame[column].isna().to_numpy()))
            raise ValueError(
                f"Expected {what} with a value in every row, got none in row {row} of {column!r}; "
                "the file may be truncated, fetch it again."
            )
    if len(frame) != rows:
        raise ValueError(
            f"Expected the {rows:,} architectures of {what}, got {len(frame):,} rows; "
            "the file may be truncated, fetch it again (a part of a table is read by Table.from_frame)."
        )
