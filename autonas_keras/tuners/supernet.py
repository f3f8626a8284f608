"""Tuners that search with one supernet, and train what they found."""

from __future__ import annotations

import json
import math
import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tree

from autonas_keras.blocks import Network
from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.evaluation import model_costs
from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture
from autonas_keras.training import Pace, spent
from autonas_keras.tuners.base import SearchTuner
from autonas_keras.tuners.limits import strongest_within
from autonas_keras.tuners.network import Plan, train
from autonas_keras.tuners.published import known_points
from autonas_keras.tuners.timed import START
from autonas_keras.tuners.watching import TimeLeft, named


class SupernetTuner(SearchTuner):
    """A search that ends with one architecture, which is its only trial."""

    shows_trials = False
    shared = False

    @abstractmethod
    def _find(self) -> tuple[Architecture, dict[str, float]]:
        """Search; the joined architecture that was found, and its metrics."""

    def on_search_begin(self) -> None:
        if self._completed():
            return
        file = self._file("search", "found.json")
        # What stands for a search that a limit left no time for is not kept where there is time, unless it is trained.
        over = file.exists() and not self.too_short and not self.oracle.trials
        if not file.exists() or (over and not json.loads(file.read_text())["metrics"]):
            start = time.perf_counter() - spent(self._file("search"))
            architecture, metrics = self._known() if self.too_short else self._find()
            found = {"decisions": dict(architecture), "metrics": metrics, "seconds": time.perf_counter() - start}
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps(found))
        found = json.loads(file.read_text())
        self._metrics, self._seconds = found["metrics"], found["seconds"]
        hp = self.oracle.get_space()
        self.oracle.proposals = [{**hp.values, **found["decisions"]}]

    def _watching(self, epochs: int, part: str = "search") -> list[keras.callbacks.Callback]:
        """Callbacks that watch a training of the supernet: the user's that can, and how long it still takes."""
        tells = self._fit["verbose"] and self.clock is None and epochs > 1
        left = [TimeLeft(epochs, "the search")] if tells else []
        return [*named(self._fit["callbacks"], part, supernet=True), *left]

    def _known(self) -> tuple[Architecture, dict[str, float]]:
        """A published architecture, where there is no time for a search, and no metrics."""
        assert self.clock is not None
        point = known_points(self.graph.space, self.seed)[0]
        if self.limits and self.costs is not None:
            point = strongest_within(point, self.graph.space, self.costs, self.limits, {})
        if self._fit["verbose"]:
            print(
                f"A supernet would take some {START * self.starts:.0f} of {self.clock.limit:g} seconds to start; a "
                f"published or a random architecture is trained instead: {point}"
            )
        return point, {}

    def assemble(self, network: Network) -> keras.Model:
        """The model of the graph with its searched blocks as ``network`` says, not compiled."""
        with own_randomness(self.seed), self.graph.building(network):
            return self.graph.assemble(self.oracle.get_space())

    def _named(self, y: Any) -> Any:
        if len(self.graph.outputs) == 1:
            return tree.flatten(y)[0]
        names = [node.in_blocks[0].name for node in self.graph.outputs]
        return dict(zip(names, tree.flatten(y), strict=True))

    # The best of several after a short training

    def _contest(self, architecture: Architecture, folder: Path, epochs: int, parts: int) -> dict[str, float]:
        """The validation metrics of a joined architecture after a training of so many epochs from scratch.

        With a limit it takes one of ``parts`` of the time that is left for the search.
        """
        hp, left = self.oracle.get_space(), max(0.0, self.search_left())
        hp.values = {**hp.values, **architecture}
        verbose = self._fit["verbose"]
        if verbose:
            print(f"Training what it found for {epochs} epochs: {self.architecture(hp)}")
        plan = Plan(
            method=self.method,
            epochs=epochs,
            batch_size=self._fit["batch_size"],
            seed=self.seed,
            directory=folder / "training",
            validation=self._validation,
            verbose=verbose,
            regularise=False,
            pace=None if self.clock is None else Pace(partial(self._seconds_to, left - left / parts)),
        )
        _, history = train(self.graph, hp, self._data, plan)
        return {name: float(values[-1]) for name, values in history.history.items() if name.startswith("val_")}

    def _winner(self, found: Sequence[tuple[Architecture, dict[str, float]]]) -> tuple[Architecture, dict[str, float]]:
        """The architecture whose metrics have the best objective; one that is no number is the worst there is."""
        objective = self.oracle.objective
        sign = 1 if objective.direction == "max" else -1

        def worth(one: tuple[Architecture, dict[str, float]]) -> float:
            value = sign * objective.get_value(one[1])
            return -math.inf if math.isnan(value) else value

        return max(found, key=worth)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics, objective = self._metrics, self.oracle.objective
        if metrics:
            model = self._build_hypermodel(trial.hyperparameters)
            self.write_result(trial.trial_id, seconds=self._seconds, **model_costs(model))
        else:
            metrics = self._train_known(trial)
        # KerasTuner takes the sum of several objectives from a history, and not from these.
        return {**metrics, objective.name: objective.get_value(metrics)}

    def trial_seconds(self) -> float:
        seconds = super().trial_seconds()
        return seconds if self.hasty or self.clock is None else min(seconds, max(5.0, 0.1 * self.clock.limit))

    def _train_known(self, trial: Any) -> dict[str, float]:
        """The validation metrics of what was not searched, after a short training or the only one."""
        start = time.perf_counter()
        plan = Plan(
            method=self.method,
            epochs=self._fit["epochs"],
            batch_size=self._fit["batch_size"],
            seed=self.seed,
            directory=Path(self.get_trial_dir(trial.trial_id)) / "training",
            validation=self._validation,
            callbacks=self._fit["callbacks"],
            verbose=self._fit["verbose"],
            regularise=False,
            pace=self.trial_pace(),
        )
        history, costs = self.train_trial(trial.hyperparameters, plan)
        self.write_result(trial.trial_id, seconds=time.perf_counter() - start, **costs)
        return {name: float(values[-1]) for name, values in history.history.items()}

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        # There is one trial: what goes wrong in it is for the user to see, not to be tried again.
        self._run_and_update_trial(trial, *args, **kwargs)
        trial.status = "COMPLETED"
