"""What a network of a table knows of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

GRID = 128  # parts that quantiles cut a numeric column into


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
        quantiles: The 129 quantiles of each numeric column that cut it into ``GRID`` parts.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    missing: tuple[bool, ...]
    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def of(
        cls, numeric: Sequence[str], categorical: Sequence[str], sizes: Sequence[int], matrix: np.ndarray
    ) -> Columns:
        """The columns of an encoded matrix (samples, columns), NaN where a number is missing."""
        means, scales, missing, quantiles = [], [], [], []
        for place in range(matrix.shape[1]):
            values = matrix[:, place].astype(np.float64)
            known = values[~np.isnan(values)]
            mean = float(known.mean()) if known.size else 0.0
            scale = float(known.std()) if known.size else 0.0
            means.append(mean)
            scales.append(scale if scale > 1e-9 * max(1.0, abs(mean)) else 1.0)
            if place < len(numeric):
                missing.append(bool(known.size < values.size))
                grid = np.quantile(known, np.linspace(0, 1, GRID + 1)) if known.size else np.zeros(GRID + 1)
                quantiles.append(tuple(grid.tolist()))
        return cls(
            tuple(numeric),
            tuple(categorical),
            tuple(sizes),
            tuple(means),
            tuple(scales),
            tuple(missing),
            tuple(quantiles),
        )

    @classmethod
    def normal(cls, count: int) -> Columns:
        """``count`` numeric columns of which nothing is known but that they are normalised."""
        grid = np.quantile(np.random.default_rng(0).standard_normal(10_000), np.linspace(0, 1, GRID + 1))
        row = tuple(np.clip(grid, -3.0, 3.0).round(4).tolist())
        names = tuple(str(place) for place in range(count))
        return cls(names, (), (), (0.0,) * count, (1.0,) * count, (False,) * count, (row,) * count)

    @property
    def count(self) -> int:
        """Number of columns."""
        return len(self.numeric) + len(self.categorical)

    def bins(self, place: int, count: int) -> tuple[float, ...]:
        """The different edges of at most ``count`` bins of a numeric column, in normalised units; two at least.

        Args:
            place: Of the column.
            count: Number of bins, a divisor of ``GRID``.
        """
        grid = (np.array(self.quantiles[place]) - self.means[place]) / self.scales[place]
        edges = np.unique(grid[:: GRID // count].astype(np.float32))
        if len(edges) < 2:
            edges = np.array([edges[0] - 1, edges[0]], np.float32)
        return tuple(edges.tolist())

    def get_config(self) -> dict[str, Any]:
        """The attributes as JSON knows them."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Columns:
        """The columns of ``get_config``."""
        return cls(**{name: _frozen(value) for name, value in config.items()})


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
