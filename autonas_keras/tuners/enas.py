"""ENAS: a controller and the shared weights of what it draws, learnt in turn.

Reference: Pham et al., "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tree

from autonas_keras.evaluation import InheritedScore
from autonas_keras.spaces import Architecture, JoinedSpace, MacroSpace
from autonas_keras.strategies import Reinforce, Strategy
from autonas_keras.training import (
    ControllerSampling,
    ControllerTraining,
    PathModel,
    Sampling,
    controller_probabilities,
)
from autonas_keras.tuners.one_shot import Judge, OneShot, OneShotTuner
from autonas_keras.tuners.settings import check_whole
from autonas_keras.tuners.shared import graph_score, judged


@dataclass(frozen=True)
class Enas(OneShot):
    """A controller and the shared weights of what it draws, learnt in turn.

    Args:
        controller_steps: Rewards that the controller learns from after each epoch.
        controller_batch_size: Rewards that one update of it takes the mean of. The authors' code makes 30 updates of 10
            rewards for cells (``controller_steps=300, controller_batch_size=10``), 50 of 20 for the macro space.
        warmup_epochs: Epochs at the start that draw uniformly; a fifth when None.
        controller_learning_rate: Rate of Adam for the controller; 0.0035 when None, 0.001 for the macro space.
        tanh_constant: Bound of the controller's logits; 1.1 when None, 1.5 for the macro space.
        entropy_weight: Weight of its entropy bonus.
        skip_target: Rate of skip inputs that the controller is held to in the macro space.
        skip_weight: Weight of the divergence of its skip decisions from that rate, summed over the skip inputs of a
            layer and averaged over the layers that may have any.
        samples: Architectures that the controller draws at the end, of which the best is taken.
        **others: Those of ``OneShot``.
    """

    name: ClassVar[str] = "enas"

    controller_steps: int = 100
    controller_batch_size: int = 1
    warmup_epochs: int | None = None
    controller_learning_rate: float | None = None
    tanh_constant: float | None = None
    entropy_weight: float = 1e-4
    skip_target: float = 0.4
    skip_weight: float = 0.8
    samples: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "controller_steps", "controller_batch_size", "samples")
        for name in ("controller_learning_rate", "tanh_constant"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Expected {name} to be a positive number or None, got {value!r}.")
        if not 0 < self.skip_target < 1:
            raise ValueError(f"Expected skip_target to be a rate between 0 and 1, got {self.skip_target!r}.")
        if not self.skip_weight >= 0:
            raise ValueError(f"Expected skip_weight to be a number that is not negative, got {self.skip_weight!r}.")

    def tuner_class(self) -> type[OneShotTuner]:
        return EnasTuner

    def controller(self, space: JoinedSpace, seed: int) -> Reinforce:
        """The controller of a space, with the published settings but for those of this method.

        Reference: appendix A of Pham et al.; the authors' code bounds the operations of cells more tightly, by 0.44, and its
            Adam adds epsilon to the root before the correction of its bias, which makes the first hundred updates smaller.
        """
        macro = {key: part for key, part in space.parts.items() if isinstance(part, MacroSpace)}
        joining = sum(part.layers - 1 for part in macro.values())
        return Reinforce(
            space,
            learning_rate=self.controller_learning_rate or (1e-3 if macro else 3.5e-3),
            entropy_weight=self.entropy_weight,
            batch_size=self.controller_batch_size,
            normalize=None,
            baseline_decay=0.99,
            tanh_constant=self.tanh_constant or (1.5 if macro else 1.1),
            prior={
                f"{key}/{name}": (1 - self.skip_target, self.skip_target)
                for key, part in macro.items()
                for name in part.skip_names
            },
            prior_weight=self.skip_weight / max(1, joining),
            beta_1=0.0,
            epsilon=1e-3,
            unique=False,
            seed=seed,
        )


class EnasTuner(OneShotTuner):
    """A controller that learns along with the shared weights, and draws the architectures to choose from."""

    beside = 0.25

    def _plan(self, model: PathModel, epochs: int) -> tuple[Sampling, list[keras.callbacks.Callback]]:
        method = self.method
        warmup = epochs // 5 if method.warmup_epochs is None else method.warmup_epochs
        self._controller = method.controller(self.graph.space, self.seed)
        if self.earlier is not None and "parameters" in (self.earlier.state or {}):
            self._controller.begin([], self.earlier.state)
        x, y = self._judged()
        size = min(method.search_batch_size, len(tree.flatten(x)[0]))
        judge = InheritedScore(model, None, (x, y), size, score=graph_score(self.graph))
        count = max(1, len(tree.flatten(x)[0]) // size)
        self._learning = ControllerTraining(
            self._controller,
            lambda architecture, step: judge.on_batch(architecture, step % count),
            method.controller_steps,
            warmup,
            self._file("search", "controller"),
            None if self.clock is None else self.beside,
        )
        self._epochs = epochs
        return ControllerSampling(self._controller, self.seed, warmup), [self._learning]

    def _record(self) -> Callable[[], dict[str, Any]] | None:
        return lambda: {"probabilities": controller_probabilities(self._controller.network, self.seed)}

    def _search(self, judge: Judge) -> tuple[Architecture, list[dict[str, Any]]]:
        # A training that had ended before a kill does not call back.
        self._learning.restore_last(self._epochs)
        drawn = Drawn(self._controller, self.seed, **self._limited())
        left = self._judging_left
        return judged(drawn, judge, self.method.samples, self._fit["verbose"], left, self._costs_of)


class Drawn(Strategy):
    """What a trained controller draws, each once.

    Args:
        controller: Whose network draws.
        seed: Seed of the draws.
        **kwargs: limits and costs, as Strategy takes them.
    """

    def __init__(self, controller: Reinforce, seed: int, **kwargs: Any) -> None:
        super().__init__(controller.space, seed=seed, **kwargs)
        self.network = controller.network

    def _suggest(self) -> Architecture:
        return self.space.decode(self.network.sample(self.rng, 1).codes[0])
