"""What networks cost and how good they are, as a picture."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from autonas_keras.reporting.plot import CANVASES, save_figure

NAMES = {"flops": "multiply-adds", "params": "parameters"}
FRONT, OTHERS = "#2f6fbf", "#c9cdd3"


def plot_front(table: pd.DataFrame, cost: str, path: str | os.PathLike[str]) -> Path:
    """Draw score over cost, the front as a line, as PNG or SVG by the suffix of ``path``.

    Args:
        table: Columns score, front (whether a network stands in the front) and that of the cost.
        cost: "params" or "flops".
        path: Where the picture goes; missing folders are made, and a file of that name is replaced at once.

    Returns:
        The path.

    Raises:
        ValueError: When the suffix is neither .png nor .svg.
    """
    path = check_picture(path)
    save_figure(front_figure(table, cost), path)
    return path


def check_picture(path: str | os.PathLike[str]) -> Path:
    """The path of a picture.

    Raises:
        ValueError: When the suffix is neither .png nor .svg.
    """
    found = Path(path)
    if found.suffix.lower() not in CANVASES:
        raise ValueError(f"Expected the name of a picture to end in .png or .svg, got {found.name!r}.")
    return found


def front_figure(table: pd.DataFrame, cost: str) -> Figure:
    """The picture of ``plot_front`` as a matplotlib figure."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    others, front = table[~table["front"]], table[table["front"]].sort_values(cost)
    axes.scatter(others[cost], others["score"], s=14, color=OTHERS, label="judged")
    axes.plot(front[cost], front["score"], "o-", ms=5, lw=1.4, color=FRONT, label="front", drawstyle="steps-post")
    axes.set_xscale("log")
    axes.set_xlabel(NAMES.get(cost, cost))
    axes.set_ylabel("score with inherited weights")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
