"""How inputs that are no numbers become arrays: fitted on training samples, and done again inside an exported model."""

from __future__ import annotations

import itertools
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tree

from autonas_keras.files import write_atomically

FOLDER = "encoders"  # of a project
ATTEMPTS = 100  # to give operations other names than columns have


class Encoder(ABC):
    """What turns an input, as people have it, into the one array that the networks of a search read.

    ``fit`` is told the training samples only. What it learnt is kept as JSON in the folder of the search, so that
    ``predict`` and ``evaluate`` of another process encode alike. In the model that is exported stock Keras layers do the
    same: ``preprocessing``.

    Attributes:
        sample_rank: Axes of a sample in a tensor of a dataset.
    """

    sample_rank: ClassVar[int] = 0

    @abstractmethod
    def read(self, data: Any, name: str) -> Any:
        """The samples, not encoded yet: what has a length, and rows that ``take`` picks.

        Called before the split; in ``predict`` and ``evaluate`` after ``fit`` or ``set_state``.

        Args:
            data: What was given.
            name: How an error calls it.

        Raises:
            TypeError: When it is of a type that is not known.
            ValueError: When it is not like the training data.
        """

    @abstractmethod
    def forget(self) -> None:
        """Know nothing any more: what is read next is training data."""

    def take(self, samples: Any, rows: np.ndarray) -> Any:
        """Some of the samples that ``read`` gave."""
        return samples[rows]

    @abstractmethod
    def fit(self, samples: Any, name: str) -> None:
        """Learn from training samples, as ``read`` gave them; what was learnt before is forgotten.

        Raises:
            ValueError: When they cannot be learnt from.
        """

    @abstractmethod
    def encode(self, samples: Any, name: str) -> np.ndarray:
        """The array that networks read, samples first, its dtype always the same.

        Raises:
            ValueError: When a sample cannot be encoded.
        """

    @property
    def features(self) -> Any:
        """What the graph and the blocks that read the input itself are told: see ``Graph.set_features``."""
        return None

    @abstractmethod
    def get_state(self) -> dict[str, Any]:
        """What was learnt, as JSON knows it."""

    @abstractmethod
    def set_state(self, state: dict[str, Any]) -> None:
        """Take what ``get_state`` gave."""

    @abstractmethod
    def preprocessing(self) -> tuple[Any, Any]:
        """Keras inputs of raw samples, one or a dictionary of them, and the tensor that ``encode`` would give, made of
        stock Keras layers."""


def save_encoders(folder: Path, encoders: Sequence[Encoder | None]) -> None:
    """Keep what encoders have learnt in the folder of a search."""
    if any(encoder is not None for encoder in encoders):
        (folder / FOLDER).mkdir(exist_ok=True)
    for place, encoder in enumerate(encoders):
        if encoder is not None:
            write_atomically(folder / FOLDER / f"{place}.json", json.dumps(encoder.get_state()))


def load_encoders(folder: Path, encoders: Sequence[Encoder | None]) -> None:
    """Let encoders know again what those of ``save_encoders`` had learnt."""
    for place, encoder in enumerate(encoders):
        if encoder is not None:
            encoder.set_state(json.loads((folder / FOLDER / f"{place}.json").read_text()))


def encoders_code(encoders: Sequence[Encoder | None]) -> list[str | None]:
    """A short text for each encoder that differs when it has learnt something else."""
    states = [None if encoder is None else json.dumps(encoder.get_state()).encode() for encoder in encoders]
    return [None if state is None else f"{zlib.crc32(state):08x}" for state in states]


def with_preprocessing(network: keras.Model, encoders: Sequence[Encoder | None]) -> keras.Model:
    """The network behind the preprocessing of its inputs, so that it takes them raw.

    Args:
        network: Takes encoded inputs.
        encoders: Of each of its inputs, None for those that are arrays as they come.
    """
    raw, tensors = [], []
    taken: set[str] = set()
    for place, (encoder, tensor) in enumerate(zip(encoders, network.inputs, strict=True)):
        if encoder is None:
            entry = read = keras.Input(shape=tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        else:
            entry, part = _part(encoder, f"preprocessing_{place}")
            read = part.output
            names = {operation.name for operation in part.operations}
            if names & taken:  # two texts, or two tables with a column of one name
                entry = tree.map_structure(partial(_renamed, taken | names), entry)
                read, names = part(entry), {each.name for each in tree.flatten(entry)}
            taken |= names
        raw.append(entry)
        tensors.append(read)
    found = network(tensors if len(tensors) > 1 else tensors[0])
    names = network.output_names
    outputs = [
        keras.layers.Identity(name=name)(output)
        for name, output in zip(names, found if isinstance(found, (list, tuple)) else [found], strict=True)
    ]
    model = keras.Model(raw if len(raw) > 1 else raw[0], outputs if len(outputs) > 1 else outputs[0], name="exported")
    if network.compiled:
        model.compile_from_config(network.get_compile_config())
    return model


def _renamed(taken: Collection[str], entry: Any) -> Any:
    """A Keras input like another, with a name that is free."""
    name = next(name for count in itertools.count(1) if (name := f"{entry.name}_{count}") not in taken)
    return keras.Input(entry.shape[1:], dtype=entry.dtype, name=name)


def _part(encoder: Encoder, name: str) -> tuple[Any, keras.Model]:
    """Keras inputs of raw samples, and the model of their preprocessing.

    Columns may be called as Keras calls its operations ("floor", "cast"), which are numbered on until they differ.
    """
    for _ in range(ATTEMPTS):
        entry, read = encoder.preprocessing()
        try:
            return entry, keras.Model(entry, read, name=name)
        except ValueError as error:
            if "times in the model" not in str(error):
                raise
            clash = error
    raise clash
