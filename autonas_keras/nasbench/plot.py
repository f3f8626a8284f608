"""Curves of the best so far, a band of one standard deviation around each."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_curves(
    curves: pd.DataFrame,
    path: str | os.PathLike[str],
    title: str = "",
    label: str = "reported",
    optimum: float | None = None,
) -> Path:
    """Draw the mean of what is reported after each evaluation, one line a strategy, as PNG.

    Args:
        curves: What ``run`` returns.
        path: Where the picture goes, ending in .png.
        title: Stands above it.
        label: Name of what is reported.
        optimum: Drawn as a line, the best that the table has.

    Returns:
        The path.

    Raises:
        ValueError: When the path does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"Expected the name of a picture to end in .png, got {path.name!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    half_written = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        FigureCanvasAgg(curves_figure(curves, title, label, optimum)).print_png(half_written)
        os.replace(half_written, path)
    finally:
        half_written.unlink(missing_ok=True)
    return path


def curves_figure(
    curves: pd.DataFrame, title: str = "", label: str = "reported", optimum: float | None = None
) -> Figure:
    """The picture of ``plot_curves`` as a matplotlib figure."""
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="evaluations", ylabel=label)
    shown = [] if optimum is None else [optimum]
    for strategy, rows in curves.groupby("strategy", sort=False):
        groups = rows.groupby("evaluation")["reported"]
        mean, std = groups.mean(), groups.std().fillna(0.0)
        (line,) = axes.plot(mean.index, mean, label=str(strategy))
        axes.fill_between(mean.index, mean - std, mean + std, color=line.get_color(), alpha=0.15, linewidth=0)
        # The first evaluations are far below the rest: they would flatten what is to be compared.
        later = slice(len(mean) // 10, None)
        shown += [(mean - std).iloc[later].min(), (mean + std).iloc[later].max()]
    if optimum is not None:
        axes.axhline(optimum, color="#59616e", linestyle=":", linewidth=1, label="optimum")
    if np.isfinite(shown).any() and (height := np.nanmax(shown) - np.nanmin(shown)) > 0:
        axes.set_ylim(np.nanmin(shown) - 0.03 * height, np.nanmax(shown) + 0.03 * height)
    axes.set_xlim(1, max(2, int(curves["evaluation"].max())))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right")
    return figure
