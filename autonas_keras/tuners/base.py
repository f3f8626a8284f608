"""What all tuners of this package share: AutoKeras's tuner, resumable to the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tree
from autokeras import pipeline as pipeline_module
from autokeras.engine.tuner import AutoTuner
from keras_tuner.engine.tuner import Tuner

from autonas_keras.blocks import Graph, Network
from autonas_keras.blocks.isolation import forgotten_gradients, own_randomness
from autonas_keras.evaluation import LatencyTable, model_costs
from autonas_keras.files import write_atomically
from autonas_keras.oracles import DurableOracle, StrategyOracle
from autonas_keras.training import MedianStopping, spent, steps_per_epoch
from autonas_keras.tuners.board import Board
from autonas_keras.tuners.limits import GraphCosts, check_feasible
from autonas_keras.tuners.network import Plan, save_model, train
from autonas_keras.tuners.processes import Processes
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method
from autonas_keras.tuners.story import Story, spaces_of, write_layers
from autonas_keras.tuners.timed import LEAST_TRIAL, Timed
from autonas_keras.tuners.warm_start import WarmStart
from autonas_keras.tuners.watching import TimeLeft, named

# The only network that there was time for, and its history, until it is the final one.
ONLY, ONLY_HISTORY = "only.keras", "only.json"


class SearchTuner(Timed, Processes, Board, AutoTuner):
    """An AutoTuner that can be killed at any time and called again.

    What it adds to AutoKeras's: files are switched at once; the network that is exported is the one that was trained
    last, on all data; a finished search is not repeated; the folder of another search is refused; names, seeds and
    TensorFlow's registry of the process stay as they were.

    Args:
        oracle: A durable oracle.
        hypermodel: The graph.
        method: Settings.
        project: The folder.
        limits: Upper bounds of "params", "flops" and, with a table in ``latency``, "latency_ms" for every network.
        **kwargs: As keras_tuner.Tuner takes them.
    """

    oracle: Any  # a DurableOracle, or a worker's client of the chief's
    shows_trials = True  # whether KerasTuner prints a table for each
    latency: LatencyTable | None = None  # of the network around the searched block
    earlier: WarmStart | None = None  # the search that this one starts from
    _only: tuple[keras.Model, keras.callbacks.History] | None = None  # the training that there was time for

    def __init__(
        self,
        oracle: DurableOracle,
        hypermodel: Graph,
        method: Method,
        project: Project,
        limits: Mapping[str, float],
        **kwargs: Any,
    ) -> None:
        self._finished = False
        self.method, self.project, self.limits = method.settled(hypermodel.recipe), project, dict(limits)
        self.graph = hypermodel
        # AutoKeras searches optimizer and learning rate too; here they are settings of the training.
        hypermodel.optimizer = keras.optimizers.SGD
        self.costs: GraphCosts | None = None
        self._history: keras.callbacks.History | None = None
        self._model: keras.Model | None = None
        self.story = Story(project.path, lambda phase: spent(project.path / phase))
        self.hyper_pipeline = None
        path, worker = project.path, self._is_worker()
        with project.writing():
            # Not AutoKeras's __init__, which lets every process write the graph.
            Tuner.__init__(
                self,
                oracle,
                hypermodel,
                directory=str(path.parent),
                project_name=path.name,
                overwrite=worker and project.overwrite,
                **kwargs,
            )
            if not worker:
                hypermodel.save(str(path / "graph"))
        if worker:
            self.oracle.is_over = self._is_finished_on_disk
            if self._is_finished_on_disk() and not project.overwrite:
                self._finish_work()
        elif (path / "oracle.json").exists() and not (path / "tuner0.json").exists():
            self.oracle.reload()
        if not worker:
            self._recall_spaces()

    # State

    def _recall_spaces(self) -> None:
        """Let blocks know the spaces that were fitted to the images of a search that is gone on with."""
        for block in self.graph.searched:
            block.recall(self.oracle.get_space())

    def _get_tuner_fname(self) -> str:
        return str(self._file("tuner0.json"))  # also where KerasTuner's variables name this process otherwise

    def reload(self) -> None:
        if not self._is_worker():
            super().reload()

    def save(self) -> None:
        if self._is_worker():
            return
        self.oracle.save()
        write_atomically(self._get_tuner_fname(), json.dumps(self.get_state()), sync=False)

    @property
    def finished(self) -> bool:
        """Whether the final network is there."""
        return bool(self._finished)

    def _file(self, *parts: str) -> Path:
        return self.project.path.joinpath(*parts)

    # Search

    def search(  # type: ignore[override]
        self,
        x: Any,
        y: Any,
        epochs: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_data: Any = None,
        validation_split: float = 0,
        verbose: Any = 1,
        batch_size: int = 32,
    ) -> keras.callbacks.History:
        """Search, train the best network on all data, and save it; what is done already is not done again.

        Args:
            x: Arrays of the training inputs.
            y: Arrays of the encoded targets.
            epochs: Epochs of the training of networks; chosen by the number of samples when None.
            callbacks: Keras callbacks for the training of networks.
            validation_data: Encoded x and y to compare networks on.
            validation_split: Share of the data that ``validation_data`` was taken from; the final network then
                learns from it too. 0 when it was given apart.
            verbose: As in keras.Model.fit.
            batch_size: Samples in a batch.

        Returns:
            The history of the training of the final network.
        """
        if self._finished:
            return self.history()
        with self.project.writing(), forgotten_gradients(), self._serving() as chief, self.story:
            pipeline, validation = self._prepare(
                x, y, epochs, callbacks, validation_data, validation_split, verbose, batch_size
            )
            data = self._data
            if self._is_worker():
                self._work()
                del self._data, self._validation
                return self.history()
            self.story.enter("declare", max_trials=self.oracle.max_trials)
            self._declare()
            if self.earlier is not None:
                self.earlier.check(self.oracle.get_space())
                if isinstance(self.oracle, StrategyOracle):
                    caution = self.earlier.caution([array.shape[1:] for array in tree.flatten(x)])
                    if caution is not None and verbose:
                        print(caution)
                    self.oracle.begin(self.earlier.tried, self.earlier.state)
            self.save()
            self.story.enter("search", spaces=spaces_of(self.graph))
            self.oracle.verbose = verbose if self.shows_trials else 0
            self.oracle.expired, self.oracle.overdue = self.search_is_over, self.search_is_overdue
            with self.timed("search"):
                self.on_search_begin()
                if chief is None or not self.shared:
                    self._run_trials()
                if chief is not None:
                    self._lead(chief)
                self.on_search_end()
            if not self._completed():
                self._explain_failure()
            self.story.enter("final")
            with self.timed("final"):
                self._train_final(data, validation, together=validation_split > 0)
            pipeline.save(f"{self.best_pipeline_path}.writing")
            os.replace(f"{self.best_pipeline_path}.writing", self.best_pipeline_path)
            self._finished = True
            self.save()
            del self._data, self._validation
        return self.history()

    def _prepare(
        self,
        x: Any,
        y: Any,
        epochs: int | None,
        callbacks: Sequence[keras.callbacks.Callback] | None,
        validation_data: Any,
        validation_split: float,
        verbose: Any,
        batch_size: int,
    ) -> tuple[Any, Any]:
        """Keep the data and how to train on it, and give the pipeline of the data and all validation samples."""
        self._fit = {
            "epochs": epochs or self.graph.recipe.default_epochs(len(tree.flatten(x)[0]), batch_size),
            "free_epochs": epochs is None,
            "batch_size": batch_size,
            "callbacks": list(callbacks or ()),
            "verbose": verbose,
        }
        self.hypermodel.set_fit_args(validation_split, epochs=self._fit["epochs"])
        pipeline, self._data, validation = self._prepare_model_build(
            self.oracle.get_space(), x=x, y=y, validation_data=validation_data
        )
        self._validation = self.judged_part(validation)
        return pipeline, validation

    def _run_trials(self) -> None:
        while True:
            self.pre_create_trial()
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status == "STOPPED":
                return
            if trial.status != "IDLE":
                self.on_trial_begin(trial)
                self._try_run_and_update_trial(trial)
                self.on_trial_end(trial)

    def _declare(self) -> None:
        """Declare the whole space, and check that some architecture meets the limits."""
        hp = self.oracle.get_space()
        with own_randomness(self.seed), self.graph.building(self.final_network()):
            model = self.graph.assemble(hp)
            # Blocks of AutoKeras may hide hyperparameters behind a choice.
            self._activate_all_conditions()
            self.oracle.update_space(hp)
            if self.graph.searched:
                self.costs = GraphCosts(self.graph, model, self.graph.space.read(hp), self.latency)
                check_feasible(self.costs, self.graph.space, self.limits)

    def final_network(self) -> Network:
        """How the final network is built."""
        return Network(cells=self.method.cells, channels=self.method.channels)

    @property
    def seed(self) -> int:
        """Seed of everything that is drawn."""
        return self.oracle.seed

    def _completed(self) -> list[Any]:
        return [trial for trial in self.oracle.trials.values() if trial.status == "COMPLETED"]

    def _some_completed(self) -> bool:
        return self._is_worker() or bool(self._completed())

    def _explain_failure(self) -> None:
        messages = [trial.message for trial in self.oracle.trials.values() if trial.message]
        if messages:
            raise RuntimeError(f"Expected a trial that completes, got {len(messages)} that failed:\n{messages[-1]}")
        raise ValueError(
            f"Expected a network within the limits {self.limits}, got none in {len(self.oracle.trials)} proposals; "
            "raise the limits or max_trials, or take a space of smaller networks."
        )

    def _build_hypermodel(self, hp: Any) -> keras.Model:
        with own_randomness(self.seed), self.graph.building(self.final_network()):
            return self.hypermodel.build(hp)

    def _try_build(self, hp: Any) -> keras.Model:
        """Build without clearing the Keras session, which would forget the user's dtype policy and seeds."""
        return self._build_hypermodel(hp)

    # The final network

    def _train_final(self, data: Any, validation: Any, together: bool) -> None:
        callbacks = [c for c in self._fit["callbacks"] if not isinstance(c, MedianStopping)]
        named(callbacks, "final", **self._shown(self.best_trial.hyperparameters))
        if together:
            data = tree.map_structure(lambda *parts: np.concatenate(parts), data, validation)
            validation = None
            callbacks = [c for c in callbacks if not isinstance(c, keras.callbacks.EarlyStopping)]
        plan = Plan(
            method=self.method,
            epochs=self._fit["epochs"],
            batch_size=self._fit["batch_size"],
            seed=self.seed,
            directory=self._file("final"),
            validation=validation,
            callbacks=callbacks,
            verbose=self._fit["verbose"],
        )
        if plan.verbose:
            print(f"Found {self.architecture(self.best_trial.hyperparameters) if self.graph.searched else 'a network'}")
            if self.clock is None:  # a limit says it
                plan.callbacks = [*callbacks, TimeLeft(plan.epochs, "the final training")]
        start = time.perf_counter() - spent(self._file("final"))
        kept, self._only = self._only or self._kept_only(), None
        if kept is None:
            plan = self.in_time(plan, self.best_trial.hyperparameters, data)
            model, history = self._trained(data, plan)
            if plan.pace is not None and history.epoch:
                self.warn_if_short(plan.pace.done, steps_per_epoch(data[0], plan.batch_size))
        else:
            model, history = kept
        record = {**_record(history), "seconds": time.perf_counter() - start}
        write_atomically(self._file("final.json"), json.dumps(record, default=float))
        write_layers(self.project.path, model)
        save_model(model, self.best_model_path)
        self._model = model
        for name in (ONLY, ONLY_HISTORY):
            self._file(name).unlink(missing_ok=True)

    def _kept_only(self) -> tuple[keras.Model, keras.callbacks.History] | None:
        """The network that an earlier process had time for alone, when there is none for another now."""
        no_time = self.clock is not None and (self.hasty or self.clock.final_left() < LEAST_TRIAL)
        if not no_time or not self._file(ONLY_HISTORY).exists():
            return None
        history, record = keras.callbacks.History(), json.loads(self._file(ONLY_HISTORY).read_text())
        history.epoch, history.history = record["epoch"], record["history"]
        with self.graph.own_objects():
            return keras.saving.load_model(self._file(ONLY)), history

    def _trained(self, data: Any, plan: Plan) -> tuple[keras.Model, keras.callbacks.History]:
        """The final network, compiled, and the history of its training."""
        if plan.verbose:
            most = "" if plan.pace is None else "at most "
            print(f"Training it for {most}{plan.epochs} epochs on {len(tree.flatten(data)[0]):,} samples.")
        return train(self.graph, self.best_trial.hyperparameters, data, plan)

    def train_trial(self, hp: Any, plan: Plan) -> tuple[keras.callbacks.History, dict[str, int]]:
        """The history of the training of a network on the training samples, and what the network costs.

        Where there is time for no other, the network is kept for the final one.
        """
        model, history = train(self.graph, hp, self._data, plan)
        self.note_speed(plan.pace, hp, plan.batch_size)
        if self.hasty and plan.pace is not None:
            self._only = model, history
            # A kill between here and the end must not cost the only training that there was time for.
            save_model(model, self._file(ONLY))
            write_atomically(self._file(ONLY_HISTORY), json.dumps(_record(history), default=float))
            self.warn_if_short(plan.pace.done, steps_per_epoch(self._data[0], plan.batch_size))
        return history, model_costs(model)

    @property
    def best_trial(self) -> Any:
        """The completed trial with the best score.

        Raises:
            ValueError: When no trial is completed yet.
        """
        if not self._completed():
            raise ValueError("Expected a search that has found something, got none yet; call fit first.")
        return self.oracle.get_best_trials(1)[0]

    def get_best_model(self) -> keras.Model:
        """The final network.

        Raises:
            ValueError: When the search is not finished.
        """
        if not self._finished:
            raise ValueError("Expected a finished search, got one that is not; call fit first, or again to go on.")
        if self._model is None:
            with self.graph.own_objects():
                self._model = keras.saving.load_model(self.best_model_path)
        return self._model

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """The final network; those of other trials are not kept."""
        return [self.get_best_model()]

    def get_best_pipeline(self) -> Any:
        return pipeline_module.load_pipeline(self.best_pipeline_path)

    def history(self) -> keras.callbacks.History:
        """The history of the training of the final network, read from its file."""
        history = keras.callbacks.History()
        record = json.loads(self._file("final.json").read_text())
        history.epoch, history.history = record["epoch"], record["history"]
        return history


def _record(history: keras.callbacks.History) -> dict[str, Any]:
    return {"epoch": list(history.epoch), "history": history.history}
