"""Once-for-All: progressive shrinking, then evolution of predicted accuracies.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np

from autonas_keras.blocks import Graph
from autonas_keras.evaluation import SharedWeights, meets, recalibrate
from autonas_keras.spaces import Architecture, JoinedSpace, MobileSpace
from autonas_keras.strategies import PredictedWorth, evolve_predicted
from autonas_keras.strategies.surrogate import make_surrogate
from autonas_keras.supernets import PathMobile
from autonas_keras.training import (
    PathModel,
    Phase,
    ShrinkingSampling,
    count_epochs,
    handed_out,
    path_seconds,
    phase_epochs,
    shrinking_phases,
    steps_per_epoch,
)
from autonas_keras.training.pace import LEAST_EPOCHS, MEASURED
from autonas_keras.tuners.elastic import Elastic, ElasticTuner, ends
from autonas_keras.tuners.network import make_schedule
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import check_whole
from autonas_keras.tuners.shared import diverged

FEWEST_JUDGED = 8  # architectures that are judged at least when there is no time
REJUDGED = 20  # architectures of the best predicted accuracy whose accuracy is looked at


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

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> ElasticTuner:
        tuner = super().make(hypermodel, project, limits, **kwargs)
        if self.search_epochs is not None:
            spaces = {block.name: block.space for block in hypermodel.searched}
            phase_epochs(shrinking_phases(JoinedSpace(spaces)), self.search_epochs)
        return tuner

    def tuner_class(self) -> type[ElasticTuner]:
        return OfaTuner

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 5,000 steps, of which most train one or two networks, from 30 to 100 epochs."""
        return min(100, max(30, -(-5000 // max(1, samples // batch_size))))


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
        whole, start = steps_per_epoch(data, self._size), 0.0
        if self.clock is not None:
            plan = self.clock.plan("search", lambda: self._plan_phases(model, data, phases, epochs, whole))
            epochs, shorter, start = plan["epochs"], plan["steps"], plan["start"]
            phases = [phase for phase in phases if phase.name in plan["phases"]]
        rest = sum(map(_work, phases))
        for number, (phase, length) in enumerate(zip(phases, phase_epochs(phases, epochs), strict=True)):
            if number and self._left() < start * phase.paths and not self._file("search", phase.name).exists():
                continue  # it would end before its first step
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

    def _plan_phases(self, model: PathModel, data: Any, phases: list[Phase], wanted: int, whole: int) -> dict[str, Any]:
        """The phases that there is time for by the speed of the first one, their epochs in all and steps in each."""
        self._compile(model, self.method.search_learning_rate, phases[0].paths)
        sampling = ShrinkingSampling(self.graph.space, self.seed, phases[0])
        begun = self._left()
        step = path_seconds(model, data, sampling, self._size, self._left)
        started = max(0.0, begun - self._left() - step * MEASURED)  # every phase is traced anew
        phases = affordable(phases, started, self._left())
        mean = sum(map(_work, phases)) / sum(phase.length for phase in phases)
        seconds = self._left() - started * sum(phase.paths for phase in phases)
        epochs, steps = count_epochs(
            0.9 * max(0.0, seconds), step * mean, whole, wanted, max(LEAST_EPOCHS, len(phases))
        )
        epochs = max(epochs, len(phases))
        self.warn_if_short(epochs * steps, whole)
        return {"epochs": epochs, "steps": steps, "phases": [phase.name for phase in phases], "start": started}

    def _teacher(self, model: PathModel, x: Any) -> keras.Model:
        """The full network as it is now."""
        found = handed_out(model, ends(self.graph.space)[0])
        recalibrate(found, self.calibration(x))
        return found

    def _judge_some(
        self, shared: SharedWeights, limited: Mapping[str, Any], verbose: Any
    ) -> Sequence[tuple[Architecture, float]]:
        method, space = self.method, shared.space
        rng = np.random.default_rng([self.seed, 7])
        drawn = dict.fromkeys(space.enumerate() if space.size <= method.evaluations else ())
        while len(drawn) < min(method.evaluations, space.size):
            drawn[space.sample(rng)] = None
        progress = keras.utils.Progbar(len(drawn), verbose=1 if verbose else 0, unit_name="architecture")
        for count, point in enumerate(list(drawn), 1):
            if count > FEWEST_JUDGED and self.search_left() <= 0:
                del drawn[point]
                continue
            shared.score(point)
            progress.update(count)
        scores = {point: score for point in drawn if np.isfinite(score := shared.score(point))}
        if not scores:
            raise diverged()
        found: Sequence[Architecture] = ()
        if len(scores) > 1:  # else there is nothing to learn from
            worth = PredictedWorth(space, list(scores), list(scores.values()), method.predictor, self.seed)
            found = evolve_predicted(
                space, worth, method.generations, method.population_size, REJUDGED, self.seed, **limited
            )
        # The networks that the predictor learnt from may be better than those that it promised most of.
        known = [point for point in scores if meets(shared.costs.of(point), limited.get("limits") or {})]
        return [(point, shared.score(point)) for point in dict.fromkeys([*found, *known])]


def affordable(phases: Sequence[Phase], start: float, left: float) -> list[Phase]:
    """The phases whose starts take no more than half of the time; the last one opens all that those before it do.

    Args:
        phases: Those of progressive shrinking.
        start: Seconds that the first one takes to start; others take as many times that as they have paths.
        left: Seconds for all of them.
    """
    full, last = phases[0], phases[-1]
    fewer = [phase for phase in phases[1:-1] if not phase.name.endswith("_1")]
    choices = [list(phases), [full, *fewer, last], [full, *fewer[:1], last], [full, last], [full]]
    return next((some for some in choices if start * sum(phase.paths for phase in some) <= 0.5 * left), [full])


def _work(phase: Phase) -> float:
    """What the epochs of a phase cost; with the teacher's prediction, a step of several paths costs as many."""
    return phase.length * (phase.paths + (phase.name != "full") / 3)


def _expansions(space: Any, phase: Phase) -> list[float]:
    """The expansions that networks of a phase take."""
    opened = phase.open.get("expansion", max(map(len, space.expansions)))
    return sorted({ratio for options in space.expansions for ratio in options[-opened:]})
