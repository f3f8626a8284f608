"""A strategy as a KerasTuner oracle."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np

from autonas_keras.oracles.hyperparameters import Translation
from autonas_keras.oracles.saving import DRAWS, STATUS, DurableOracle
from autonas_keras.oracles.within import Within
from autonas_keras.spaces import Architecture, Choice, Space, close_names
from autonas_keras.strategies import Strategy
from autonas_keras.strategies.base import LISTED

Earlier = tuple[Mapping[str, Any], float]  # values of hyperparameters and what they were worth
HOST_ARGUMENTS = tuple(name for name in inspect.signature(keras_tuner.Oracle.__init__).parameters if name != "self")


class StrategyOracle(DurableOracle):
    """Lets a strategy search KerasTuner's hyperparameters; a subclass names the strategy.

    Choice, Boolean, Int, Float and Fixed become choices, conditional scopes nesting. A number of more than 256 values,
    or of infinitely many, is searched on 65 quantiles along its sampling. When the hypermodel shows further
    hyperparameters while the search runs, the strategy starts anew on the larger space and is told of all trials so
    far, where a new hyperparameter had its default.

    Args:
        objective: As keras_tuner.Oracle takes it; a list goes as it is to strategies of several objectives.
        max_trials: Trials at most; the search ends before when the strategy has nothing left to propose.
        seed: Seed of the strategy; None draws one.
        space: A space whose names are those of hyperparameters, such as a joined space of cells, for strategies that
            know cells; hyperparameters that it does not name are searched beside it.
        **kwargs: As keras_tuner.Oracle and the strategy take them.

    Raises:
        ValueError: When an argument is unknown, or the strategy refuses its value.
        TypeError: When ``space`` is not a Space.
    """

    strategy_class: type[Strategy]

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        *,
        seed: int | None = None,
        space: Space | None = None,
        **kwargs: Any,
    ) -> None:
        host = {name: kwargs.pop(name) for name in HOST_ARGUMENTS if name in kwargs}
        known = strategy_arguments(self.strategy_class)
        for name in kwargs:
            if name not in known:
                own = [n for n, p in inspect.signature(type(self)).parameters.items() if p.kind is not p.VAR_KEYWORD]
                names = list(dict.fromkeys([*own, *known, *HOST_ARGUMENTS, "space"]))
                raise ValueError(
                    f"Expected arguments of {type(self).__name__}, got {name!r}{close_names(name, names)}."
                )
        # What the strategy does not take is refused now, before there are hyperparameters.
        trial = self.strategy_class(space or Space((Choice("probe", (0, 1)),)), seed=seed, **kwargs)
        super().__init__(objective, max_trials, seed=seed, **host)
        self.seed = self.seed if seed is None else int(seed)
        several = hasattr(self.objective, "objectives")
        if trial.objectives != 1 and not several:
            raise ValueError(
                f"Expected a list of objectives for {type(self).__name__}, got {self.objective}; "
                'for example ["val_accuracy", keras_tuner.Objective("params", "min")].'
            )
        count = len(self.objective.objectives) if several else 1
        if trial.objectives != 1 and (count < 2 or trial.objectives not in (0, count)):
            raise ValueError(
                f"Expected {trial.objectives or 'two or more'} objectives for {type(self).__name__}, got {count}."
            )
        self.space, self.settings = space, kwargs
        self.strategy: Strategy | None = None
        self._translation: Translation | None = None
        self._entries = 0  # hyperparameters that the space of the strategy has seen
        self._growths = 0
        self._observed = 0  # ends of trials that the strategy has seen
        self._earlier: tuple[Sequence[Earlier], Mapping[str, Any] | None] | None = None
        self._within: Within | None = None
        self._asked: dict[str, str] = {}  # what trials under way try, as codes of the strategy

    def begin(self, history: Sequence[Earlier], state: Mapping[str, Any] | None = None) -> None:
        """Let the strategy begin with what an earlier search on this space found; one that has begun stays as it is.

        Args:
            history: Values of hyperparameters, and what they were worth there, larger is better.
            state: ``get_state`` of the strategy of that search.
        """
        self._earlier = history, state

    # Proposing

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of the strategy's next proposal."""
        if not self._ready():
            # A hypermodel may show its hyperparameters only when it is built.
            return {"status": STATUS.STOPPED if self.trials else STATUS.RUNNING, "values": {}}
        self._catch_up()
        assert self.strategy is not None and self._translation is not None
        for _ in range(DRAWS):
            architecture = self._propose(self.strategy)
            if architecture is None:
                break
            values = self._translation.values(architecture)
            if not self.strategy.unique or not self._duplicate(values):
                self._asked[trial_id] = self.strategy.code(architecture)
                return {"status": STATUS.RUNNING, "values": values}
            # Where a decision has no effect, values differ less than architectures.
            self._recall(architecture, values)
        return {"status": STATUS.STOPPED, "values": None}

    def _propose(self, strategy: Strategy) -> Architecture | None:
        """The strategy's next proposal, one that ``excess`` lets through."""
        if self.excess is None:
            return strategy.propose()
        assert self._translation is not None
        now = (strategy, self._translation, self.excess, self.asks)
        found = self._within
        # Kept where all may be asked, since the strategy remembers what was beyond the limits of these costs; where the
        # questions run out, what is remembered would let a search ask further than one that goes on after a kill.
        kept = found is not None and (found.strategy, found.translation, found.excess, found.asks) == now
        if found is None or not kept or self.asks <= LISTED:
            self._within = found = Within(*now)
        return found.propose()

    def _recall(self, architecture: Architecture, values: dict[str, Any]) -> None:
        """Tell the strategy what an architecture is worth whose values were tried before."""
        assert self.strategy is not None
        tried = self._compute_values_hash(values)
        for trial_id in self.end_order:
            if self._id_to_hash[trial_id] == tried and self._teaches(self.trials[trial_id]):
                self.strategy.observe(architecture, self._reward(self.trials[trial_id]))

    def asked(self, trial_id: str) -> str:
        """What a trial under way tries, as a code of the strategy."""
        return self._asked[trial_id]

    def architecture(self, values: Mapping[str, Any]) -> Architecture:
        """The architecture of the strategy's space that hyperparameters name."""
        assert self._translation is not None
        return self._translation.architecture(values)

    def values(self, architecture: Architecture) -> dict[str, Any]:
        """The hyperparameters of an architecture of the strategy's space, by name."""
        assert self._translation is not None
        return self._translation.values(architecture)

    # Learning

    def _ended(self, trial: Any) -> None:
        self._unsaved = True
        if self._ready():
            self._catch_up()

    def _catch_up(self) -> None:
        """Tell the strategy of the trials that ended since it was told last, in their order."""
        assert self.strategy is not None and self._translation is not None
        while self._observed < len(self.end_order):
            trial = self.trials[self.end_order[self._observed]]
            if not self._teaches(trial):
                self._observed += 1
                continue
            code = self._asked.pop(trial.trial_id, None)
            architecture = (
                self._translation.architecture(trial.hyperparameters.values)
                if code is None
                else self.strategy.decode(code)
            )
            self._observed += 1
            self.strategy.observe(architecture, self._reward(trial))

    def _teaches(self, trial: Any) -> bool:
        """Whether the strategy is told of a trial that ended."""
        return True

    def _reward(self, trial: Any) -> float | tuple[float, ...] | None:
        """What a trial was worth, larger is better; None when it failed."""
        if trial.status != STATUS.COMPLETED or trial.score is None:
            return None
        assert self.strategy is not None
        if self.strategy.objectives == 1:
            return _signed(float(trial.score), self.objective.direction)
        return tuple(
            _signed(_value(trial, objective.name), objective.direction) for objective in self.objective.objectives
        )

    # The space

    def _ready(self) -> bool:
        """Bring the strategy to the space of today; False while there is none."""
        hp = self.hyperparameters
        if self.strategy is not None and self._entries == len(hp.space):
            return True
        if not hp.space and self.space is None:
            return False
        translation = Translation(hp, self.space)
        self._entries = len(hp.space)
        if self.strategy is not None and translation.space.choices == self.strategy.space.choices:
            translation.space = self.strategy.space
        elif self.strategy is not None:
            self._growths += 1
            self.strategy = self.strategy.fresh(translation.space, self._strategy_seed())
            self._observed, self._asked = 0, {}
        else:
            self.strategy = self._begin(translation.space)
            if self._earlier is not None:
                history, state = self._earlier
                told = [(translation.architecture(values), reward) for values, reward in history]
                self.strategy.begin(told, state)
        self._translation = translation
        return True

    def _begin(self, space: Space) -> Strategy:
        return self.strategy_class(space, seed=self._strategy_seed(), **self.settings)

    def _strategy_seed(self) -> int:
        if not self._growths:
            return int(self.seed)
        return int(np.random.SeedSequence([self.seed, self._growths]).generate_state(1)[0])

    # Files

    def get_state(self) -> dict[str, Any]:
        state = None
        if self.strategy is not None:
            state = {
                "entries": self._entries,
                "growths": self._growths,
                "observed": self._observed,
                "asked": self._asked,
                "state": self.strategy.get_state(),
            }
        return {**super().get_state(), "strategy": state}

    def _restore(self, state: Mapping[str, Any]) -> None:
        found = state["strategy"]
        if found is None:
            return
        seen = keras_tuner.HyperParameters()
        seen.merge(self.hyperparameters.space[: int(found["entries"])])
        self._entries, self._growths = int(found["entries"]), int(found["growths"])
        self._translation = Translation(seen, self.space)
        self.strategy = self._begin(self._translation.space)
        self.strategy.set_state(found["state"])
        self._observed, self._asked = int(found["observed"]), dict(found["asked"])

    def _mend(self, runs: Mapping[str, int]) -> None:
        super()._mend(runs)
        self._asked = {trial_id: code for trial_id, code in self._asked.items() if trial_id in self.trials}


def strategy_arguments(strategy: type[Strategy]) -> list[str]:
    """The names of the arguments that a strategy and the classes it comes from take, other than the space."""
    names: dict[str, None] = {}
    for cls in strategy.__mro__:
        if "__init__" not in vars(cls) or cls is object:
            continue
        parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
        names.update(dict.fromkeys(p.name for p in parameters if p.kind is not p.VAR_KEYWORD))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return [name for name in names if name not in ("self", "space")]


def _signed(value: float, direction: str) -> float:
    return value if direction == "max" else -value


def _value(trial: Any, name: str) -> float:
    """The value of a metric in the epoch that the trial is judged by."""
    for observation in trial.metrics.get_history(name):
        if observation.step == trial.best_step:
            return float(observation.mean())
    return float(trial.metrics.get_best_value(name))
