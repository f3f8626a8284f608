from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from autonas_keras.nasbench import plot_curves, run, summary
from autonas_keras.nasbench.plot import curves_figure
from tests.nasbench.small import small_table


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    return run(small_table(), ["random", "evolution:population_size=5,sample_size=2"], evaluations=15, runs=6)


def test_lines_are_means_and_bands_one_deviation(curves: pd.DataFrame) -> None:
    axes = curves_figure(curves, optimum=12.6).axes[0]
    for place, strategy in enumerate(curves["strategy"].unique()):
        line, band = axes.lines[place], axes.collections[place]
        assert line.get_label() == strategy
        reached = summary(curves).loc[strategy]
        assert line.get_xdata()[-1] == 15
        assert line.get_ydata()[-1] == pytest.approx(reached["mean"])
        corners = band.get_paths()[0].vertices
        last = corners[np.isclose(corners[:, 0], 15), 1]
        assert (last.min(), last.max()) == pytest.approx(
            (reached["mean"] - reached["std"], reached["mean"] + reached["std"])
        )
    low, high = axes.get_ylim()
    assert low < axes.lines[0].get_ydata()[-1] < high
    assert low < 12.6 < high


def test_it_is_written_whole(curves: pd.DataFrame, tmp_path: Path) -> None:
    path = plot_curves(curves, tmp_path / "new" / "curves.png", "title", "accuracy")
    assert matplotlib.image.imread(path).shape == (750, 1200, 4)
    assert [entry.name for entry in path.parent.iterdir()] == ["curves.png"]


def test_a_single_run_of_a_single_evaluation_is_drawn(tmp_path: Path) -> None:
    curves = run(small_table(), ["random"], evaluations=1, runs=1)
    assert plot_curves(curves, tmp_path / "curves.png").is_file()


def test_another_kind_of_file_is_one_sentence(curves: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Expected the name of a picture to end in .png, got 'curves.pdf'"):
        plot_curves(curves, tmp_path / "curves.pdf")
