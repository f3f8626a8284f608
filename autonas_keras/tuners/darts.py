"""Search by gradient: one supernet, whose mixture of operations is learnt.

Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import tree

from autonas_keras.blocks import Graph, Network, alone
from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.evaluation import model_costs
from autonas_keras.oracles import Given
from autonas_keras.oracles.saving import write_atomically
from autonas_keras.spaces import Architecture, CellSpace
from autonas_keras.supernets import CellSupernet
from autonas_keras.training import BilevelModel, fit_bilevel
from autonas_keras.tuners.base import SearchTuner
from autonas_keras.tuners.limits import strongest_within
from autonas_keras.tuners.network import LARGE, adapt, image_shape
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method
from autonas_keras.tuners.split import halves


@dataclass(frozen=True)
class Darts(Method):
    """Search by gradient, then train what was found.

    Args:
        order: 1, or 2 for the gradient through a step of the weights.
        search_epochs: Epochs of the search; chosen by the number of samples when None.
        search_batch_size: Samples in each of the two batches of a step; 64 or less when None.
        search_learning_rate: First and last rate of SGD for the weights of the supernet.
        search_weight_decay: L2 of those weights.
        alpha_learning_rate: Rate of Adam for the alphas.
        alpha_weight_decay: L2 of the alphas.
        alpha_decay: Factor of the penalty of beta-DARTS, against operations that run away.
        partial_channels: One of this many parts of the channels passes the operations (PC-DARTS).
        warmup_epochs: Epochs at the start in which alphas stay; a fifth of the search when None.
        **others: Those of ``Method``, for the training of the network that is found.
    """

    name: ClassVar[str] = "darts"

    order: int = 1
    search_epochs: int | None = None
    search_batch_size: int | None = None
    search_learning_rate: tuple[float, float] = (0.025, 0.001)
    search_weight_decay: float = 3e-4
    alpha_learning_rate: float = 3e-4
    alpha_weight_decay: float = 1e-3
    alpha_decay: float = 0.0
    partial_channels: int = 1
    warmup_epochs: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in (1, 2):
            raise ValueError(f"Expected order to be 1 or 2, got {self.order!r}.")
        for name in ("search_epochs", "search_batch_size", "partial_channels"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"Expected {name} to be a positive integer, got {value!r}.")

    def make(
        self,
        *,
        hypermodel: Graph,
        project: Project,
        limits: dict[str, float],
        objective: Any,
        max_trials: int,
        seed: int,
    ) -> DartsTuner:
        return DartsTuner(Given(objective, seed=seed, max_trials=1), hypermodel, self, project, limits)

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 1,000 steps, from 10 to 50 epochs."""
        steps = max(1, samples // batch_size)
        return min(50, max(10, -(-1000 // steps)))


class DartsTuner(SearchTuner):
    """Trains one supernet by bilevel optimisation; its only trial is the architecture that the alphas favour."""

    method: Darts
    shows_trials = False

    def on_search_begin(self) -> None:
        if self._completed():
            return
        file = self._file("search", "found.json")
        if not file.exists():
            self._search(file)
        found = json.loads(file.read_text())
        self._metrics, self._seconds = found["metrics"], found["seconds"]
        hp = self.oracle.get_space()
        self.oracle.proposals = [{**hp.values, **found["decisions"]}]

    def _search(self, file: Any) -> None:
        method, graph, seed = self.method, self.graph, self.seed
        if not graph.searched:
            raise ValueError("Expected a graph with a searched block for tuner 'darts', got none; add a CellBlock.")
        start = time.perf_counter()
        x, y = self._data
        learn, choose = halves(y, seed)
        size = method.search_batch_size or min(64, max(1, len(learn)))
        epochs = method.search_epochs or method.default_search_epochs(len(learn), size)
        warmup = min(epochs // 5 if method.warmup_epochs is None else method.warmup_epochs, epochs - 1)
        model = self._supernet()
        adapt(model, x)
        if self._fit["verbose"]:
            print(f"Searching for {epochs} epochs on {len(learn):,} + {len(choose):,} samples.")
        samples = len(tree.flatten(x)[0])
        history = fit_bilevel(
            model,
            *(tree.map_structure(lambda a, rows=rows: a[rows], (x, self._named(y))) for rows in (learn, choose)),
            epochs=epochs,
            batch_size=size,
            seed=seed,
            directory=self._file("search"),
            learning_rate=method.search_learning_rate,
            warmup_epochs=warmup,
            verbose=self._fit["verbose"],
            augment=method.augmentation(image_shape(graph), samples >= LARGE),
        )
        architecture = self._strongest(model)
        metrics = model.evaluate(
            self._validation[0], self._named(self._validation[1]), batch_size=size, verbose=0, return_dict=True
        )
        learnt = {name: values[-1] for name, values in history.history.items() if name in metrics}
        found = {
            "decisions": dict(architecture),
            "metrics": {**learnt, **{f"val_{name}": float(value) for name, value in metrics.items()}},
            "seconds": time.perf_counter() - start,
        }
        write_atomically(file, json.dumps(found))

    def _supernet(self) -> BilevelModel:
        method, seed = self.method, self.seed

        def layer(space: CellSpace, name: str) -> CellSupernet:
            return CellSupernet(space, partial_channels=method.partial_channels, seed=seed, name=name)

        with own_randomness(seed), self.graph.building(Network(supernet=layer)):
            built = self.graph.assemble(self.oracle.get_space())
        model = BilevelModel(alone(built.inputs), alone(built.outputs))
        model.compile(
            keras.optimizers.SGD(method.search_learning_rate[0], momentum=0.9),
            keras.optimizers.Adam(method.alpha_learning_rate, beta_1=0.5, beta_2=0.999),
            order=method.order,
            weight_decay=method.search_weight_decay,
            alpha_weight_decay=method.alpha_weight_decay,
            alpha_decay=method.alpha_decay,
            clip_norm=5.0,
            **self.graph.compile_arguments(),
        )
        return model

    def _named(self, y: Any) -> Any:
        if len(self.graph.outputs) == 1:
            return tree.flatten(y)[0]
        names = [node.in_blocks[0].name for node in self.graph.outputs]
        return dict(zip(names, tree.flatten(y), strict=True))

    def _strongest(self, model: BilevelModel) -> Architecture:
        """What the alphas favour, within the limits."""
        layers = {layer.name: layer for layer in model.supernets}
        space = self.graph.space
        decisions = {
            f"{block.name}/{name}": option
            for block in self.graph.searched
            for name, option in layers[block.name].architecture().items()
        }
        favoured = space.architecture(decisions)
        strengths: dict[str, dict[str, np.ndarray]] = {name: layer.mixture() for name, layer in layers.items()}
        return strongest_within(favoured, space, self.costs, self.limits, strengths)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        model = self._build_hypermodel(trial.hyperparameters)
        self.write_result(trial.trial_id, seconds=self._seconds, **model_costs(model))
        return self._metrics

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        # There is one trial: what goes wrong in it is for the user to see, not to be tried again.
        self._run_and_update_trial(trial, *args, **kwargs)
        trial.status = "COMPLETED"
