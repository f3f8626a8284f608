"""Which method a search takes that named none: by its data, its machine and its time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tree
from autokeras.nodes import ImageInput

from autonas_keras.blocks import Graph
from autonas_keras.files import write_atomically
from autonas_keras.layers import has_function
from autonas_keras.spaces import CellSpace, MobileSpace, Space
from autonas_keras.tuners.timed import enough_epochs

FILE = "choice.json"
# Pixels a second and core that a search of a network of the default size goes through in training, roughly: a network
# of five dense cells of 16 channels was at 3.7 ms for 32x32 pixels on one core. A GPU is taken for a hundred cores.
PIXELS = 250_000
GPU = 100
SEARCHED = 6.0  # a search by shared weights pays when there is time for so many final trainings


@dataclass(frozen=True)
class Facts:
    """What the choice depends on.

    Attributes:
        samples: Samples to learn from.
        image: (height, width, channels) of the images, None when no input is one.
        searched: Kinds of the searched blocks' spaces: "mixed" where a search by gradient can mix them, "mobile" or
            "other".
        free: Whether the space may be chosen too, since nobody said it.
        time_limit: Seconds, None without a limit.
        cores: Processor cores that this process may use.
        gpus: GPUs.
    """

    samples: int
    image: tuple[int, ...] | None
    searched: tuple[str, ...]
    free: bool
    time_limit: float | None
    cores: int
    gpus: int

    @classmethod
    def of(cls, graph: Graph, x: Any, free: bool, time_limit: float | None) -> Facts:
        """The facts of a graph and the arrays it is to learn from."""
        arrays = tree.flatten(x)
        shapes = [
            array.shape[1:] for node, array in zip(graph.inputs, arrays, strict=False) if isinstance(node, ImageInput)
        ]
        shape = (*shapes[0], 1)[:3] if shapes else None
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            samples=len(arrays[0]),
            image=None if shape is None else tuple(int(size) for size in shape),
            searched=tuple(_kind(block.space) for block in graph.searched),
            free=free,
            time_limit=time_limit,
            cores=cores,
            gpus=len(tf.config.list_physical_devices("GPU")),
        )

    @property
    def training(self) -> float:
        """Seconds of a final training of a network of middle size, roughly."""
        height, width = (self.image or (8, 8))[:2]
        speed = PIXELS * (GPU * self.gpus or self.cores)
        return enough_epochs(self.samples) * self.samples * height * width / speed


@dataclass(frozen=True)
class Choice:
    """A method by name, the space where it was free, and a sentence that says why."""

    tuner: str
    space: str | None
    why: str


def choose(facts: Facts) -> Choice:
    """The method for a search that named none."""
    if not facts.searched:
        return Choice("greedy", None, "the graph has no block whose cells are searched, only hyperparameters")
    if facts.time_limit is None:
        if set(facts.searched) == {"mixed"}:
            return Choice("darts", None, "no time limit is set, and a search by gradient trains one supernet only")
        method = "bignas" if set(facts.searched) == {"mobile"} else "spos"
        return Choice(method, None, "no time limit is set, and the space has no mixture to search by gradient")
    said = (
        f"{facts.time_limit:g} s on {_machine(facts)} for {facts.samples:,} samples"
        f"{'' if facts.image is None else ' of {}x{}x{}'.format(*facts.image)}"
    )
    if facts.image is None:
        return Choice(
            "greedy",
            None,
            f"{said}: networks for inputs that are not images train quickly, so several near the default are compared",
        )
    trainings = facts.time_limit / facts.training
    there = f"{said}: time for about {trainings:.2g} trainings of a network of middle size"
    if facts.free:
        return Choice(
            "published",
            "nasbench201",
            f"{there}; a published cell gets most of it, its neighbours are tried when some is left over",
        )
    kinds = set(facts.searched)
    if trainings < SEARCHED or facts.time_limit < 120:
        return Choice("published", None, f"{there}; that is better spent on one network than on a search")
    if kinds == {"mixed"}:
        return Choice("darts", None, f"{there}; enough for a search by gradient and a final training")
    method = "bignas" if kinds == {"mobile"} else "spos"
    return Choice(method, None, f"{there}; enough for a search by shared weights and a final training")


def _kind(space: Space) -> str:
    if isinstance(space, CellSpace) or has_function(space):
        return "mixed"
    return "mobile" if isinstance(space, MobileSpace) else "other"


def _machine(facts: Facts) -> str:
    parts = [(facts.gpus, "GPU"), (facts.cores, "core")]
    return " and ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in parts if count)


def write_choice(folder: Path, choice: Choice, facts: Facts) -> None:
    """Keep what was chosen and why, as ``choice.json`` in the folder of the search."""
    write_atomically(folder / FILE, json.dumps({**asdict(choice), "facts": asdict(facts)}, indent=1))


def read_choice(folder: Path) -> Choice | None:
    """What was chosen for the search of a folder, None when nothing was."""
    try:
        known: Mapping[str, Any] = json.loads((folder / FILE).read_text())
        return Choice(known["tuner"], known["space"], known["why"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
