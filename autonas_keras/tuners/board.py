"""The part of a tuner that tells what was tried."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from autonas_keras.blocks import Graph
from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture


class Board:
    """Trials as architectures, metrics and costs."""

    oracle: Any
    graph: Graph
    get_trial_dir: Callable[[str], str]

    def architecture(self, hp: Any) -> Architecture:
        """The architecture of hyperparameters: of the only searched block, or joined under the names of several."""
        point = self.graph.space.read(hp)
        if len(self.graph.searched) == 1:
            block = self.graph.searched[0]
            return point.scope(block.name, block.space)
        return point

    def _shown(self, hp: Any) -> dict[str, Any]:
        """Space and architecture of a network, for callbacks that draw it."""
        return {"space": self.result_space, "architecture": self.architecture(hp)} if self.graph.searched else {}

    @property
    def result_space(self) -> Any:
        """The space that ``architecture`` gives points of."""
        return self.graph.searched[0].space if len(self.graph.searched) == 1 else self.graph.space

    def write_result(self, trial_id: str, **result: Any) -> None:
        """Keep what a trial cost beside it."""
        write_atomically(Path(self.get_trial_dir(trial_id)) / "result.json", json.dumps(result), sync=False)

    def leaderboard(self) -> pd.DataFrame:
        """What was tried, the best first: architecture, metrics, params, flops, seconds, status."""
        rows, minimise = [self._row(trial) for trial in self._listed()], self.oracle.objective.direction == "min"
        names = ["trial", "architecture", "score", "params", "flops", "seconds", "status"]
        table = pd.DataFrame(rows, columns=list(rows[0]) if rows else names)
        return table.sort_values("score", ascending=minimise, na_position="last", ignore_index=True, kind="stable")

    def _listed(self) -> list[Any]:
        """The trials of the leaderboard."""
        return list(self.oracle.trials.values())

    def _row(self, trial: Any) -> dict[str, Any]:
        """What the leaderboard says of a trial."""
        file = Path(self.get_trial_dir(trial.trial_id)) / "result.json"
        result = json.loads(file.read_text()) if file.exists() else {}
        metrics = {
            name: next((one.mean() for one in history if one.step == trial.best_step), history[-1].mean())
            for name, history in ((name, trial.metrics.get_history(name)) for name in trial.metrics.metrics)
            if history
        }
        row = {"trial": trial.trial_id, "architecture": None}
        if self.graph.searched and trial.hyperparameters.values:
            row["architecture"] = str(self.architecture(trial.hyperparameters)).replace("\n", "; ")
        costs = {name: result.get(name) for name in ("params", "flops", "seconds")}
        return {**row, **metrics, "score": trial.score, **costs, "status": trial.status}
