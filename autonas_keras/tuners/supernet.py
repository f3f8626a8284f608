"""Tuners that search with one supernet, and train what they found."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from typing import Any

import keras
import tree

from autonas_keras.blocks import Network
from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.evaluation import model_costs
from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture
from autonas_keras.training import spent
from autonas_keras.tuners.base import SearchTuner
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
        if not file.exists():
            start = time.perf_counter() - spent(self._file("search"))
            architecture, metrics = self._find()
            found = {"decisions": dict(architecture), "metrics": metrics, "seconds": time.perf_counter() - start}
            write_atomically(file, json.dumps(found))
        found = json.loads(file.read_text())
        self._metrics, self._seconds = found["metrics"], found["seconds"]
        hp = self.oracle.get_space()
        self.oracle.proposals = [{**hp.values, **found["decisions"]}]

    def _watching(self, epochs: int, part: str = "search") -> list[keras.callbacks.Callback]:
        """Callbacks that watch a training of the supernet: the user's that can, and how long it still takes."""
        left = [TimeLeft(epochs, "the search")] if self._fit["verbose"] and epochs > 1 else []
        return [*named(self._fit["callbacks"], part, supernet=True), *left]

    def assemble(self, network: Network) -> keras.Model:
        """The model of the graph with its searched blocks as ``network`` says, not compiled."""
        with own_randomness(self.seed), self.graph.building(network):
            return self.graph.assemble(self.oracle.get_space())

    def _named(self, y: Any) -> Any:
        if len(self.graph.outputs) == 1:
            return tree.flatten(y)[0]
        names = [node.in_blocks[0].name for node in self.graph.outputs]
        return dict(zip(names, tree.flatten(y), strict=True))

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        model = self._build_hypermodel(trial.hyperparameters)
        self.write_result(trial.trial_id, seconds=self._seconds, **model_costs(model))
        return self._metrics

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        # There is one trial: what goes wrong in it is for the user to see, not to be tried again.
        self._run_and_update_trial(trial, *args, **kwargs)
        trial.status = "COMPLETED"
