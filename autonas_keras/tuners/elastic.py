"""What searches share that train one elastic supernet and hand out its networks without training them again."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import pandas as pd
import tree

from autonas_keras.blocks import Graph, Network, alone
from autonas_keras.oracles import Given
from autonas_keras.spaces import Architecture, JoinedSpace, MobileSpace
from autonas_keras.supernets import PathMobile
from autonas_keras.training import Deadline, PathModel, Sampling, fit_paths
from autonas_keras.tuners.network import LARGE, adapt, image_shape
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method, check_whole
from autonas_keras.tuners.shared import SharedTuner, check_sizes


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
        if not isinstance(self.retrain, bool) and self.retrain != "finetune":
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
        check_sizes(hypermodel)
        return self.tuner_class()(Given(**{**kwargs, "max_trials": 1}), hypermodel, self, project, limits)

    def tuner_class(self) -> type[ElasticTuner]:
        """The tuner that carries the method out."""
        raise NotImplementedError

    def default_search_epochs(self, samples: int, batch_size: int) -> int:
        """About 3,000 steps, from 20 to 60 epochs."""
        return min(60, max(20, -(-3000 // max(1, samples // batch_size))))


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
        best = self._best(shared, self.limits, self._fit["verbose"])
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
