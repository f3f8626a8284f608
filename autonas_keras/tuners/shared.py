"""Tuners whose supernet hands out networks as often as asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
import tree
from autokeras.blocks.reduction import SpatialReduction

from autonas_keras.blocks import Graph, RegressionHead
from autonas_keras.evaluation import SharedWeights, WholeMetric, correct, log_likelihood, meets
from autonas_keras.evaluation.inherited import SUPERNET
from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies import NSGA2, Genetic, Strategy, pareto_front
from autonas_keras.training import PathModel, fit_resumable
from autonas_keras.tuners.limits import check_feasible
from autonas_keras.tuners.network import LARGE, Plan, image_shape
from autonas_keras.tuners.split import drawn_samples
from autonas_keras.tuners.supernet import SupernetTuner

CALIBRATION = 512  # images whose statistics batch normalisation takes for an architecture
JUDGED = 2000  # validation images at most that an architecture is judged on
FINETUNING = 0.1  # learning rate of fine-tuning in relation to that of a training from scratch


@dataclass(frozen=True)
class Specialized:
    """A network that a supernet handed out.

    Attributes:
        model: Stock Keras layers, compiled.
        architecture: Its architecture: of the only searched block, or joined under the names of several.
        costs: Its parameters, multiply-adds and, with a latency table, milliseconds.
        score: Its accuracy on the validation samples (of a regression the negative squared error), or the metric that is
            the objective, negative where less of it is better.
        limits: The limits that it was asked to keep.
    """

    model: keras.Model
    architecture: Architecture
    costs: Mapping[str, float]
    score: float
    limits: Mapping[str, float]


class SharedTuner(SupernetTuner):
    """A search by shared weights, which are kept: ``specialize`` finds and hands out networks without any training."""

    method: Any
    _shared: SharedWeights | None = None
    _judging_left: Callable[[], float] = staticmethod(lambda: math.inf)
    _voting_left: Callable[[], float] = staticmethod(lambda: math.inf)

    # While the search runs

    def _costs_of(self, architecture: Architecture) -> Mapping[str, float]:
        assert self._shared is not None
        return self._shared.costs.of(architecture)

    def training_left(self) -> Callable[[], float]:
        """Gives the seconds that are left for the supernet; the rest is for judging, the vote and finalists if there are any."""
        if self.clock is None:
            return self.search_left
        left = self.search_left()
        finale = 0.3 * left if getattr(self.method, "finalists", 1) > 1 else 0.0
        vote = 0.1 * left if self.votes() else 0.0
        self._voting_left = partial(self._seconds_to, finale)
        self._judging_left = partial(self._seconds_to, finale + vote)
        return partial(self._seconds_to, finale + vote + 0.25 * left)

    def votes(self) -> bool:
        """Whether a vote decides between architectures of equal accuracy."""
        return False

    def _keep(self, model: PathModel, x: Any) -> SharedWeights:
        """Keep a trained supernet, and the images that its networks are judged on."""
        self._shared = SharedWeights(
            model, self.calibration(x), self._judged(), directory=self._file("search"), **self._judging()
        )
        self._shared.recall()
        self._shared.save()
        return self._timed(self._shared)

    def calibration(self, x: Any) -> Any:
        """The samples whose statistics batch normalisation takes for an architecture, the same ones for all."""
        return drawn_samples(x, CALIBRATION, self.seed, 12)

    def _timed(self, shared: SharedWeights) -> SharedWeights:
        """The shared weights, which know the latency of their networks when the table is of them."""
        if self.latency is not None and shared.costs.times(self.latency):
            shared.costs.latency = self.latency
        return shared

    def _judged(self) -> tuple[Any, Any]:
        """The validation samples that architectures are judged on: a draw of the seed when there are many."""
        x, y = self._validation[0], self._named(self._validation[1])
        # In no order, also where there are few: ENAS asks for one batch of them after another.
        rows = np.random.default_rng([self.seed, 6]).permutation(len(tree.flatten(x)[0]))[:JUDGED]
        return tree.map_structure(lambda a: a[rows], (x, y))

    def by_accuracy(self) -> bool:
        """Whether architectures are judged by the share of samples whose class is right."""
        heads = [node.in_blocks[0] for node in self.graph.outputs]
        others = any(isinstance(head, RegressionHead) or getattr(head, "multi_label", False) for head in heads)
        return len(heads) == 1 and not others and self._whole_metric() is None

    def _judging(self) -> dict[str, Any]:
        """How architectures are judged, as ``SharedWeights`` takes it."""
        tie = log_likelihood if self.by_accuracy() else None
        return {"score": graph_score(self.graph), "metric": self._whole_metric(), "tie": tie}

    def _whole_metric(self) -> WholeMetric | None:
        return whole_metric(self.graph, self.oracle.objective)

    def _objective(self, shared: SharedWeights, best: Architecture) -> dict[str, float]:
        """The loss and metrics of an architecture with inherited weights, the objective among them."""
        shared.select(best)
        found = shared.model.evaluate(
            self._validation[0], self._named(self._validation[1]), verbose=0, return_dict=True
        )
        metrics = {f"val_{metric}": float(value) for metric, value in found.items() if np.ndim(value) == 0}
        if self.oracle.objective.name == "val_accuracy" and len(self.graph.outputs) == 1:
            metrics["val_accuracy"] = shared.score(best)
        return metrics

    def _trained(self, data: Any, plan: Plan) -> tuple[keras.Model, keras.callbacks.History]:
        searched = self._file("search", SUPERNET).exists()
        if getattr(self.method, "retrain", True) is True or not searched:
            return super()._trained(data, plan)
        best = self.graph.space.read(self.best_trial.hyperparameters)
        model = self.shared_weights().network(best)
        history = keras.callbacks.History()
        history.epoch = []
        if self.method.retrain:
            history = self._fine_tune(model, data, plan)
        model.compile(optimizer="sgd", **self.graph.compile_arguments(training=False))
        return model, history

    def _fine_tune(self, model: keras.Model, data: Any, plan: Plan) -> keras.callbacks.History:
        if plan.verbose:
            print(f"Fine-tuning what was found for {plan.epochs} epochs.")
        assert plan.method.learning_rate is not None  # the tuner has settled it
        slow = replace(plan.method, learning_rate=plan.method.learning_rate * FINETUNING)
        model.compile(plan.compiled_with(data[0], self.graph.recipe, slow), **self.graph.compile_arguments())
        validation = plan.validation and (plan.validation[0], self._named(plan.validation[1]))
        large = len(tree.flatten(data[0])[0]) >= LARGE
        return fit_resumable(
            model,
            (data[0], self._named(data[1])),
            validation,
            epochs=plan.epochs,
            batch_size=plan.batch_size,
            seed=plan.seed,
            directory=plan.directory,
            callbacks=plan.all_callbacks(),
            verbose=plan.verbose,
            augment=plan.method.augmentation(image_shape(self.graph), large),
        )

    def on_search_end(self) -> None:
        super().on_search_end()
        # What is handed out later comes from the files, in this process or another.
        if self._shared is not None:
            self._shared.save()
            self._shared = None

    # Afterwards

    def shared_weights(self) -> SharedWeights:
        """The trained supernet, from its files.

        Raises:
            ValueError: When there is none, or the file is of another space.
        """
        if self._shared is None:
            loaded = SharedWeights.load(self._file("search"), self.graph.space, **self._judging())
            self._shared = self._timed(loaded)
        return self._shared

    def specialize(self, limits: Mapping[str, float], verbose: Any = 1) -> Specialized:
        """The best network within limits, with the weights that it has in the supernet; by the score, never by a vote.

        Of equally accurate networks it is the one that makes the right classes likeliest.

        Args:
            limits: Upper bounds of "params", "flops" and, with a latency table, "latency_ms"; none for the best of all.
            verbose: Whether progress is shown.

        Raises:
            ValueError: When the search is not finished, or no network meets the limits (the nearest is given).
        """
        trained = self.get_best_model()  # refuses a search that is not finished
        shared = self.shared_weights()
        if "latency_ms" in limits and shared.costs.latency is None:
            raise ValueError(
                "Expected a latency table of the networks that the supernet holds with a limit of latency_ms, got none; "
                "pass latency=ank.LatencyTable.measure(space) to the task."
            )
        check_feasible(shared.costs, shared.space, limits)
        try:
            best = self._best(shared, limits, verbose)
        finally:
            shared.save()
        model = shared.network(best)
        with self.graph.own_objects():
            model.compile_from_config(trained.get_compile_config())
        return Specialized(model, self.result_of(best), shared.costs.of(best), shared.score(best), dict(limits))

    def result_of(self, point: Architecture) -> Architecture:
        """An architecture of the only searched block, or joined under the names of several."""
        if len(self.graph.searched) > 1:
            return point
        block = self.graph.searched[0]
        return point.scope(block.name, block.space)

    def pareto(self, cost: str, evaluations: int = 200, verbose: Any = 1) -> pd.DataFrame:
        """Every architecture judged so far, evolution towards the front of score and cost included.

        Args:
            cost: "params" or "flops".
            evaluations: Architectures that the evolution judges; called again it judges none anew.
            verbose: Whether progress is shown.

        Returns:
            Columns architecture, score, params, flops and front (whether no other has a better score for no more
            cost), the cheapest first.
        """
        self.get_best_model()
        shared = self.shared_weights()
        strategy = NSGA2(shared.space, objectives=2, seed=self.seed)
        progress = keras.utils.Progbar(evaluations, verbose=1 if verbose else 0, unit_name="architecture")
        try:
            for count in range(evaluations):
                if (architecture := strategy.propose()) is None:
                    break
                strategy.observe(architecture, (shared.score(architecture), -shared.costs.of(architecture)[cost]))
                progress.update(count + 1)
        finally:
            shared.save()
        rows = []
        for architecture, score in shared.judged():
            text = str(self.result_of(architecture)).replace("\n", "; ")
            rows.append({"architecture": text, "score": score, **shared.costs.of(architecture)})
        table = pd.DataFrame(rows).sort_values([cost, "score"], ascending=[True, False], ignore_index=True)
        front = pareto_front(np.stack([table["score"], -table[cost].astype(float)], 1))
        # Of equal networks one is enough.
        repeated = table[["score", cost]].duplicated()
        front = [place for place in front if not repeated[place]]
        return table.assign(front=table.index.isin(front))

    def _best(self, shared: SharedWeights, limits: Mapping[str, float], verbose: Any) -> Architecture:
        """The best architecture within limits, which some architecture meets.

        Of equally accurate ones the one that makes the right classes likeliest, where a head for classes is the only one.
        """
        limited = {"limits": dict(limits), "costs": shared.costs.of} if limits else {}
        judged = self._judge_some(shared, limited, verbose)
        shared.save()
        if self.clock is not None:
            # After a kill there may be no time to judge again what was judged before it.
            known = [point for point in shared.judged() if meets(shared.costs.of(point[0]), limits)]
            judged = [*judged, *known]
        judged = [pair for pair in judged if math.isfinite(pair[1])]
        if not judged:
            raise diverged()
        return max(judged, key=lambda pair: (pair[1], shared.tie(pair[0])))[0]

    def _judge_some(
        self, shared: SharedWeights, limited: Mapping[str, Any], verbose: Any
    ) -> Sequence[tuple[Architecture, float]]:
        """Architectures within limits and their scores, those that the method looks at."""
        size = getattr(self.method, "population_size", 50)
        strategy = evolution(shared.space, size, self.seed, limited)
        judged(strategy, shared.score, getattr(self.method, "evaluations", 300), verbose)
        return [(point, shared.score(point)) for point, _ in strategy.history]


def check_sizes(graph: Graph) -> None:
    """Refuse what needs maps of one size behind a block whose resolution is searched.

    Raises:
        ValueError: With the block that needs them.
    """
    for block in graph.searched:
        if len(getattr(block.space, "resolutions", ())) < 2:
            continue
        for reader in (reader for node in block.outputs for reader in node.out_blocks):
            pools = isinstance(reader, SpatialReduction) and str(reader.reduction_type).startswith("global")
            # Heads of this package pool, and of a block of the user's nothing is known.
            theirs = type(reader).__module__.partition(".")[0] == "autokeras"
            if reader in graph.searched or (theirs and not pools):
                raise ValueError(
                    f"Expected maps of one size for {type(reader).__name__}, got those of {block.name}, whose resolution is "
                    'searched; put SpatialReduction("global_avg") between them, or take a space of one resolution.'
                )


def evolution(space: Space, size: int, seed: int, limited: Mapping[str, Any]) -> Genetic:
    """The evolution of SPOS: half of a generation are mutants, half children, of the best fifth.

    Args:
        space: What is searched.
        size: Architectures of a generation.
        seed: Seed of the evolution.
        limited: ``limits`` and ``costs`` as ``Strategy`` takes them, or nothing.

    Reference: Guo et al., ECCV 2020, algorithm 1.
    """
    parents = max(1, size // 5)
    return Genetic(
        space, size, parents=parents, mutation_share=0.5, mutation_rate=0.1, tournament=1, seed=seed, **limited
    )


def judged(
    strategy: Strategy,
    judge: Any,
    evaluations: int,
    verbose: Any,
    left: Callable[[], float] = lambda: math.inf,
    costs: Callable[[Architecture], Mapping[str, float]] | None = None,
) -> tuple[Architecture, list[dict[str, Any]]]:
    """The best of what a strategy proposes while seconds are ``left``, and a row for each that was judged."""
    rows: list[dict[str, Any]] = []
    progress = keras.utils.Progbar(evaluations, verbose=1 if verbose else 0, unit_name="architecture")
    while len(rows) < evaluations and (not rows or left() > 0) and (architecture := strategy.propose()) is not None:
        score = judge(architecture)
        strategy.observe(architecture, score)
        rows.append({"architecture": str(architecture), "score": score, **(costs(architecture) if costs else {})})
        progress.update(len(rows), [("score", score)])
    if strategy.best is None:
        raise diverged()
    return strategy.best, rows


def diverged() -> RuntimeError:
    """What is said where no architecture has a score that is a number."""
    return RuntimeError(
        "Expected shared weights with which some architecture has a finite score, got none: their training diverged; pass a "
        "lower search_learning_rate, and overwrite=True to begin anew."
    )


def whole_metric(graph: Graph, objective: Any) -> WholeMetric | None:
    """The metric that architectures are judged by, where the objective is one of the only head; None for its accuracy or
    its loss, which ``graph_score`` takes sample by sample."""
    heads = [node.in_blocks[0] for node in graph.outputs]
    name = objective.name.removeprefix("val_")
    if len(heads) > 1 or name in ("accuracy", "loss"):
        return None
    for metric in heads[0].metrics or ():
        own = keras.metrics.get(metric) if metric == name else metric
        if isinstance(own, keras.metrics.Metric) and name in (metric, own.name):
            own = type(own).from_config(own.get_config())
            return WholeMetric(own, 1 if objective.direction == "max" else -1)
    return None


def graph_score(graph: Graph) -> Any:
    """How a prediction of the graph is judged, a function of y and the prediction that gives a number for each sample.

    The sum over the heads: whether the class is right, the share of labels that are right, or the negative squared
    error in units of the targets' deviation.
    """
    heads = [node.in_blocks[0] for node in graph.outputs]

    def one(head: Any, y: Any, prediction: Any) -> tf.Tensor:
        if isinstance(head, RegressionHead):
            error = (tf.cast(y, prediction.dtype) - prediction) / tf.constant(head.scale, prediction.dtype)
            return -tf.reduce_mean(tf.reshape(error, (tf.shape(error)[0], -1)) ** 2, -1)
        if getattr(head, "multi_label", False):
            right = (prediction > 0.5) == (tf.cast(y, prediction.dtype) > 0.5)
            return tf.reduce_mean(tf.cast(right, tf.float32), -1)
        return tf.cast(correct(y, prediction), tf.float32)

    def score(y: Any, prediction: Any) -> tf.Tensor:
        if len(heads) == 1:
            return one(heads[0], y, prediction)
        parts = [one(head, y[head.name], p) for head, p in zip(heads, prediction, strict=True)]
        return tf.add_n(parts)

    return score
