"""What a network of a table knows of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

BINS = 64  # parts that a numeric column is cut into at most
SKETCHED = 100_000  # values that the edges of these parts are found from


@dataclass(frozen=True)
class Columns:
    """The columns of an encoded table, numeric ones first, as the training samples have them.

    Attributes:
        numeric: Names of the numeric columns.
        categorical: Names of the categorical columns, which hold codes.
        sizes: Number of codes of each categorical column; 0 stands for unknown and missing.
        means: Mean of each column, codes taken as numbers.
        scales: Standard deviation of each column, 1 where it is constant.
        missing: Whether each numeric column misses values.
        edges: The edges of the bins of each numeric column, at most 65: see ``bin_edges``.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    missing: tuple[bool, ...]
    edges: tuple[tuple[float, ...], ...]

    @classmethod
    def of(
        cls, numeric: Sequence[str], categorical: Sequence[str], sizes: Sequence[int], matrix: np.ndarray
    ) -> Columns:
        """The columns of an encoded matrix (samples, columns), NaN where a number is missing."""
        means, scales, missing, edges = [], [], [], []
        for place in range(matrix.shape[1]):
            values = matrix[:, place].astype(np.float64)
            known = values[~np.isnan(values)]
            mean = float(known.mean()) if known.size else 0.0
            scale = float(known.std()) if known.size else 0.0
            means.append(mean)
            scales.append(scale if scale > 1e-9 * np.abs(known).max(initial=0.0) else 1.0)
            if place < len(numeric):
                missing.append(bool(known.size < values.size))
                edges.append(tuple(bin_edges(known[:: 1 + known.size // SKETCHED]).tolist()))
        return cls(
            tuple(numeric),
            tuple(categorical),
            tuple(sizes),
            tuple(means),
            tuple(scales),
            tuple(missing),
            tuple(edges),
        )

    @classmethod
    def normal(cls, count: int) -> Columns:
        """``count`` numeric columns of which nothing is known but that they are normalised."""
        row = tuple(np.linspace(-3.0, 3.0, BINS + 1).tolist())
        names = tuple(str(place) for place in range(count))
        return cls(names, (), (), (0.0,) * count, (1.0,) * count, (False,) * count, (row,) * count)

    @property
    def count(self) -> int:
        """Number of columns."""
        return len(self.numeric) + len(self.categorical)

    def bins(self, place: int, count: int) -> tuple[float, ...]:
        """The edges of ``count`` bins or fewer of a numeric column, in normalised units; two at least."""
        edges = self.edges[place]
        if len(edges) > count + 1:
            edges = tuple(edges[i] for i in np.linspace(0, len(edges) - 1, count + 1).round().astype(int))
        normal = np.unique(((np.array(edges) - self.means[place]) / self.scales[place]).astype(np.float32))
        if len(normal) < 2:
            normal = np.array([normal[0] - 1, normal[0]] if len(normal) else [0, 1], np.float32)
        return tuple(normal.tolist())

    def get_config(self) -> dict[str, Any]:
        """The attributes as JSON knows them."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Columns:
        """The columns of ``get_config``."""
        return cls(**{name: _frozen(value) for name, value in config.items()})


def bin_edges(values: np.ndarray, count: int = BINS) -> np.ndarray:
    """Ascending edges that cut values into at most ``count`` bins of about as many samples each.

    A value that fills a bin alone is an edge, and the others share the bins that are left: where most samples have one
    value, the quantiles of them all would say nothing about the rest.

    Args:
        values: Numbers, none of them NaN.
        count: Most bins.
    """
    found, counts = np.unique(values, return_counts=True)
    if len(found) <= count + 1:
        return found
    heavy = np.zeros(len(found), bool)
    while True:
        left = count - int(heavy.sum())
        more = ~heavy & (counts * max(left, 1) > counts[~heavy].sum())
        if not more.any() or left <= 1:
            break
        heavy |= more
    rest = _quantiles(found[~heavy], counts[~heavy], max(left, 1) + 1)
    return np.unique(np.concatenate([found[heavy], rest, found[[0, -1]]]))


def _quantiles(values: np.ndarray, counts: np.ndarray, points: int) -> np.ndarray:
    """Evenly spaced quantiles of ascending values that occur ``counts`` times."""
    reached = np.cumsum(counts) / counts.sum()
    return values[np.minimum(np.searchsorted(reached, np.linspace(0, 1, points)), len(values) - 1)]


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
