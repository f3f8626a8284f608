"""Single-path one-shot: uniform paths train the shared weights, evolution judges architectures with them.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling" (SPOS), ECCV 2020,
algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras

from autonas_keras.spaces import Architecture
from autonas_keras.training import (
    FairSampling,
    PathModel,
    Sampling,
    UniformSampling,
)
from autonas_keras.tuners.one_shot import Judge, OneShot, OneShotTuner
from autonas_keras.tuners.settings import check_whole
from autonas_keras.tuners.shared import evolution, judged


@dataclass(frozen=True)
class Spos(OneShot):
    """Single-path one-shot: paths drawn uniformly train the supernet, then evolution searches it.

    Args:
        evaluations: Architectures that evolution judges.
        population_size: Architectures of a generation.
        fair: Whether a step trains every operation of every place once (FairNAS), instead of one path.
        **others: Those of ``OneShot``.
    """

    name: ClassVar[str] = "spos"
    undecayed: ClassVar[tuple[str, ...]] = ("gamma", "beta", "bias")  # as in published training code

    evaluations: int = 500
    population_size: int = 50
    fair: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "evaluations", "population_size", least=2)

    def tuner_class(self) -> type[OneShotTuner]:
        return SposTuner


class SposTuner(OneShotTuner):
    """Uniform paths, then evolution."""

    def _paths(self) -> int:
        return FairSampling(self.graph.space, 0).paths if self.method.fair else 1

    def _plan(self, model: PathModel, epochs: int) -> tuple[Sampling, list[keras.callbacks.Callback]]:
        kind = FairSampling if self.method.fair else UniformSampling
        return kind(self.graph.space, self.seed), []

    def _search(self, judge: Judge) -> tuple[Architecture, list[dict[str, Any]]]:
        strategy = evolution(self.graph.space, self.method.population_size, self.seed, self._limited())
        left = self._judging_left
        return judged(strategy, judge, self.method.evaluations, self._fit["verbose"], left, self._costs_of)
