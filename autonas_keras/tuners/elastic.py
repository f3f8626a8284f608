"""Train one elastic supernet, and hand out its networks without training them again: BigNAS and Once-for-All.

References: Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020; Cai et al.,
"Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np
import pandas as pd
import tree

from autonas_keras.blocks import Graph, Network, alone
from autonas_keras.evaluation import SharedWeights, recalibrate
from autonas_keras.oracles import Given
from autonas_keras.spaces import Architecture, JoinedSpace, MobileSpace
from autonas_keras.strategies import CoarseToFine, PredictedWorth, evolve_predicted
from autonas_keras.strategies.surrogate import make_surrogate
from autonas_keras.supernets import PathMobile
from autonas_keras.training import (
    Deadline,
    ExponentialToConstant,
    PathModel,
    Phase,
    Sampling,
    SandwichSampling,
    ShrinkingSampling,
    count_epochs,
    fit_paths,
    handed_out,
    path_seconds,
    phase_epochs,
    shrinking_phases,
    steps_per_epoch,
)
from autonas_keras.training.pace import LEAST_EPOCHS, MEASURED
from autonas_keras.tuners.network import LARGE, adapt, image_shape, make_schedule
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method, check_whole
from autonas_keras.tuners.shared import CALIBRATION, SharedTuner, judged

FALLING = 0.75  # share of a training in which BigNAS's learning rate falls to its constant ending
FEWEST_JUDGED = 8  # architectures that are judged at least when there is no time
REJUDGED = 20  # architectures of the best predicted accuracy whose accuracy is looked at


@dataclass(frozen=True)
class Elastic(Method):
    """Train one supernet of mobile networks, from which the network that is handed out takes its weights.

    Args:
        search_epochs: Epochs of the supernet; chosen by the number of samples when None.
        search_batch_size: Samples in a step.
        search_learning_rate: Rate of SGD at the start.
        search_weight_decay: Decoupled weight decay of the kernels.
        evaluations: Architectures that are judged with inherited weights.
        retrain: Whether the network that was found is handed out as it is (False), fine-tuned ("finetune"), or trained
            from scratch (True).
        **others: Those of ``Method``, for a training of the network that is found.
    """

    default_space: ClassVar[str] = "mobile"

    search_epochs: int | None = None
    search_batch_size: int = 64
    search_learning_rate: float = 0.05
    search_weight_decay: float = 1e-4
    evaluations: int = 300
    retrain: bool | str = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "search_epochs", optional=True)
        check_whole(self, "search_batch_size")
        check_whole(self, "evaluations", least=2)
        if isinstance(self.search_learning_rate, (tuple, list)) or not self.search_learning_rate > 0:
            raise ValueError(
                f"Expected search_learning_rate to be a positive number, got {self.search_learning_rate!r}."
            )
        if not self.search_weight_decay >= 0:
            raise ValueError(
                f"Expected search_weight_decay to be a number that is not negative, got {self.search_weight_decay!r}."
            )
        if self.retrain not in (True, False, "finetune"):
            raise ValueError(f'Expected retrain to be True, False or "finetune", got {self.retrain!r}.')

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> ElasticTuner:
        if not hypermodel.searched:
            raise ValueError(
                f"Expected a graph with a searched block for tuner {self.name!r}, got none; add a MobileBlock."
            )
        for block in hypermodel.searched:
            if not isinstance(block.space, MobileSpace):
                raise ValueError(
                    f"Expected a space of mobile networks for tuner {self.name!r}, got {type(block.space).__name__} in "
                    f"{block.name}; take a MobileSpace, or tuner 'spos'."
                )
        return self.tuner_class()(Given(**{**kwargs, "max_trials": 1}), hypermodel, self, project, limits)

    def tuner_class(self) -> type[ElasticTuner]:
        """The tuner that carries the method out."""
        raise NotImplementedError

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 3,000 steps, from 20 to 60 epochs."""
        return min(60, max(20, -(-3000 // max(1, samples // batch_size))))


@dataclass(frozen=True)
class BigNas(Elastic):
    """BigNAS: the largest, the smallest and random networks learn in every step, from what the largest predicts.

    Args:
        random_paths: Random networks in a step.
        **others: Those of ``Elastic``.
    """

    name: ClassVar[str] = "bignas"

    random_paths: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.random_paths, bool) or not isinstance(self.random_paths, int) or self.random_paths < 0:
            raise ValueError(f"Expected random_paths not to be negative, got {self.random_paths!r}.")

    def tuner_class(self) -> type[ElasticTuner]:
        return BigNasTuner


@dataclass(frozen=True)
class Ofa(Elastic):
    """Once-for-All: the full network first, then progressively smaller ones, which learn from it too.

    Args:
        transform: Whether matrices that are learned stand between a kernel's centre and the next smaller kernel.
        distillation: Share of the loss of smaller networks that takes what the full one predicts as the truth.
        predictor: "gp", "forest", "linear", or an object with ``fit(x, y)`` and ``predict(x)``: what predicts the
            accuracy of all architectures from that of ``evaluations`` ones.
        population_size: Architectures of a generation of the evolution that follows the predictor.
        generations: Its generations.
        **others: Those of ``Elastic``.
    """

    name: ClassVar[str] = "ofa"

    transform: bool = False
    distillation: float = 0.5
    predictor: Any = "gp"
    population_size: int = 100
    generations: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.distillation <= 1:
            raise ValueError(f"Expected distillation to be a share from 0 to 1, got {self.distillation!r}.")
        check_whole(self, "population_size", "generations")
        make_surrogate(self.predictor)

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        return facts if isinstance(self.predictor, str) else {**facts, "predictor": type(self.predictor).__name__}

    def tuner_class(self) -> type[ElasticTuner]:
        return OfaTuner

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 5,000 steps, of which most train one or two networks, from 30 to 100 epochs."""
        return min(100, max(30, -(-5000 // max(1, samples // batch_size))))


class ElasticTuner(SharedTuner):
    """Trains a supernet of mobile networks; its only trial is the best architecture within the limits."""

    method: Any

    def _find(self) -> tuple[Architecture, dict[str, float]]:
        method = self.method
        x, y = self._data[0], self._named(self._data[1])
        samples = len(tree.flatten(x)[0])
        self._size = min(method.search_batch_size, samples)
        epochs = method.search_epochs or method.default_search_epochs(samples, self._size)
        model = self._supernet()
        adapt(model, x)
        self._left = self.training_left()
        if self._fit["verbose"]:
            most = "" if self.clock is None else "at most "
            print(f"Training the shared weights for {most}{epochs} epochs on {samples:,} samples.")
        history = self._learn(model, (x, y), epochs)
        shared = self._keep(model, x)
        limited = {"limits": self.limits, "costs": shared.costs.of} if self.limits else {}
        best = self._choose(shared, limited, self._fit["verbose"])
        rows = [{"architecture": str(p), "score": score, **shared.costs.of(p)} for p, score in shared.judged()]
        pd.DataFrame(rows).to_csv(self._file("search", "inherited.csv"), index=False)
        learnt = {name: values[-1] for name, values in history.history.items() if name in ("loss", "accuracy")}
        return best, {**learnt, **self._objective(shared, best)}

    @property
    def search_share(self) -> float:  # type: ignore[override]
        """Share of a time limit that the search takes: nearly all of it where nothing is trained afterwards."""
        return {True: 0.45, False: 0.9, "finetune": 0.75}[self.method.retrain]

    @abstractmethod
    def _learn(self, model: PathModel, data: Any, epochs: int) -> keras.callbacks.History:
        """Train the supernet, or go on with it."""

    def _layer(self, space: MobileSpace, name: str) -> PathMobile:
        # Two blocks of one space must not start alike.
        return PathMobile(space, seed=self.seed + zlib.crc32(name.encode()), name=name)

    def _supernet(self) -> PathModel:
        built = self.assemble(Network(supernet=self._layer))
        model = PathModel(alone(built.inputs), alone(built.outputs))
        if self.earlier is not None:
            self.earlier.give_weights(model)
        return model

    def _compile(self, model: PathModel, schedule: Any, paths: int, **distillation: Any) -> None:
        optimizer = keras.optimizers.SGD(
            schedule,
            momentum=0.9,
            nesterov=True,
            weight_decay=self.method.search_weight_decay or None,
            global_clipnorm=5.0,
        )
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "matrix"])
        model.compile(optimizer, paths=paths, **distillation, **self.graph.compile_arguments())

    def _fit_paths(
        self,
        model: PathModel,
        data: Any,
        sampling: Sampling,
        epochs: int,
        part: str,
        seed: int,
        *,
        steps: int | None = None,
        rate: Callable[[float], float] | None = None,
        left: Callable[[], float] | None = None,
    ) -> keras.callbacks.History:
        samples = len(tree.flatten(data)[0])
        return fit_paths(
            model,
            data,
            sampling,
            epochs=epochs,
            batch_size=self._size,
            seed=seed,
            directory=self._file("search", part),
            learning_rate=rate,
            steps=steps,
            callbacks=[*([] if left is None else [Deadline(left)]), *self._watching(epochs, part)],
            verbose=self._fit["verbose"],
            augment=self.method.augmentation(image_shape(self.graph), samples >= LARGE),
        )


class BigNasTuner(ElasticTuner):
    """The sandwich rule with in-place distillation, then selection from coarse to fine."""

    def _layer(self, space: MobileSpace, name: str) -> PathMobile:
        return PathMobile(space, zero_gamma=True, seed=self.seed + zlib.crc32(name.encode()), name=name)

    def _learn(self, model: PathModel, data: Any, epochs: int) -> keras.callbacks.History:
        largest, smallest = ends(self.graph.space)
        sampling = SandwichSampling(self.graph.space, self.seed, largest, smallest, self.method.random_paths)
        whole, rate = steps_per_epoch(data, self._size), self.method.search_learning_rate
        if self.clock is not None:
            return self._learn_in_time(model, data, sampling, epochs, whole, rate)
        steps = epochs * whole
        schedule = ExponentialToConstant(rate, int(FALLING * steps), warmup=min(steps // 20, 500))
        # All weights are the largest network's, so that their decay is part of its loss alone.
        self._compile(model, schedule, sampling.paths, distillation=1.0)
        return self._fit_paths(model, data, sampling, epochs, "sandwich", self.seed)

    def _learn_in_time(
        self, model: PathModel, data: Any, sampling: Sampling, wanted: int, whole: int, rate: float
    ) -> keras.callbacks.History:
        """The same with as many steps as there is time for, which are known when some are taken."""
        self._compile(model, rate, sampling.paths, distillation=1.0)
        epochs, steps = self.search_epochs(
            "search", lambda: path_seconds(model, data, sampling, self._size, self._left), whole, wanted, self._left
        )
        self.warn_if_short(epochs * (steps or whole), whole)

        def falling(share: float) -> float:
            # The same schedule by the share of the epochs.
            return rate * min(1.0, (share * 20 + 1) / 2) * 0.05 ** min(1.0, share / FALLING)

        return self._fit_paths(
            model, data, sampling, epochs, "sandwich", self.seed, steps=steps, rate=falling, left=self._left
        )

    def _choose(self, shared: SharedWeights, limited: Mapping[str, Any], verbose: Any) -> Architecture:
        evaluations = self.method.evaluations
        strategy = CoarseToFine(shared.space, most=max(1, evaluations // 2), seed=self.seed, **limited)
        return judged(strategy, shared.score, evaluations, verbose, self.search_left)[0]


class OfaTuner(ElasticTuner):
    """Progressive shrinking, then evolution of predicted accuracies."""

    starts = 5  # each phase is traced

    def _layer(self, space: MobileSpace, name: str) -> PathMobile:
        seed = self.seed + zlib.crc32(name.encode())
        return PathMobile(space, transform=self.method.transform, seed=seed, name=name)

    def _learn(self, model: PathModel, data: Any, epochs: int) -> keras.callbacks.History:
        phases = shrinking_phases(self.graph.space)
        teacher: keras.Model | None = None
        shorter: int | None = None
        trained: dict[str, list[float]] = {}
        whole, rest = steps_per_epoch(data, self._size), sum(map(_work, phases))
        if self.clock is not None:
            epochs, shorter = self.clock.plan("search", lambda: self._plan_phases(model, data, phases, epochs, whole))
        for number, (phase, length) in enumerate(zip(phases, phase_epochs(phases, epochs), strict=True)):
            if self._fit["verbose"]:
                print(f"Phase {phase.name}: {length} epochs.")
            if phase.sorts:
                for layer in model.supernets:
                    layer.sort_channels(trained.get(layer.name, ()))
            schedule = make_schedule(self.method.search_learning_rate * phase.rate, length * (shorter or whole))
            share = self.method.distillation if teacher is not None else 0.0
            self._compile(model, schedule, phase.paths, distillation=share, teacher=teacher)
            sampling = ShrinkingSampling(self.graph.space, self.seed + number, phase)
            # A phase that is done gives its weights back, so that all of them come one after another after a kill too.
            left = None
            if self.clock is not None:
                # Each phase ends in time, so that the last ones are not the ones that have none.
                left = partial(self._seconds_to, self.search_left() - self._left() * _work(phase) / rest)
                rest -= _work(phase)
            history = self._fit_paths(
                model, data, sampling, length, phase.name, self.seed + number, steps=shorter, left=left
            )
            if teacher is None:
                teacher = self._teacher(model, data[0])
            if phase.sorts:
                trained = {layer.name: _expansions(layer.space, phase) for layer in model.supernets}
        return history

    def _plan_phases(
        self, model: PathModel, data: Any, phases: list[Phase], wanted: int, whole: int
    ) -> tuple[int, int]:
        """Epochs in all, and steps in each, that there is time for by the speed of the first phase."""
        self._compile(model, self.method.search_learning_rate, phases[0].paths)
        sampling = ShrinkingSampling(self.graph.space, self.seed, phases[0])
        begun = self._left()
        step = path_seconds(model, data, sampling, self._size, self._left)
        started = max(0.0, begun - self._left() - step * MEASURED)  # every phase is traced anew
        mean = sum(map(_work, phases)) / sum(phase.length for phase in phases)
        seconds = self._left() - started * len(phases)
        epochs, steps = count_epochs(
            0.9 * max(0.0, seconds), step * mean, whole, wanted, max(LEAST_EPOCHS, len(phases))
        )
        epochs = max(epochs, len(phases))
        self.warn_if_short(epochs * steps, whole)
        return epochs, steps

    def _teacher(self, model: PathModel, x: Any) -> keras.Model:
        """The full network as it is now."""
        found = handed_out(model, ends(self.graph.space)[0])
        recalibrate(found, tree.map_structure(lambda array: array[:CALIBRATION], x))
        return found

    def _choose(self, shared: SharedWeights, limited: Mapping[str, Any], verbose: Any) -> Architecture:
        method, space = self.method, shared.space
        rng = np.random.default_rng([self.seed, 7])
        drawn = {space.sample(rng): None for _ in range(method.evaluations)}
        progress = keras.utils.Progbar(len(drawn), verbose=1 if verbose else 0, unit_name="architecture")
        for count, point in enumerate(list(drawn), 1):
            if count > FEWEST_JUDGED and self.search_left() <= 0:
                del drawn[point]
                continue
            shared.score(point)
            progress.update(count)
        scores = [shared.score(point) for point in drawn]
        worth = PredictedWorth(space, list(drawn), scores, method.predictor, self.seed)
        found = evolve_predicted(
            space, worth, method.generations, method.population_size, REJUDGED, self.seed, **limited
        )
        return max(found, key=shared.score)


def _work(phase: Phase) -> float:
    """What the epochs of a phase cost; with the teacher's prediction, a step of several paths costs as many."""
    return phase.length * (phase.paths + (phase.name != "full") / 3)


def ends(space: JoinedSpace) -> tuple[Architecture, Architecture]:
    """The largest and the smallest architecture of joined mobile spaces."""
    points = []
    for end in ("largest", "smallest"):
        parts = {name: getattr(part, end)() for name, part in space.parts.items()}
        points.append(
            space.architecture(
                {f"{name}/{key}": option for name, point in parts.items() for key, option in point.items()}
            )
        )
    return points[0], points[1]


def _expansions(space: Any, phase: Phase) -> list[float]:
    """The expansions that networks of a phase take."""
    opened = phase.open.get("expansion", max(map(len, space.expansions)))
    return sorted({ratio for options in space.expansions for ratio in options[-opened:]})
