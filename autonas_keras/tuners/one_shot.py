"""What searches with one path at a time share: a supernet is trained, architectures are judged with its weights."""

from __future__ import annotations

import json
import zlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import pandas as pd
import tree
from autokeras.nodes import ImageInput

from autonas_keras.blocks import Graph, Network, Recipe, alone
from autonas_keras.evaluation import SharedWeights
from autonas_keras.files import write_atomically
from autonas_keras.layers import has_function
from autonas_keras.oracles import Given
from autonas_keras.spaces import Architecture, CellSpace, ChainSpace, JoinedSpace, MacroSpace, MobileSpace, Space
from autonas_keras.supernets import PathCell, PathChain, PathFunction, PathMacro, PathMobile, PathSupernet
from autonas_keras.training import (
    Deadline,
    PathModel,
    Sampling,
    UniformSampling,
    fit_paths,
    path_seconds,
    steps_per_epoch,
)
from autonas_keras.tuners.equals import by_vote, equals
from autonas_keras.tuners.network import LARGE, adapt, image_shape
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method, check_rates, check_whole
from autonas_keras.tuners.shared import SharedTuner, check_sizes

CHANNELS = 16  # channels of a supernet's first cell or layer at most, unless told otherwise

RANKED = "ranked.json"  # the architectures to take first, in the folder of the supernet

Judge = Callable[[Architecture], float]


@dataclass(frozen=True)
class OneShot(Method):
    """Train one supernet a path at a time, judge architectures with its weights, train the best one.

    Args:
        search_cells: Cells of the supernet of a space of cells.
        search_channels: Channels of its first cell or layer, None for those of the space, 16 at most; a network that is
            one function has its own.
        search_shrink: Factor by which the supernet sees images of 24 pixels and more averaged down.
        search_epochs: Epochs of the supernet; chosen by the number of samples when None.
        search_batch_size: Samples in a step.
        search_learning_rate: First and last rate of SGD, for texts and tables of Adam, for the shared weights. When None
            0.1 and 0.0001, for texts 0.002 and 0.0001, for tables 0.001 and 0.00001; with cells that lay their nodes end
            to end 0.025 and 0.0001, whose sums without normalisation do not bear more.
        search_weight_decay: L2 of those weights.
        finalists: Of so many architectures, those with the best inherited score or the first of the vote, a short
            training from scratch decides; with 1 the first is taken.
        contest_epochs: Epochs of that short training.
        vote: Whether, of architectures whose inherited accuracies cannot be told from the best one (two standard errors),
            that is taken of which zero-cost proxies promise most, see ``by_vote``. Without it the best inherited score
            decides, as published. None votes where images are classified and all that is searched is cells.
        **others: Those of ``Method``, for the training of the network that is found.
    """

    undecayed: ClassVar[tuple[str, ...]] = ()  # names of weights that have no L2

    search_cells: int = 3
    search_channels: int | None = None
    search_shrink: int = 2
    search_epochs: int | None = None
    search_batch_size: int = 32
    search_learning_rate: tuple[float, float] | None = None
    search_weight_decay: float = 3e-4
    finalists: int = 1
    contest_epochs: int = 12
    vote: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "search_channels", "search_epochs", optional=True)
        check_whole(self, "search_cells", "search_shrink", "search_batch_size", "finalists", "contest_epochs")
        if self.search_learning_rate is not None:
            check_rates("search_learning_rate", self.search_learning_rate)
        if not any(self.vote is value for value in (None, False, True)):
            raise ValueError(f"Expected vote to be True, False or None, got {self.vote!r}.")
        if not self.search_weight_decay >= 0:
            raise ValueError(
                f"Expected search_weight_decay to be a number that is not negative, got {self.search_weight_decay!r}."
            )

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> OneShotTuner:
        if not hypermodel.searched:
            raise ValueError(
                f"Expected a graph with a searched block for tuner {self.name!r}, got none; add a CellBlock."
            )
        if self.search_cells < 3 and any(
            isinstance(block.space, CellSpace) and block.space.topology != "dense" for block in hypermodel.searched
        ):
            raise ValueError(
                f"Expected search_cells of 3 or more, which hold a normal and a reduction cell, got {self.search_cells}."
            )
        check_sizes(hypermodel)
        tuner = self.tuner_class()(Given(**{**kwargs, "max_trials": 1}), hypermodel, self, project, limits)
        images = all(isinstance(node, ImageInput) for node in hypermodel.inputs)
        if self.vote and not (images and tuner.by_accuracy()):
            heads = [type(node.in_blocks[0]).__name__ for node in hypermodel.outputs]
            raise ValueError(
                "Expected a graph that sorts images into classes, with the objective val_accuracy or val_loss, for "
                f"vote=True, got {', '.join(heads)} with {tuner.oracle.objective.name!r}; leave vote out."
            )
        return tuner

    def tuner_class(self) -> type[OneShotTuner]:
        """The tuner that carries the method out."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        return facts if self.vote is not None else {name: value for name, value in facts.items() if name != "vote"}

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 15,000 steps, from 20 to 100 epochs."""
        return min(100, max(20, -(-15_000 // max(1, samples // batch_size))))

    def settled(self, recipe: Recipe) -> Self:
        found = super().settled(recipe)
        if recipe.search_rates is None or self.search_learning_rate is not None:
            return found
        return replace(found, search_learning_rate=recipe.search_rates)

    def rates(self, space: JoinedSpace) -> tuple[float, float]:
        """First and last rate of SGD for the shared weights of a space."""
        if self.search_learning_rate is not None:
            return self.search_learning_rate
        summed = any(isinstance(part, CellSpace) and part.topology != "dense" for part in space.parts.values())
        return (0.025 if summed else 0.1), 0.0001


class OneShotTuner(SharedTuner):
    """Trains a supernet a path at a time; its only trial is the best architecture found with the shared weights."""

    method: Any
    beside = 0.0  # what learns along may take of a limited time, in times of the training

    @property
    def starts(self) -> int:  # type: ignore[override]
        """Cells whose nodes choose their inputs have many paths, which take long to trace."""
        spaces = [block.space for block in self.graph.searched]
        return 5 if any(isinstance(space, CellSpace) and space.topology != "dense" for space in spaces) else 1

    def _find(self) -> tuple[Architecture, dict[str, float]]:
        method, seed = self.method, self.seed
        x, y = self._data[0], self._named(self._data[1])
        samples = len(tree.flatten(x)[0])
        size = min(method.search_batch_size, samples)
        model = self._supernet()
        adapt(model, x)
        left = self.training_left()
        epochs, steps = self.search_epochs(
            "search",
            lambda: (
                (1 + self.beside)
                * path_seconds(model, (x, y), UniformSampling(model.space, seed, model.paths), size, left)
            ),
            steps_per_epoch(x, size),
            method.search_epochs or method.default_search_epochs(samples, size),
            left,
        )
        sampling, callbacks = self._plan(model, epochs)
        if self._fit["verbose"]:
            print(f"Training the shared weights for {epochs} epochs on {samples:,} samples.")
        history = fit_paths(
            model,
            (x, y),
            sampling,
            epochs=epochs,
            batch_size=size,
            seed=seed,
            directory=self._file("search"),
            learning_rate=method.rates(self.graph.space),
            steps=steps,
            callbacks=[*callbacks, *([] if steps is None else [Deadline(left)]), *self._watching(epochs)],
            verbose=self._fit["verbose"],
            augment=method.augmentation(image_shape(self.graph), samples >= LARGE),
            record=self._record(),
        )
        shared = self._keep(model, x)
        ranked = self._kept_ranking(shared, x)
        best = ranked[0]
        learnt = {name: values[-1] for name, values in history.history.items() if name in ("loss", "accuracy")}
        metrics = {**learnt, **self._objective(shared, best)}
        if self.method.finalists == 1:
            return best, metrics
        best, contest = self._winner(self._finale(ranked))
        return best, {**metrics, **contest}

    def _kept_ranking(self, shared: SharedWeights, x: Any) -> list[Architecture]:
        """The architectures to take first, as the search said that was the first to come so far."""
        file = self._file("search", RANKED)
        if not file.exists():
            _, tried = self._search(shared.score)
            pd.DataFrame(tried).to_csv(self._file("search", "inherited.csv"), index=False)
            ranked = self._ranked(shared, x)[: self.method.finalists]
            shared.save()
            # A ranking made anew, with less time left, would mix up the finalists.
            write_atomically(file, json.dumps([architecture.to_json() for architecture in ranked]))
        return [Architecture.from_json(text, shared.space) for text in json.loads(file.read_text())]

    def _ranked(self, shared: SharedWeights, x: Any) -> list[Architecture]:
        """The architectures that were judged, the one to take first."""
        judged = sorted(shared.judged(), key=lambda pair: (pair[1], shared.tie(pair[0])), reverse=True)
        if not self.votes():
            return [architecture for architecture, _ in judged]
        same = equals(judged, len(tree.flatten(self._judged()[0])[0]))
        if self._fit["verbose"]:
            print(
                f"The best {len(same)} of {len(judged)} architectures cannot be told apart; zero-cost proxies choose."
            )
        voted = by_vote(shared, same, x, self.seed, self._voting_left, bool(self._fit["verbose"]))
        return [*voted, *(architecture for architecture, _ in judged[len(same) :])]

    def votes(self) -> bool:
        if self.method.vote is not None:
            return self.method.vote
        cells = all(isinstance(block.space, CellSpace) for block in self.graph.searched)
        return cells and image_shape(self.graph) is not None and self.by_accuracy()

    def _finale(self, ranked: list[Architecture]) -> list[tuple[Architecture, dict[str, float]]]:
        """The first architectures, and their metrics after a short training."""
        found = []
        for number, architecture in enumerate(ranked[: self.method.finalists]):
            folder = self._file("search", f"finalist_{number}")
            file = folder / "metrics.json"
            if not file.exists():
                metrics = self._contest(
                    architecture, folder, self.method.contest_epochs, self.method.finalists - number
                )
                write_atomically(file, json.dumps(metrics))
            found.append((architecture, json.loads(file.read_text())))
        return found

    @abstractmethod
    def _plan(self, model: PathModel, epochs: int) -> tuple[Sampling, list[keras.callbacks.Callback]]:
        """Which architectures the training takes, and what learns along with it."""

    def _record(self) -> Callable[[], dict[str, Any]] | None:
        """What gives what else to write down after each epoch."""
        return None

    @abstractmethod
    def _search(self, judge: Judge) -> tuple[Architecture, list[dict[str, Any]]]:
        """The best architecture within the limits, and a row for each that was judged."""

    def _supernet(self) -> PathModel:
        method = self.method

        def layer(space: Space, name: str) -> PathSupernet:
            # Two blocks of one space must not start alike.
            seed = self.seed + zlib.crc32(name.encode())
            if has_function(space):
                return PathFunction(space, seed=seed, name=name)
            if isinstance(space, MobileSpace):
                return PathMobile(space, seed=seed, name=name)
            if isinstance(space, ChainSpace):
                channels = method.search_channels or min(space.stem, CHANNELS)
                return PathChain(space.resized(channels / space.stem), seed=seed, name=name)
            if isinstance(space, MacroSpace):
                channels = method.search_channels or min(space.channels, CHANNELS)
                return PathMacro(space.resized(channels / space.channels), seed=seed, name=name)
            assert isinstance(space, CellSpace)
            channels = method.search_channels or min(space.channels, CHANNELS)
            return PathCell(space.resized(method.search_cells, channels), seed=seed, name=name)

        built = self.assemble(Network(supernet=layer, shrink=method.search_shrink))
        model = PathModel(alone(built.inputs), alone(built.outputs))
        rate, adaptive = method.rates(self.graph.space)[0], self.graph.recipe.search_rates is not None
        optimizer = (
            keras.optimizers.Adam(rate, global_clipnorm=5.0)
            if adaptive
            else keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, global_clipnorm=5.0)
        )
        if method.undecayed:
            optimizer.exclude_from_weight_decay(var_names=list(method.undecayed))
        model.compile(
            optimizer,
            paths=self._paths(),
            # To Adam the L2 of a weight without gradient would be a gradient like any other.
            weight_decay=0.0 if adaptive else method.search_weight_decay,
            **self.graph.compile_arguments(),
        )
        if self.earlier is not None:
            self.earlier.give_weights(model)
        return model

    def _paths(self) -> int:
        return 1

    def _limited(self) -> dict[str, Any]:
        """The limits as strategies take them."""
        if not self.limits:
            return {}
        assert self.costs is not None
        return {"limits": self.limits, "costs": self.costs.of}
