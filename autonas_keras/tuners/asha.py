"""Asynchronous successive halving: trials that go on from the checkpoints of earlier ones."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from autonas_keras import oracles
from autonas_keras.blocks import Graph
from autonas_keras.oracles.asha import CONTINUES, UNTIL, UNTOLD
from autonas_keras.spaces import close_names
from autonas_keras.strategies import STRATEGIES
from autonas_keras.training import Deadline, Pace
from autonas_keras.tuners.network import Plan
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import _check, _whole
from autonas_keras.tuners.strategies import (
    EpsilonGreedy,
    Evolution,
    Genetic,
    LocalSearch,
    Predictor,
    Random,
    Reinforce,
    StrategyMethod,
)
from autonas_keras.tuners.trials import TrialMethod, TrialTuner

METHODS: tuple[type[StrategyMethod], ...] = (
    Random,
    Evolution,
    Genetic,
    EpsilonGreedy,
    LocalSearch,
    Reinforce,
    Predictor,
)  # whose settings for a number of trials are taken


class AshaTuner(TrialTuner):
    """Trains the network of a trial from where an earlier one paused, and tells the oracle of every epoch.

    The learning rate follows the schedule of the full training, so a network on a lower rung is what the full training
    has at that epoch, to the bit.
    """

    method: Asha

    def on_search_begin(self) -> None:
        self.oracle.max_epochs = self._full_epochs
        rungs = self.oracle.rungs  # refuses min_epochs that are too many
        if self._fit["verbose"]:
            print(f"Asynchronous successive halving with rungs of {', '.join(map(str, rungs))} epochs.")
        super().on_search_begin()

    @property
    def _full_epochs(self) -> int:
        """Epochs of the highest rung."""
        given = self.method.max_epochs or (self.method.proxy and self.method.proxy.epochs)
        return given or self._fit["epochs"]

    def _plan(self, trial: Any) -> Plan:
        plan, values = super()._plan(trial), trial.hyperparameters.values
        if self.hasty:
            return plan
        plan.epochs, plan.until = self._full_epochs, int(values[UNTIL])
        if self.clock is not None:
            plan.callbacks = [*plan.callbacks, Deadline(self.search_left)]
        own = Path(self.get_trial_dir(trial.trial_id)) / "training"
        if CONTINUES in values and not own.exists():
            earlier = Path(self.get_trial_dir(values[CONTINUES])) / "training"
            if earlier.exists():
                os.replace(earlier, own)
        return plan

    def trial_pace(self) -> Pace | None:
        # Rates that follow the time would leave nothing to go on from.
        return super().trial_pace() if self.hasty else None

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        # Checkpoints that were moved here before a kill know the seconds of the trials before.
        resumed = (Path(self.get_trial_dir(trial.trial_id)) / "training").exists()
        history = super().run_trial(trial, *args, **kwargs)
        earlier = None if resumed else trial.hyperparameters.values.get(CONTINUES)
        before = self._result(earlier).get("seconds", 0.0)
        result = self._result(trial.trial_id)
        result |= {"epochs": len(history.epoch), "seconds": result["seconds"] + before}
        self.write_result(trial.trial_id, **result)
        return history

    def _run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """As KerasTuner's, which tells the oracle of the best epoch only."""
        history = self.run_trial(trial, *args, **kwargs)
        for epoch in history.epoch:
            metrics = {name: float(values[epoch]) for name, values in history.history.items()}
            self.oracle.update_trial(trial.trial_id, metrics, step=epoch)

    def _result(self, trial_id: str | None) -> dict[str, Any]:
        if trial_id is None:
            return {}
        file = Path(self.get_trial_dir(trial_id)) / "result.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def _tell_time_left(self) -> None:
        """How many trials there will be is not known."""

    def _continues(self, trial: Any) -> bool:
        return int(trial.hyperparameters.values[UNTIL]) < self._full_epochs

    def on_search_end(self) -> None:
        for folder in self.project.path.glob("trial_*/training"):
            shutil.rmtree(folder, ignore_errors=True)
        super().on_search_end()

    def _listed(self) -> list[Any]:
        """The last trial of each architecture that was completed, and those that were not."""
        trials = self.oracle.trials.values()
        over = {t.hyperparameters.values.get(CONTINUES) for t in trials if t.status == "COMPLETED"}
        return [trial for trial in trials if trial.trial_id not in over]

    def _row(self, trial: Any) -> dict[str, Any]:
        row = super()._row(trial)
        status = row.pop("status")
        return {**row, "epochs": self._result(trial.trial_id).get("epochs"), "status": status}


@dataclass(frozen=True)
class Asha(TrialMethod):
    """Asynchronous successive halving: many architectures for few epochs, the best ``1 / factor`` of each rung for more.

    Args:
        strategy: What proposes architectures: "random", "evolution" or another strategy by name.
        max_epochs: Epochs of the highest rung; those of ``fit`` (of a proxy, if it says some) when None.
        min_epochs: Least epochs of the lowest rung; when None as many rungs as ``max_trials`` architectures fill.
        factor: What the number of architectures shrinks by, and their epochs grow by, from rung to rung.
        delayed: Whether no more than ``1 / factor`` of those that ended on a rung ever go on from it.
    """

    name: ClassVar[str] = "asha"
    shares: ClassVar[bool] = False

    strategy: str = "random"
    max_epochs: int | None = None
    min_epochs: int | None = None
    factor: int = 3
    delayed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"Expected the name of a strategy, got {self.strategy!r}{close_names(str(self.strategy), STRATEGIES)}."
            )
        for name in ("max_epochs", "min_epochs"):
            _check(self, name, lambda v: v is None or (_whole(v) and v > 0), "a positive integer or None")
        _check(self, "factor", lambda v: _whole(v) and v > 1, "an integer of 2 or more")
        _check(self, "delayed", lambda v: isinstance(v, bool), "True or False")
        if self.max_epochs is not None and self.proxy is not None and self.proxy.epochs is not None:
            raise ValueError(
                f"Expected a proxy without epochs beside max_epochs={self.max_epochs}, got epochs={self.proxy.epochs}; "
                "leave one of them out."
            )

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> TrialTuner:
        fixed = hypermodel.searched and all(block.fixed for block in hypermodel.searched)
        space = hypermodel.space if fixed else None
        return AshaTuner(self.oracle(space=space, **kwargs), hypermodel, self, project, limits)

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        method: Any = next(found for found in METHODS if found.name == self.strategy)
        return oracles.Asha(
            strategy=self.strategy,
            max_epochs=self.max_epochs or UNTOLD,
            min_epochs=self.min_epochs,
            factor=self.factor,
            delayed=self.delayed,
            **method().oracle(**kwargs).settings,
            **kwargs,
        )
