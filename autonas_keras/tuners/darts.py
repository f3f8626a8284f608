"""Search by gradient: one supernet, whose mixture of operations is learnt.

Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
import tensorflow as tf
import tree

from autonas_keras.blocks import Graph, Network, Recipe, alone
from autonas_keras.evaluation import function_parts, operation_costs
from autonas_keras.files import write_atomically
from autonas_keras.layers import has_function
from autonas_keras.oracles import Given
from autonas_keras.spaces import Architecture, CellSpace, Space, close_names
from autonas_keras.supernets import CellSupernet, MixedFunction, RelaxedLayer
from autonas_keras.training import (
    BilevelModel,
    Deadline,
    SkipDominance,
    fit_bilevel,
    select_by_perturbation,
    step_seconds,
    steps_per_epoch,
)
from autonas_keras.tuners.limits import strongest_within
from autonas_keras.tuners.network import LARGE, adapt, image_shape
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method, check_rates, check_whole
from autonas_keras.tuners.split import halves
from autonas_keras.tuners.supernet import SupernetTuner

PERTURBED = 512  # samples on which operations are taken away when there is a limit


@dataclass(frozen=True)
class Darts(Method):
    """Search by gradient, then train what was found.

    Args:
        order: 1, or 2 for the gradient through a step of the weights.
        search_cells: Cells of the supernet of a space of cells.
        search_channels: Channels of its first cell, None for half of those of the space.
        search_shrink: Factor by which the supernet sees images of 24 pixels and more averaged down.
        search_epochs: Epochs of the search; chosen by the number of samples when None.
        search_batch_size: Samples in each of the two batches of a step; 64 or less when None.
        search_learning_rate: First and last rate of SGD, for texts and tables of Adam, for the weights of the supernet.
            When None 0.1 and 0.001, for texts 0.002 and 0.0001, for tables 0.001 and 0.00001; with "gumbel" 0.025 and
            0.001, since a drawn operation a step does not bear the larger one.
        search_weight_decay: L2 of those weights.
        alpha_learning_rate: Rate of Adam for the alphas.
        alpha_weight_decay: L2 of the alphas.
        alpha_decay: Last factor of the penalty of beta-DARTS, which grows from zero; it is what keeps a search from
            collapsing to skip connections. The bare paper has 0.
        cost: "params" or "flops", of which ``cost_weight`` makes the alphas sparing.
        cost_weight: Factor of the cost that the alphas expect, as a multiple of the cost before the search; 0 leaves
            costs to ``limits``. Source: Cai, Zhu, Han, "ProxylessNAS", ICLR 2019, equations 6 and 7.
        partial_channels: One of this many parts of the channels passes the operations of cells (PC-DARTS).
        sampling: "softmax" for the mixture, or "gumbel" for one drawn operation an edge (GDAS).
        warmup_epochs: Epochs at the start in which alphas stay; a fifth of the search when None.
        skip_limit: The search stops when the normal cell of a block holds so many skip connections (DARTS+); None never stops.
        selection: "alpha" for the strongest weights, or "perturbation" for what the loss misses most (DARTS-PT).
        searches: Searches of different seeds. Of several, what each found is trained shortly, and what does best on the
            validation data is taken; the paper makes four (section 3.2).
        contest_epochs: Epochs of that short training.
        **others: Those of ``Method``, for the training of the network that is found.
    """

    name: ClassVar[str] = "darts"

    order: int = 1
    search_cells: int = 3
    search_channels: int | None = None
    search_shrink: int = 2
    search_epochs: int | None = None
    search_batch_size: int | None = None
    search_learning_rate: tuple[float, float] | None = None
    search_weight_decay: float = 3e-4
    alpha_learning_rate: float = 3e-3
    alpha_weight_decay: float = 1e-3
    alpha_decay: float = 5.0
    cost: str = "flops"
    cost_weight: float = 0.0
    partial_channels: int = 1
    sampling: str = "softmax"
    warmup_epochs: int | None = None
    skip_limit: int | None = None
    selection: str = "alpha"
    searches: int = 1
    contest_epochs: int = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in (1, 2):
            raise ValueError(f"Expected order to be 1 or 2, got {self.order!r}.")
        for name, options in (
            ("sampling", ("softmax", "gumbel")),
            ("selection", ("alpha", "perturbation")),
            ("cost", ("params", "flops")),
        ):
            if getattr(self, name) not in options:
                close = close_names(str(getattr(self, name)), options)
                raise ValueError(f"Expected {name} to be one of {options}, got {getattr(self, name)!r}{close}.")
        check_whole(self, "search_channels", "search_epochs", "search_batch_size", "skip_limit", optional=True)
        check_whole(self, "search_cells", "search_shrink", "partial_channels", "searches", "contest_epochs")
        check_rates("search_learning_rate", self.rates)
        if self.warmup_epochs is not None and self.warmup_epochs < 0:
            raise ValueError(f"Expected warmup_epochs not to be negative, got {self.warmup_epochs!r}.")
        for name in ("alpha_learning_rate", "alpha_weight_decay", "alpha_decay", "cost_weight", "search_weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"Expected {name} to be a number that is not negative, got {getattr(self, name)!r}.")

    @property
    def rates(self) -> tuple[float, float]:
        """First and last rate of SGD for the weights of the supernet."""
        if self.search_learning_rate is not None:
            return self.search_learning_rate
        return (0.025 if self.sampling == "gumbel" else 0.1), 0.001

    def settled(self, recipe: Recipe) -> Self:
        found = super().settled(recipe)
        if recipe.search_rates is None or self.order == 2 or self.search_learning_rate is not None:
            return found
        return replace(found, search_learning_rate=recipe.search_rates)

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> DartsTuner:
        if not hypermodel.searched:
            raise ValueError("Expected a graph with a searched block for tuner 'darts', got none; add a CellBlock.")
        for block in hypermodel.searched:
            if not isinstance(block.space, CellSpace) and not has_function(block.space):
                raise ValueError(
                    "Expected a space of cells, or one whose network is a function, for tuner 'darts', got "
                    f"{type(block.space).__name__} in {block.name}; take tuner 'spos' or 'evolution', or such a space."
                )
        if self.search_cells < 3 and any(
            isinstance(block.space, CellSpace) and block.space.topology != "dense" for block in hypermodel.searched
        ):
            raise ValueError(
                f"Expected search_cells of 3 or more, which hold a normal and a reduction cell, got {self.search_cells}."
            )
        return DartsTuner(Given(**{**kwargs, "max_trials": 1}), hypermodel, self, project, limits)

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 500 steps, from 10 to 25 epochs."""
        steps = max(1, samples // batch_size)
        return min(25, max(10, -(-500 // steps)))


class DartsTuner(SupernetTuner):
    """Trains one supernet by bilevel optimisation; its only trial is the architecture that the alphas favour."""

    method: Darts

    def _find(self) -> tuple[Architecture, dict[str, float]]:
        if self.method.searches == 1:
            return self._search(self.seed, self._file("search"))
        found: list[tuple[Architecture, dict[str, float]]] = []
        for number in range(self.method.searches):
            folder = self._file("search", f"search_{number}")
            file = folder / "found.json"
            if not file.exists():
                # The first search is the one of the seed alone.
                seed = int(np.random.SeedSequence([self.seed, 8, number]).generate_state(1)[0]) if number else self.seed
                architecture, metrics = self._search(seed, folder)
                parts = 1 + 2 * (self.method.searches - 1 - number)
                metrics |= self._contest(architecture, folder, self.method.contest_epochs, parts)
                write_atomically(file, json.dumps({"decisions": dict(architecture), "metrics": metrics}))
            known = json.loads(file.read_text())
            found.append((self.graph.space.architecture(known["decisions"]), known["metrics"]))
        return self._winner(found)

    def _search(self, seed: int, folder: Path) -> tuple[Architecture, dict[str, float]]:
        """What one search finds, a joined architecture, and its metrics."""
        method, graph = self.method, self.graph
        x, y = self._data
        learn, choose = halves(y, seed)
        size = min(method.search_batch_size or 64, len(learn))
        begun = self.search_left()
        wanted = method.search_epochs or method.default_search_epochs(len(learn), size)
        model = self._supernet(seed)
        adapt(model, x)
        parts = [tree.map_structure(lambda a, r=rows: a[r], (x, self._named(y))) for rows in (learn, choose)]
        end = begun - self._search_seconds(folder)
        left = partial(self._seconds_to, end)
        epochs, steps = self.search_epochs(
            folder.name,
            lambda: step_seconds(model, *parts, batch_size=size, left=left),
            steps_per_epoch(parts[0], size),
            wanted,
            left,
        )
        warmup = min(epochs // 5 if method.warmup_epochs is None else method.warmup_epochs, epochs - 1)
        stops: list[keras.callbacks.Callback] = [] if steps is None else [Deadline(left)]
        if method.skip_limit is not None:
            stops.append(SkipDominance(method.skip_limit, warmup))
        if self._fit["verbose"]:
            print(f"Searching for {epochs} epochs on {len(learn):,} + {len(choose):,} samples.")
        samples = len(tree.flatten(x)[0])
        history = fit_bilevel(
            model,
            *parts,
            epochs=epochs,
            batch_size=size,
            seed=seed,
            directory=folder,
            learning_rate=method.rates,
            warmup_epochs=warmup,
            steps=steps,
            callbacks=[*stops, *self._watching(epochs, folder.name)],
            verbose=self._fit["verbose"],
            augment=method.augmentation(image_shape(graph), samples >= LARGE),
        )
        architecture = self._strongest(model, parts[1], size, seed)
        metrics = model.evaluate(
            self._validation[0], self._named(self._validation[1]), batch_size=size, verbose=0, return_dict=True
        )
        learnt = {name: values[-1] for name, values in history.history.items() if name in metrics}
        return architecture, {**learnt, **{f"val_{name}": float(value) for name, value in metrics.items()}}

    def _search_seconds(self, folder: Path) -> float:
        """Seconds that the training of one of the searches may take with a limit; others, and what follows, are to come."""
        if self.clock is None:
            return math.inf
        number = int(folder.name.removeprefix("search_")) if self.method.searches > 1 else 0
        share = 0.9 if self.method.searches == 1 else 0.6
        share *= 0.5 if self.method.selection == "perturbation" else 1.0
        return share * max(0.0, self.search_left()) / (self.method.searches - number)

    def _supernet(self, seed: int) -> BilevelModel:
        method = self.method

        def layer(space: Space, name: str) -> RelaxedLayer:
            # Two blocks of one space must not start, or draw, alike.
            start = seed + zlib.crc32(name.encode())
            if has_function(space):
                return MixedFunction(space, sampling=method.sampling, seed=start, name=name)
            assert isinstance(space, CellSpace)
            channels = (
                method.search_channels or -(-space.channels // (2 * method.partial_channels)) * method.partial_channels
            )
            return CellSupernet(
                space.resized(method.search_cells, channels),
                partial_channels=method.partial_channels,
                sampling=method.sampling,
                seed=start,
                name=name,
            )

        built = self.assemble(Network(supernet=layer, shrink=method.search_shrink))
        model = BilevelModel(alone(built.inputs), alone(built.outputs))
        model.compile(
            keras.optimizers.Adam(method.rates[0]) if self._adaptive else keras.optimizers.SGD(method.rates[0], 0.9),
            keras.optimizers.Adam(method.alpha_learning_rate, beta_1=0.5, beta_2=0.999),
            order=method.order,
            # To Adam the L2 of a weight without gradient would be a gradient like any other.
            weight_decay=0.0 if self._adaptive else method.search_weight_decay,
            alpha_weight_decay=method.alpha_weight_decay,
            alpha_decay=method.alpha_decay,
            clip_norm=5.0,
            alpha_penalty=self._cost_penalty(model) if method.cost_weight else None,
            **self.graph.compile_arguments(),
        )
        return model

    @property
    def _adaptive(self) -> bool:
        """Whether Adam trains the weights of the supernet; second order unrolls a step of SGD."""
        return self.method.order == 1 and self.graph.recipe.search_rates is not None

    def _cost_penalty(self, model: BilevelModel) -> Callable[[], tf.Tensor]:
        """The expected cost of the networks that alphas stand for, as a multiple of that of even alphas."""
        method = self.method
        assert self.costs is not None
        tables: dict[str, Any] = {}
        for layer in model.supernets:
            space, shape = self.costs.blocks[layer.name]
            if isinstance(space, CellSpace):
                tables[layer.name] = operation_costs(space, shape, method.cost)
            else:
                tables[layer.name] = function_parts(space, shape, method.cost)
        even = sum(float(layer.expected(tables[layer.name])) for layer in model.supernets)

        def penalty() -> tf.Tensor:
            expected = tf.add_n([layer.expected(tables[layer.name]) for layer in model.supernets])
            return method.cost_weight / even * expected

        return penalty

    def _strongest(self, model: BilevelModel, choose: Any, batch_size: int, seed: int) -> Architecture:
        """What the alphas, or the perturbed loss on the samples ``choose``, favour within the limits."""
        layers = {layer.name: layer for layer in model.supernets}
        if not all(np.isfinite(table).all() for layer in layers.values() for table in layer.mixture().values()):
            raise ValueError(
                "Expected a search whose alphas stay finite, got one that diverged; "
                "lower search_learning_rate and pass overwrite=True to start over."
            )
        if self.method.selection == "perturbation":
            samples = None if self.clock is None else PERTURBED
            found = select_by_perturbation(model, choose, batch_size=batch_size, seed=seed, samples=samples)
        else:
            found = {name: layer.architecture() for name, layer in layers.items()}
        space = self.graph.space
        favoured = space.architecture(
            {f"{block}/{name}": option for block, point in found.items() for name, option in point.items()}
        )
        strengths: dict[str, dict[str, np.ndarray]] = {name: layer.mixture() for name, layer in layers.items()}
        assert self.costs is not None
        return strongest_within(favoured, space, self.costs, self.limits, strengths)
