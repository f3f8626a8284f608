"""Networks cut into parts that are timed by themselves, so that their times add up to the time of the whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """What a latency table has to know of a space; made as ``cut(space, input_shape, classes)``.

    A space of another kind gets a class of its own and a line in ``latency.CUTS``. Its ``get_config`` has to give JSON
    that its constructor takes, so that a table can be saved and loaded.
    """

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has; the same one may come several times."""

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """The parts of the network of an architecture, each as often as it is computed."""

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


def function_part(text: str, size: Size, function: Callable[[Tensor], Tensor]) -> Part:
    """The part that computes ``function`` of maps of ``size``; with the size, ``text`` says what the time depends on."""
    return Part(f"{text} of {size_text(size)}", lambda: part_model(function, size))


def reduced(size: Sequence[int], strides: int) -> tuple[int, int]:
    """Height and width behind an operation with strides."""
    height, width = (-(-side // strides) for side in size)
    return height, width


def merge_part(kind: str, count: int, size: Size) -> Part:
    """The "sum" or "concat" of ``count`` maps of ``size``."""
    merge = {"sum": keras.layers.Add, "concat": keras.layers.Concatenate}[kind]

    def build() -> keras.Model:
        inputs = [keras.Input(size) for _ in range(count)]
        return keras.Model(inputs, merge()(inputs))

    return Part(f"{kind} {size_text(size)} of {count}", build)


def classifier(features: Tensor, classes: int) -> Tensor:
    """Global average pooling and a dense layer with softmax."""
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.layers.Dense(classes, activation="softmax")(pooled)


def size_text(size: Size) -> str:
    """A size in the names of parts: "32x32x16"."""
    return "x".join(map(str, size))
