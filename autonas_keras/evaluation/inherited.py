"""What a trained supernet hands out: networks with its weights, their accuracy and their costs.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3.4;
Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020, section 3.3.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.evaluation.costs import model_costs
from autonas_keras.evaluation.shared import InheritedScore, WholeMetric, recalibrate
from autonas_keras.evaluation.space_costs import JoinedCosts
from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture, JoinedSpace, Option
from autonas_keras.training import PathModel, discrete_network, handed_out

SUPERNET, IMAGES, SCORES = "supernet.keras", "images.npz", "scores.json"
Score = Callable[[Any, Any], tf.Tensor]


class SharedWeights:
    """A trained supernet, the images that its networks are judged on, and what is known of them.

    An architecture is judged once: its score is remembered, and kept by ``save``.

    Args:
        model: A trained model.
        calibration: x of the images whose statistics the batch normalisation of an architecture takes.
        validation: x and y that architectures are judged on.
        score: As ``InheritedScore`` takes it.
        directory: Folder that keeps all of it; None keeps nothing.
        metric: As ``InheritedScore`` takes it.
        tie: As ``InheritedScore`` takes it.

    Example:
        ``shared = SharedWeights(model, x[:512], (x_val, y_val)); shared.score(shared.space.sample(rng))``
    """

    def __init__(
        self,
        model: PathModel,
        calibration: Any,
        validation: Any,
        score: Score | None = None,
        directory: str | Path | None = None,
        metric: WholeMetric | None = None,
        tie: Score | None = None,
    ) -> None:
        self.model, self.space = model, model.space
        self.costs = SupernetCosts(model)
        self.scores: dict[str, float] = {}
        self._ties: dict[str, float] = {}
        self.directory = None if directory is None else Path(directory)
        self._calibration, self._validation = calibration, validation
        self._judge = InheritedScore(model, calibration, validation, score=score, metric=metric, tie=tie)

    # Networks

    def score(self, architecture: Mapping[str, Option]) -> float:
        """What an architecture is worth with inherited weights, as ``InheritedScore`` says.

        Raises:
            ValueError: When it is no point of ``space``.
        """
        text = self.space.architecture(architecture).to_json()
        if text not in self.scores:
            score, tie = self._judge.with_tie(architecture)
            self.scores[text], self._ties[text] = score, -np.inf if np.isnan(tie) else tie
        return self.scores[text]

    def tie(self, architecture: Mapping[str, Option]) -> float:
        """What tells an architecture apart from others of its score, larger is better; 0 without ``tie``.

        Raises:
            ValueError: When it is no point of ``space``.
        """
        self.score(architecture)
        return self._ties[self.space.architecture(architecture).to_json()]

    def judged(self) -> list[tuple[Architecture, float]]:
        """Every architecture that was judged, with its score; without those that gave no number."""
        found = self.scores.items()
        return [(Architecture.from_json(text, self.space), score) for text, score in found if np.isfinite(score)]

    def select(self, architecture: Mapping[str, Option]) -> None:
        """Let the model compute this architecture, with statistics of its own."""
        self._judge.calibrate(architecture)

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The network of an architecture as stock Keras layers, its statistics taken anew; not compiled.

        Raises:
            ValueError: When it is no point of ``space``.
        """
        network = handed_out(self.model, architecture)
        # In one batch, as the score was taken.
        recalibrate(network, self._calibration, len(tf.nest.flatten(self._calibration)[0]))
        return network

    # Files

    def save(self) -> None:
        """Keep the scores, and what else is not kept yet; files are switched at once."""
        if self.directory is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.directory / IMAGES).exists():
            arrays: dict[str, Any] = {
                f"{part}/{name}": array
                for part, data in zip(("calibration", "x", "y"), (self._calibration, *self._validation), strict=True)
                for name, array in _flat(data).items()
            }
            whole = self.directory / f".writing.{IMAGES}"
            np.savez_compressed(whole, **arrays)
            os.replace(whole, self.directory / IMAGES)
        if not (self.directory / SUPERNET).exists():
            whole = self.directory / f".writing.{SUPERNET}"
            # The same layers without an optimizer.
            PathModel(_alone(self.model.inputs), _alone(self.model.outputs)).save(whole)
            os.replace(whole, self.directory / SUPERNET)
        write_atomically(
            self.directory / SCORES,
            json.dumps({text: [score, self._ties[text]] for text, score in self.scores.items()}),
        )

    def recall(self) -> None:
        """Remember the scores that ``save`` kept, if there are any."""
        if self.directory is not None and (self.directory / SCORES).exists():
            kept = json.loads((self.directory / SCORES).read_text())
            self.scores = {text: score for text, (score, _) in kept.items()}
            self._ties = {text: tie for text, (_, tie) in kept.items()}

    @classmethod
    def load(
        cls,
        directory: str | Path,
        space: JoinedSpace,
        score: Score | None = None,
        metric: WholeMetric | None = None,
        tie: Score | None = None,
    ) -> SharedWeights:
        """What ``save`` kept.

        Args:
            directory: Its folder.
            space: The space that the supernet has to be of, joined under the names of the blocks.
            score: As ``InheritedScore`` takes it.
            metric: As ``InheritedScore`` takes it.
            tie: As ``InheritedScore`` takes it.

        Raises:
            ValueError: When there is no supernet, the file cannot be read, or it is of another space.
        """
        directory = Path(directory)
        path = directory / SUPERNET
        if not path.exists():
            raise ValueError(
                f"Expected a trained supernet in {path}, got no such file; call fit first, without a time limit "
                "or with one that leaves time for a supernet."
            )
        try:
            model = keras.saving.load_model(path, compile=False)
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"Expected a supernet in {path}, got a file that cannot be read ({error}).") from error
        check_space(model, space, path)
        with np.load(directory / IMAGES) as arrays:
            parts = [_nested(arrays, part) for part in ("calibration", "x", "y")]
        found = cls(model, parts[0], (parts[1], parts[2]), score, directory, metric, tie)
        found.recall()
        return found


class SupernetCosts(JoinedCosts):
    """The costs of every network that a model with supernets hands out.

    The batch normalisation of cells counts with scale and offset, whether it has them or not.

    Args:
        model: The model.
    """

    def __init__(self, model: PathModel) -> None:
        blocks = {layer.name: (layer.space, tuple(layer.input.shape[1:])) for layer in model.supernets}
        point = model.space.default()
        super().__init__(blocks, model_costs(discrete_network(model, point, affine=True)), point)


def check_space(model: Any, space: JoinedSpace, path: Path) -> None:
    """Refuse a model that is not of the space.

    Raises:
        ValueError: When it has no supernet, or that of a block is of another space, which is named.
    """
    held = {layer.name: layer.space for layer in getattr(model, "supernets", [])}
    for name, wanted in space.parts.items():
        if name not in held:
            raise ValueError(f"Expected a supernet named {name!r} in {path}, got {sorted(held) or 'none'}.")
        # Cells and chains may be narrower in a supernet than in the space; their decisions are the same.
        if held[name].choices != wanted.choices:
            raise ValueError(
                f"Expected a supernet of the space of {name!r} in {path}, {wanted!r}, got one of {held[name]!r}; "
                "take the file that this search wrote, or pass overwrite=True to start over."
            )


def _flat(data: Any) -> dict[str, np.ndarray]:
    """Arrays by a name: the key of a dictionary, the place in a tuple, nothing for a single array."""
    if isinstance(data, Mapping):
        return {f"key/{name}": np.asarray(array) for name, array in data.items()}
    if isinstance(data, (tuple, list)):
        return {f"place/{place}": np.asarray(array) for place, array in enumerate(data)}
    return {"array": np.asarray(data)}


def _nested(arrays: Any, part: str) -> Any:
    """The inverse of ``_flat``."""
    names = [name.removeprefix(f"{part}/") for name in arrays.files if name.startswith(f"{part}/")]
    if names == ["array"]:
        return arrays[f"{part}/array"]
    found = {name.split("/", 1)[1]: arrays[f"{part}/{name}"] for name in names}
    if names[0].startswith("key/"):
        return found
    return tuple(found[str(place)] for place in range(len(found)))


def _alone(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors
