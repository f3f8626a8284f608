"""Asynchronous successive halving: many architectures for few epochs, the better ones for more, nobody waits.

Reference: Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar, "A System for Massively Parallel Hyperparameter
Tuning", MLSys 2020, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from autonas_keras.checks import check_count
from autonas_keras.oracles.saving import STATUS
from autonas_keras.oracles.strategy import StrategyOracle
from autonas_keras.spaces import close_names
from autonas_keras.strategies import STRATEGIES, Strategy

# What KerasTuner's Hyperband says in the hyperparameters of a trial, by its names.
UNTIL, FROM, CONTINUES = "tuner/epochs", "tuner/initial_epoch", "tuner/trial_id"
BRACKET, RUNG = "tuner/bracket", "tuner/round"
OWN = (UNTIL, FROM, CONTINUES, BRACKET, RUNG)
UNTOLD = 10**6  # epochs of the highest rung where they are told later, by ``fit``


class Asha(StrategyOracle):
    """Lets a strategy propose, trains each proposal for few epochs, and the best ``1 / factor`` of each rung for more.

    A rung is a number of epochs. Whoever asks for work gets the best architecture that stands among the best
    ``1 / factor`` of its rung and was not promoted yet, of the highest rung that has one; else a new architecture for
    the lowest rung. So no worker ever waits for a rung to fill.

    A space of too few architectures to fill the rungs has its best trained to the highest in the end.

    Each rung of an architecture is a trial of its own, for a tuner that knows of this (``tuner="asha"``, or one like
    KerasTuner's Hyperband): it goes on where the one in ``tuner/trial_id`` paused, with
    ``tuner/initial_epoch`` epochs, and ends at ``tuner/epochs``: the hyperparameters that KerasTuner's Hyperband uses.
    The strategy learns from the lowest rung only, where all were trained for the same time.

    What was among the best when few had ended may fall behind later, so more than ``1 / factor`` of a rung go on in the
    end. ``delayed`` lets one go on only while no more than that share of the rung did, at the price that a better one
    that comes late may find no place.

    Args:
        objective: As keras_tuner.Oracle takes it.
        max_trials: Architectures at most; trials that train one of them on are not counted.
        max_epochs: Epochs of the highest rung, the full training.
        min_epochs: Least epochs of the lowest rung; each rung has ``factor`` times the epochs of the one below, counted
            down from ``max_epochs``. None takes as many rungs as leave one of ``max_trials`` architectures for the
            highest.
        factor: What the number of architectures shrinks by, and their epochs grow by, from rung to rung.
        rungs: Epochs of every rung, in the place of those that the arguments above say.
        delayed: Whether a promotion waits until its rung has ``factor`` times as many ended trials as went on from it,
            this one included (D-ASHA).
        strategy: Proposes architectures: a name ("random", "evolution", ...) or a class of ``strategies``.
        **kwargs: As ``StrategyOracle`` and the strategy take them.

    Raises:
        ValueError: When a number is out of its range, or the name is unknown.

    Reference: Li et al., MLSys 2020, algorithm 2; rungs are counted from the top as in Li et al., "Hyperband", JMLR 2018.
    ``delayed``: Li et al., "Hyper-Tune: Towards Efficient Hyper-parameter Tuning at Scale", VLDB 2022, section 4.2.
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        *,
        max_epochs: int = 27,
        min_epochs: int | None = None,
        factor: int = 3,
        rungs: Sequence[int] | None = None,
        delayed: bool = False,
        strategy: str | type[Strategy] = "random",
        **kwargs: Any,
    ) -> None:
        if isinstance(strategy, str) and strategy not in STRATEGIES:
            raise ValueError(f"Expected the name of a strategy, got {strategy!r}{close_names(strategy, STRATEGIES)}.")
        if not isinstance(strategy, str) and not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
            raise ValueError(f"Expected strategy to be a name or a class of strategies, got {strategy!r}.")
        self.strategy_class = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
        super().__init__(objective, max_trials, **kwargs)
        self.max_trials: int | None = max_trials
        self.candidates = max_trials
        self.max_epochs, self.min_epochs, self.factor = max_epochs, min_epochs, factor
        if not isinstance(delayed, bool):
            raise ValueError(f"Expected delayed to be True or False, got {delayed!r}.")
        self.delayed = delayed
        self._explicit = rungs is not None
        self._rungs = None if rungs is None else _checked(rungs)
        assert self.rungs  # refuses numbers that make none

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs of each rung, the lowest first."""
        if self._rungs is not None:
            return self._rungs
        return geometric_rungs(self.max_epochs, self.factor, self.min_epochs, self.candidates)

    @property
    def epochs_trained(self) -> int:
        """Epochs of all trials that ended, those that a trial went on from counted once."""
        ended = (self.trials[trial_id].hyperparameters.values for trial_id in self.end_order)
        return sum(int(values[UNTIL]) - int(values[FROM]) for values in ended)

    # Proposing

    def _next_trial(self, tuner_id: str) -> Any:
        # KerasTuner would count the trials that train an architecture on.
        most, self.max_trials = self.max_trials, None
        try:
            return super()._next_trial(tuner_id)
        finally:
            self.max_trials = most

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The architecture to be trained on, else a new one. Reference: algorithm 2, get_job."""
        rungs = self.rungs
        for rung in reversed(range(len(rungs) - 1)):
            trial = self.promotable(rung)
            if trial is not None:
                return self._promotion(trial, rung + 1)
        begun = sum(trial.hyperparameters.values[RUNG] == 0 for trial in self.trials.values())
        if self.candidates is not None and begun >= self.candidates:
            return {"status": STATUS.STOPPED, "values": None}
        response = super().populate_space(trial_id)
        if response["status"] == STATUS.STOPPED and not self.ongoing_trials:
            trial = self._furthest()
            return response if trial is None else self._promotion(trial, int(trial.hyperparameters.values[RUNG]) + 1)
        if response["status"] == STATUS.RUNNING:
            response["values"] = {**response["values"], UNTIL: rungs[0], FROM: 0, BRACKET: 0, RUNG: 0}
        return response

    def _furthest(self) -> Any:
        """Where a space has too few architectures to fill the rungs: the best that could still go on, until one is trained
        in full."""
        continued = self.continued()
        for rung in reversed(range(len(self.rungs))):
            done = [trial for trial in self._over(rung) if trial.status == STATUS.COMPLETED]
            left = [trial for trial in done if trial.trial_id not in continued]
            if done and rung == len(self.rungs) - 1:
                return None
            if left:
                return max(left, key=self._reached)
        return None

    def continued(self) -> set[str]:
        """The ids of the trials that others go on from."""
        values = (trial.hyperparameters.values for trial in self.trials.values())
        return {found[CONTINUES] for found in values if CONTINUES in found}

    def promotable(self, rung: int) -> Any:
        """The trial that may go on from a rung now, None when none may."""
        continued = self.continued()
        if self.delayed:
            gone = sum(self.trials[trial_id].hyperparameters.values[RUNG] == rung for trial_id in continued)
            if gone >= len(self._over(rung)) // self.factor:
                return None
        return next((trial for trial in self.leading(rung) if trial.trial_id not in continued), None)

    def leading(self, rung: int) -> list[Any]:
        """The best ``1 / factor`` of the trials that ended on a rung, the best first; those that failed count as worst."""
        ended = self._over(rung)
        scored = [trial for trial in ended if trial.status == STATUS.COMPLETED]
        return sorted(scored, key=self._reached, reverse=True)[: len(ended) // self.factor]

    def _over(self, rung: int) -> list[Any]:
        ended = (self.trials[trial_id] for trial_id in self.end_order)
        return [trial for trial in ended if trial.hyperparameters.values[RUNG] == rung]

    def _reached(self, trial: Any) -> float:
        """The objective after the last epoch, from which the next rung goes on, larger is better; the worst if not finite.

        KerasTuner's score is that of the best epoch, which one lucky epoch decides.
        """
        names = getattr(self.objective, "name_to_direction", (self.objective.name,))
        last = {name: trial.metrics.get_history(name)[-1].mean() for name in names}
        value = self.objective.get_value(last) * (1 if self.objective.direction == "max" else -1)
        return value if np.isfinite(value) else -np.inf

    def _promotion(self, trial: Any, rung: int) -> dict[str, Any]:
        rungs = self.rungs
        values = {**trial.hyperparameters.values, CONTINUES: trial.trial_id}
        values |= {UNTIL: rungs[rung], FROM: rungs[rung - 1], RUNG: rung}
        return {"status": STATUS.RUNNING, "values": values}

    def _teaches(self, trial: Any) -> bool:
        return trial.hyperparameters.values[RUNG] == 0

    def _compute_values_hash(self, values: Mapping[str, Any]) -> str:
        """What is trained on is the same architecture."""
        return super()._compute_values_hash({name: value for name, value in values.items() if name not in OWN})

    # Files

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "rungs": list(self.rungs), "ladder": self._ladder()}

    def _ladder(self) -> dict[str, Any]:
        """The arguments that say where the rungs are and how many go on."""
        given: dict[str, int | None] = {"factor": self.factor}
        if not self._explicit:
            given["min_epochs"] = self.min_epochs
            if self.max_epochs != UNTOLD:
                given["max_epochs"] = self.max_epochs
        return {name: None if value is None else int(value) for name, value in given.items()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        if not self.start_order:
            return
        kept = tuple(int(epochs) for epochs in state["rungs"])
        if self._explicit and self._rungs != kept:
            raise ValueError(f"its rungs are {list(kept)}, not {list(self.rungs)}")
        before = state.get("ladder", {})  # states of earlier versions have none
        for name, value in self._ladder().items():
            if before.get(name, value) != value:
                raise ValueError(f"its {name} is {before[name]}, not {value}")
        self._rungs = kept  # of more trials, say, there would be other rungs


def geometric_rungs(
    max_epochs: int, factor: int, min_epochs: int | None = None, candidates: int | None = None
) -> tuple[int, ...]:
    """Epochs of each rung, the lowest first: ``max_epochs``, and again and again a ``factor``-th, rounded up.

    Args:
        max_epochs: Epochs of the highest rung.
        factor: An integer of 2 or more.
        min_epochs: Least epochs of the lowest rung; None for as many rungs as ``candidates`` fill.
        candidates: Architectures on the lowest rung; None for no end.

    Raises:
        ValueError: When a number is out of its range.
    """
    max_epochs, factor = check_count("max_epochs", max_epochs), check_count("factor", factor, least=2)
    check_count("min_epochs", 1 if min_epochs is None else min_epochs)
    if min_epochs is not None and min_epochs > max_epochs:
        raise ValueError(f"Expected min_epochs of at most max_epochs = {max_epochs}, got {min_epochs}.")
    rungs, share = [max_epochs], factor
    while max_epochs >= share * (min_epochs or 1) and (min_epochs or candidates is None or candidates >= share):
        rungs.append(-(-max_epochs // share))
        share *= factor
    return tuple(rungs[::-1])


def _checked(rungs: Sequence[int]) -> tuple[int, ...]:
    found = tuple(rungs) if isinstance(rungs, Sequence) else ()
    whole = all(isinstance(epochs, (int, np.integer)) and not isinstance(epochs, bool) for epochs in found)
    if not found or not whole or found[0] < 1 or any(a >= b for a, b in pairwise(found)):
        raise ValueError(f"Expected rungs of positive epochs, each of more than the one before, got {rungs!r}.")
    return tuple(map(int, found))
