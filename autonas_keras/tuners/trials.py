"""Methods that train one network per architecture: the tuners of AutoKeras and KerasTuner on our spaces."""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
from keras_tuner.errors import FailedTrialError

from autonas_keras import oracles
from autonas_keras.blocks import Graph
from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.evaluation import Proxy, model_costs
from autonas_keras.oracles import distributed
from autonas_keras.training import Deadline, MedianStopping, ScratchTraining, spent, steps_per_epoch, write_curves
from autonas_keras.tuners.inheriting import Inheritance
from autonas_keras.tuners.limits import GraphCosts, excess
from autonas_keras.tuners.network import Plan
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.proxies import ProxyTuner
from autonas_keras.tuners.scratch import pays, scratch_training, shares
from autonas_keras.tuners.settings import Method, _check, _whole
from autonas_keras.tuners.story import write_controller
from autonas_keras.tuners.watching import Estimate, named

LATER = ("proxy", "top_k", "stop_below_median", "delayed")  # settings that say nothing unless they are set
COUNTED = 200_000  # architectures whose costs may be counted, without building them, for one proposal
PATIENCE = 10  # epochs without progress after which a trial ends, as in AutoKeras


class TrialTuner(ProxyTuner):
    """Trains the network of every trial from scratch: built by itself, or in one supernet that all trials share."""

    method: TrialMethod
    inheritance: Inheritance | None = None  # what gives children of an evolution the weights of their parents
    _scratch: ScratchTraining | None = None
    _decided = False  # whether there is to be such a supernet

    def on_search_begin(self) -> None:
        if self.method.share_graph and not shares(self.graph, self.oracle.get_space()):
            raise ValueError(
                "Expected a graph of which nothing but cells is searched, in float32 or bfloat16, for share_graph=True, "
                "got another; leave share_graph out."
            )
        if self.method.stop_below_median and hasattr(self.oracle.objective, "objectives"):
            raise ValueError(
                f"Expected one objective for stop_below_median, got {len(self.oracle.objective.objectives)}; leave it out."
            )
        if self.limits:
            self.oracle.excess = self._excess
            self.oracle.asks = self._asks(self.oracle.get_space())
        super().on_search_begin()

    def _excess(self, values: dict[str, Any]) -> float:
        hp = self.oracle.get_space()
        hp.values = {**hp.values, **values}
        return excess(self._costs(hp), self.limits)

    def _costs(self, hp: Any) -> dict[str, float]:
        """What the full network of hyperparameters costs."""
        costs: dict[str, float] = {} if self.costs is None else self.costs.of(self.graph.space.read(hp))
        if not self._counts(hp):
            costs |= model_costs(self._build_hypermodel(hp))
        return costs

    def _asks(self, hp: Any) -> int:
        return COUNTED if self._counts(hp) else self.oracle.asks

    def _counts(self, hp: Any) -> bool:
        """Whether costs are counted without building a network: nothing but architectures is searched."""
        return self.costs is not None and all(
            any(e.name.startswith(f"{b.name}/") for b in self.graph.searched) for e in hp.space
        )

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        hp, folder = trial.hyperparameters, Path(self.get_trial_dir(trial.trial_id))
        start = time.perf_counter() - spent(folder / "training")
        plan = self._plan(trial)
        named(plan.callbacks, folder.name, **self._shown(hp))
        if self.inheritance is not None:
            plan.begin = partial(self.inheritance.bequeath, trial.trial_id)
        history, costs = self._run(hp, plan)
        self._longest = max(self._longest, time.perf_counter() - start)
        if not self.oracle.objective.has_value({name for name, values in history.history.items() if values}):
            raise FailedTrialError(
                f"Expected the objective {self.oracle.objective.name!r} among {sorted(history.history)}, got none."
            )
        self.write_result(trial.trial_id, seconds=time.perf_counter() - start, **costs)
        write_curves(folder, history.history)
        return history

    def _plan(self, trial: Any) -> Plan:
        """How the network of a trial is trained."""
        folder = Path(self.get_trial_dir(trial.trial_id))
        plan = self._proxy_plan(folder / "training", None if self.hasty else self.method.proxy)
        plan.pace = self.trial_pace()
        plan.epochs = int(trial.hyperparameters.values.get("tuner/epochs", plan.epochs))
        if self.method.stop_below_median:
            objective = self.oracle.objective
            rule = MedianStopping(folder.parent, objective.name, objective.direction, name=folder.name)
            plan.callbacks = [*plan.callbacks, rule]
        return plan

    def _full_plan(self, directory: Path, epochs: int) -> Plan:
        run = f"{directory.parent.name}/{directory.name}".removesuffix("/training")
        callbacks = named(copy.deepcopy(self._fit["callbacks"]), run)
        if not any(isinstance(callback, keras.callbacks.EarlyStopping) for callback in callbacks):
            callbacks.append(keras.callbacks.EarlyStopping(patience=PATIENCE, min_delta=1e-4))
        return Plan(
            method=self.method,
            epochs=epochs,
            batch_size=self._fit["batch_size"],
            seed=self.seed,
            directory=directory,
            validation=self._validation,
            callbacks=callbacks,
            verbose=self._fit["verbose"],
            regularise=False,
        )

    def _run(self, hp: Any, plan: Plan) -> tuple[keras.callbacks.History, Mapping[str, float]]:
        """The history of the training of a network, and what the network costs in full."""
        if not self._decided:
            self._scratch, self._decided = self._shared(hp, plan), True
        if self._scratch is not None and self.costs is not None:
            architecture = self.graph.space.read(hp)
            if self._scratch.weights.covers(architecture):
                stops = [] if plan.pace is None else [Deadline(plan.pace.left)]
                history = self._scratch.fit(architecture, plan.epochs, [*plan.callbacks, *stops], plan.verbose)
                return history, self.costs.of(architecture)
        found = self.train_trial(hp, plan)
        if self.inheritance is not None:
            self.inheritance.keep(self.oracle.architecture(hp.values))
        return found

    def _shared(self, hp: Any, plan: Plan) -> ScratchTraining | None:
        """What trains the networks of all trials, None when each is to be built."""
        wanted = self.method.share_graph
        # With a limit each network has a pace of its own, which the shared graph cannot have; nor can the only network,
        # which is kept, stand in it.
        if self.hasty or (wanted is None and self.clock is not None):
            return None
        if self.inheritance is not None or wanted is False or not self.method.shares or not shares(self.graph, hp):
            return None
        if self.costs is None:  # a worker has built nothing yet
            with own_randomness(self.seed), self.graph.building(self.final_network()):
                self.costs = GraphCosts(self.graph, self.graph.assemble(hp), self.graph.space.read(hp))
        data = self._samples(plan)
        steps = plan.epochs * steps_per_epoch(data[0], plan.batch_size)
        if not wanted and not pays(self.graph, self.oracle.max_trials, steps, self._fit["callbacks"]):
            return None
        return scratch_training(self.graph, hp, data, plan)

    def _run_trials(self) -> None:
        done = 0 if self._is_worker() else len(self.oracle.end_order)
        self._estimate = Estimate(self.oracle.max_trials or 0, done)
        try:
            super()._run_trials()
        finally:
            self._scratch, self._decided = None, False

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        if not self._is_worker():
            self.story.tick()
            write_controller(self.project.path, self.oracle, len(self.oracle.end_order))
            self._tell_time_left()
        if self._continues(trial):
            return
        if self.inheritance is not None:
            self.inheritance.tidy()
        # Only now does the oracle know the result; a kill before this goes on from the checkpoints.
        shutil.rmtree(Path(self.get_trial_dir(trial.trial_id)) / "training", ignore_errors=True)

    def _tell_time_left(self) -> None:
        """Say now and then how long the trials still take; KerasTuner says what they took."""
        left = self._estimate.step(len(self.oracle.end_order))
        if left is not None and self._fit["verbose"] and self.clock is None:
            print(f"{self._estimate.done} of at most {self._estimate.total} trials, {left}.")

    def _longest_trial(self) -> float:
        if distributed.role() != "chief":
            return super()._longest_trial()
        files = (Path(self.get_trial_dir(trial.trial_id)) / "result.json" for trial in self._completed())
        return max((json.loads(file.read_text()).get("seconds", 0.0) for file in files if file.exists()), default=0.0)

    def _continues(self, trial: Any) -> bool:
        """Whether a later trial may go on from the checkpoints of one that ended."""
        return False


@dataclass(frozen=True)
class TrialMethod(Method):
    """A method that trains one network per architecture; the settings are those of the training.

    Args:
        share_graph: Whether the networks of the trials are trained, each from the weights it would begin with by itself,
            in one supernet that is traced once, so that a trial starts at once; None does so where it is quicker.
        proxy: A ``Proxy`` that candidates are judged on; the best ``top_k`` are then trained in full, and the best of
            these is what the search found.
        top_k: Candidates that are trained in full after a search on a proxy; 5 when None.
        validate_proxy: Random architectures that are trained both ways before the search, to say what the proxy is
            worth; 0 for none.
        stop_below_median: Whether a trial ends that does worse than the median of others by then, as
            ``MedianStopping`` says.
        **others: Those of ``Method``.
    """

    shares: ClassVar[bool] = True  # whether all trainings are of the same number of epochs
    takes_epochs: ClassVar[bool] = True  # whether the epochs of trials can be said from outside

    share_graph: bool | None = None
    proxy: Proxy | None = None
    top_k: int | None = None
    validate_proxy: int = 0
    stop_below_median: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = (None, False, True) if self.shares else (None, False)
        if not any(self.share_graph is value for value in allowed):
            raise ValueError(f"Expected share_graph of {self.name!r} to be one of {allowed}, got {self.share_graph!r}.")
        stops = (False, True) if self.shares else (False,)
        if not any(self.stop_below_median is value for value in stops):
            raise ValueError(
                f"Expected stop_below_median of {self.name!r} to be one of {stops}, got {self.stop_below_median!r}."
            )
        if self.proxy is not None and not isinstance(self.proxy, Proxy):
            raise TypeError(f"Expected proxy to be an autonas_keras.Proxy or None, got {self.proxy!r}.")
        _check(self, "top_k", lambda v: v is None or (_whole(v) and v > 0), "a positive integer or None")
        _check(self, "validate_proxy", lambda v: _whole(v) and (v == 0 or v > 2), "0 or an integer of 3 or more")
        if self.proxy is not None and self.proxy.epochs is not None and not self.takes_epochs:
            raise ValueError(
                f"Expected a proxy without epochs for {self.name!r}, which has max_epochs, got epochs={self.proxy.epochs}."
            )
        for name in ("top_k", "validate_proxy"):
            if self.proxy is None and getattr(self, name):
                raise ValueError(f"Expected a proxy with {name}, got none; pass proxy=ank.Proxy(epochs=3), say.")

    def facts(self) -> dict[str, Any]:
        # How trials are carried out changes nothing in what is searched.
        facts = {
            name: value for name, value in super().facts().items() if name not in ("share_graph", "validate_proxy")
        }
        return {name: value for name, value in facts.items() if value or name not in LATER}

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> TrialTuner:
        return TrialTuner(self.oracle(**kwargs), hypermodel, self, project, limits)

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        """The oracle that proposes architectures."""
        raise NotImplementedError


@dataclass(frozen=True)
class Greedy(TrialMethod):
    """AutoKeras's greedy search: the defaults first, then a random part of the best architecture is drawn anew."""

    name: ClassVar[str] = "greedy"

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        return oracles.Greedy(**kwargs)


@dataclass(frozen=True)
class Bayesian(TrialMethod):
    """KerasTuner's Gaussian process over the decisions.

    Args:
        num_initial_points: Random architectures at the start.
        alpha: Noise of the Gaussian process.
        beta: Weight of what is unknown.
    """

    name: ClassVar[str] = "bayesian"

    num_initial_points: int | None = None
    alpha: float = 1e-4
    beta: float = 2.6

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        return oracles.BayesianOptimization(
            num_initial_points=self.num_initial_points, alpha=self.alpha, beta=self.beta, **kwargs
        )


@dataclass(frozen=True)
class Hyperband(TrialMethod):
    """Many architectures trained for few epochs, the better ones for more.

    Args:
        max_epochs: Epochs of the longest training.
        factor: What the number of architectures shrinks by, and their epochs grow by, from round to round.
    """

    name: ClassVar[str] = "hyperband"
    shares: ClassVar[bool] = False
    takes_epochs: ClassVar[bool] = False

    max_epochs: int = 27
    factor: int = 3

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        max_trials = kwargs.pop("max_trials")
        oracle = oracles.Hyperband(max_epochs=self.max_epochs, factor=self.factor, **kwargs)
        oracle.max_trials = max_trials
        return oracle
