"""Networks cut into parts that are timed by themselves, so that their times add up to the time of the whole.

A runtime does not compute a network layer by layer: it leaves out what stands twice, and merges neighbours. So a part
ends where nothing is merged, and an architecture lists what the runtime computes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import keras

from autonas_keras.layers.operations import Tensor
from autonas_keras.spaces.choice import Option

Size = tuple[int, int, int]


class Part(NamedTuple):
    """A piece of networks.

    Attributes:
        name: Says all that the time depends on, so that what stands at several places is timed once; no comma in it.
        build: Builds it as a model of stock Keras layers.
    """

    name: str
    build: Callable[[], keras.Model]


class Cut(Protocol):
    """What a latency table has to know of a space; made as ``cut(space, input_shape, classes, runtime)``.

    A space of another kind gets a class of its own and a line in ``latency.CUTS``. Its ``get_config`` has to give JSON
    that its constructor takes, so that a table can be saved and loaded.
    """

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has; the same one may come several times."""

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """What is computed of the network of an architecture: each part as often as it is."""

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The whole network, of stock Keras layers."""


@contextmanager
def kept_randomness() -> Iterator[None]:
    """Leave Python's global generator as it was: Keras takes from it the seeds of layers that are given none."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def part_model(function: Callable[[Tensor], Tensor], size: Size) -> keras.Model:
    """The model that computes ``function`` of maps of ``size``."""
    x = keras.Input(size)
    return keras.Model(x, function(x))


def classifier(features: Tensor, classes: int) -> Tensor:
    """Global average pooling and a dense layer with softmax."""
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.layers.Dense(classes, activation="softmax")(pooled)


def size_text(size: Size) -> str:
    """A size in the names of parts: "32x32x16"."""
    return "x".join(map(str, size))
