"""What a finished search shows and hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from autokeras.engine.tuner import AutoTuner

from autonas_keras.checks import check_count
from autonas_keras.evaluation import COSTS, check_limits
from autonas_keras.reporting import check_picture, plot_architecture, plot_front, write_report
from autonas_keras.spaces import Architecture, close_names
from autonas_keras.tasks.prediction import Prediction
from autonas_keras.tuners import SearchTuner, SharedTuner, Specialized


class Results(Prediction):
    """The part of a task that looks back on its search.

    Attributes:
        tuner: What searched.
        specialized: Architecture, costs and score of the network that was handed out last.
    """

    tuner: SearchTuner | AutoTuner
    specialized: Specialized | None = None

    def leaderboard(self) -> pd.DataFrame:
        """What was tried, the best first: architecture, metrics, score, params, flops, seconds and status."""
        return self._own_tuner().leaderboard()

    @property
    def best_architecture(self) -> Architecture:
        """The architecture of the final network.

        Raises:
            ValueError: When nothing was found yet.
        """
        tuner = self._own_tuner()
        return tuner.architecture(tuner.best_trial.hyperparameters)

    def plot_architecture(self, path: str | Path) -> Path:
        """Draw the cells of the final network, as PNG or SVG by the suffix of ``path``.

        Raises:
            ValueError: When nothing was found yet, it has no cells, or the suffix is another.
        """
        return plot_architecture(self._own_tuner().result_space, self.best_architecture, path)

    def report(self, path: str | Path = "search.html") -> Path:
        """Write the story of the search as one page that opens without a network; a search under way is only read.

        Args:
            path: Where the page goes; missing folders are made, and a file of that name is replaced at once.

        Returns:
            The path.

        Raises:
            ValueError: When the suffix is neither .html nor .htm.
        """
        return write_report(self._own_tuner().project.path, path)

    # One supernet, many networks

    def specialize(self, limits: Mapping[str, float] | None = None, verbose: Any = 1) -> keras.Model:
        """The best network within limits that the trained supernet holds, without training; as often as wanted.

        Architecture, costs and score stand in ``specialized`` afterwards.

        Args:
            limits: Upper bounds of "params", "flops" and, where the search has a table, "latency_ms"; None for the best of
                all.
            verbose: 0 or 1.

        Returns:
            A compiled Keras model of stock layers that takes the inputs as they were given to ``fit``.

        Raises:
            ValueError: When nothing was fitted yet, no network meets the limits (the nearest is given), or the file of
                the supernet is missing or of another space.
            TypeError: When the tuner trains no supernet whose networks it hands out.
        """
        checked = check_limits(limits)
        found = self._shared_tuner().specialize(checked, verbose)
        model = self._taking_raw(found.model)
        self.specialized = replace(found, model=model)
        return model

    def pareto(
        self, cost: str = "flops", path: str | Path | None = None, evaluations: int = 200, verbose: Any = 1
    ) -> pd.DataFrame:
        """The networks of the trained supernet that no other beats in score for the same cost or less.

        Args:
            cost: "flops" or "params".
            path: Where to draw them and all others that were judged, as PNG or SVG by its suffix; None draws nothing.
            evaluations: Architectures that are judged on the way to the front.
            verbose: 0 or 1.

        Returns:
            Architecture, score (with inherited weights), params and flops, the cheapest first.

        Raises:
            ValueError: When nothing was fitted yet, the cost or the suffix is unknown, or evaluations are negative.
            TypeError: When the tuner trains no supernet whose networks it hands out.
        """
        if cost not in COSTS:
            raise ValueError(f"Expected a cost of {' and '.join(COSTS)}, got {cost!r}{close_names(str(cost), COSTS)}.")
        check_count("evaluations", evaluations, least=0)
        if path is not None:
            check_picture(path)
        table = self._shared_tuner().pareto(cost, evaluations, verbose)
        if path is not None:
            plot_front(table, cost, path)
        return table[table["front"]].drop(columns="front").reset_index(drop=True)

    def _shared_tuner(self) -> SharedTuner:
        """The tuner, if it trained a supernet whose networks it hands out."""
        tuner = self._own_tuner()
        if not isinstance(tuner, SharedTuner):
            raise TypeError(
                'Expected a tuner that hands out networks ("spos", "enas", "ofa" or "bignas"), got '
                f"{tuner.method.name!r}."
            )
        _, targets = self._known()
        self._set_units(targets)
        return tuner

    def _own_tuner(self, purpose: str = "this") -> SearchTuner:
        if not isinstance(self.tuner, SearchTuner):
            raise TypeError(f"Expected a tuner of autonas_keras for {purpose}, got {type(self.tuner).__name__}.")
        return self.tuner

    def _set_units(self, targets: Any) -> None:
        raise NotImplementedError
