"""BigNAS: the sandwich rule with in-place distillation, then selection from coarse to fine.

Reference: Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras

from autonas_keras.evaluation import SharedWeights
from autonas_keras.spaces import Architecture, MobileSpace
from autonas_keras.strategies import CoarseToFine
from autonas_keras.supernets import PathMobile
from autonas_keras.training import (
    ExponentialToConstant,
    PathModel,
    Sampling,
    SandwichSampling,
    path_seconds,
    steps_per_epoch,
)
from autonas_keras.tuners.elastic import Elastic, ElasticTuner, ends
from autonas_keras.tuners.shared import judged

FALLING = 0.75  # share of a training in which BigNAS's learning rate falls to its constant ending


@dataclass(frozen=True)
class BigNas(Elastic):
    """BigNAS: the largest, the smallest and random networks learn in every step, from what the largest predicts.

    Args:
        random_paths: Random networks in a step.
        search_learning_rate: Rate of SGD at the start, for the sum of the gradients of all networks of a step.
        **others: Those of ``Elastic``.
    """

    name: ClassVar[str] = "bignas"

    random_paths: int = 2
    search_learning_rate: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.random_paths, bool) or not isinstance(self.random_paths, int) or self.random_paths < 0:
            raise ValueError(f"Expected random_paths not to be negative, got {self.random_paths!r}.")

    def tuner_class(self) -> type[ElasticTuner]:
        return BigNasTuner


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

    def _judge_some(
        self, shared: SharedWeights, limited: Mapping[str, Any], verbose: Any
    ) -> Sequence[tuple[Architecture, float]]:
        evaluations = self.method.evaluations
        strategy = CoarseToFine(shared.space, most=max(1, evaluations // 2), seed=self.seed, **limited)
        judged(strategy, shared.score, evaluations, verbose, self.search_left)
        return [(point, shared.score(point)) for point, _ in strategy.history]
