"""Supernets of spaces whose network is one function: what those that select and those that mix have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tree

from autonas_keras.layers.functions import NETWORKS, function_network, network_function
from autonas_keras.layers.names import layer_names
from autonas_keras.layers.picking import Branch, Picker
from autonas_keras.layers.weights import initialize_weights
from autonas_keras.spaces import Choice, Option, Space
from autonas_keras.supernets.switch import dtype_policy


class Place(keras.layers.Layer):
    """Where a network decides: it holds the branches of all options of a choice, and a subclass brings them together.

    Args:
        choice: Name and options.
        branches: For each option a built model of what the place reads; None gives it back.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(self, choice: Choice, branches: Sequence[keras.Model | None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choice = choice
        # Keras tracks models in a flat list, and None in such a list would be lost.
        self._models = [model for model in branches if model is not None]
        self._positions = {index: i for i, index in enumerate(j for j, m in enumerate(branches) if m is not None)}
        self.built = True

    def branch(self, index: int) -> keras.Model | None:
        """The model of an option, None where that gives back what it reads."""
        return self._models[self._positions[index]] if index in self._positions else None

    def run(self, index: int, x: Any, training: bool | None) -> tf.Tensor:
        """What the branch of an option makes of ``x``."""
        model = self.branch(index)
        y = x if model is None else model(x, training=training)
        return tf.cast(y, self.compute_dtype) if tf.as_dtype(y.dtype).is_floating else tf.identity(y)

    def compute_output_spec(self, x: Any, training: bool | None = None) -> keras.KerasTensor:
        if not self._models:
            return keras.KerasTensor(x.shape, dtype=x.dtype)
        output = self._models[0].output
        floating = tf.as_dtype(output.dtype).is_floating
        return keras.KerasTensor(output.shape, dtype=self.compute_dtype if floating else output.dtype)


class FunctionLayer(keras.layers.Layer):
    """All networks of a space in ``NETWORKS`` as one functional model, with a ``Place`` where its function picks.

    A subclass sets ``space`` and ``seed``, calls ``_build_network`` in ``build`` and says which ``_place`` it takes.
    """

    space: Space
    seed: int

    def _place(self, choice: Choice, branches: Sequence[keras.Model | None], **kwargs: Any) -> Place:
        raise NotImplementedError

    def _build_network(self, input_shape: Sequence[int | None]) -> None:
        sizes = tuple(size for size in input_shape[1:] if size is not None)
        if len(sizes) < len(input_shape) - 1:
            raise ValueError(f"Expected an input of known sizes, got {tuple(input_shape)}; give the input its shape.")
        self.network = self._functional(sizes, self._supernet)
        initialize_weights(self.network, int(np.random.SeedSequence([self.seed, 9]).generate_state(1)[0]))

    def _functional(self, input_shape: tuple[int, ...], function: Callable[[Any], Any]) -> keras.Model:
        with dtype_policy(self.dtype_policy):
            x = keras.Input(input_shape, dtype=self.space.input_dtype or self.compute_dtype)
            return keras.Model(x, function(x))

    def _supernet(self, x: Any) -> Any:
        make = partial(self._place, dtype=self.dtype_policy)
        return network_function(self.space)(x, self.space, _Building(self.space, make))

    def places(self) -> Iterator[Place]:
        """Every place of the network, those inside branches too."""
        for _, model in walk(self.network):
            yield from (layer for layer in model.layers if isinstance(layer, Place))

    def run(self, x: Any, training: bool | None) -> tf.Tensor:
        """What the network makes of ``x``."""
        y = self.network(tf.cast(x, self.network.input.dtype), training=training)
        return tf.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.network.output.shape[1:])

    def compute_output_spec(self, x: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=self.compute_dtype)

    def extract(self, architecture: Mapping[str, Option], input_shape: tuple[int, ...]) -> keras.Model:
        """The network of an architecture as a model of stock Keras layers, with the weights it has in here.

        Raises:
            ValueError: When the architecture is no point of the space, or the function names layers otherwise than in
                the supernet.
        """
        point = self.space.architecture(architecture)
        model = self._functional(input_shape, partial(function_network, architecture=point, space=self.space))
        held = {layer.name: layer for part in taken(self.network, point) for layer in part.layers}
        for layer in model.layers:
            if not layer.weights:
                continue
            if layer.name not in held:
                raise ValueError(
                    f"Expected the network of {type(self.space).__name__} to name its layers alike in the supernet, got "
                    f"{layer.name!r} in a single network only; name it with layer_name inside layer_names."
                )
            layer.set_weights(held[layer.name].get_weights())
        return model


class _Building(Picker):
    """Builds the branches of all options, each as a functional model."""

    def __init__(self, space: Space, make: Callable[..., Place]) -> None:
        super().__init__()
        self.space, self.make = space, make
        self._within: dict[str, Option] = {}  # what is decided around the branch that is built

    def pick(self, name: str, x: Any, options: Mapping[Any, Branch]) -> Any:
        choice = self._choice(name, options)
        branches = [self._branch(choice, option, x, options[option]) for option in choice.options]
        shapes = {tuple(x.shape) if model is None else tuple(model.output.shape) for model in branches}
        if len(shapes) > 1:
            raise ValueError(f"Expected all options of {name!r} to give one shape, got {sorted(shapes, key=str)}.")
        return self.make(choice, branches, name=self.branch_name(name, "place"))(x)

    def _choice(self, name: str, options: Mapping[Any, Branch]) -> Choice:
        kind, choice = type(self.space).__name__, self.space.named.get(name)
        if choice is None or set(choice.options) != set(options):
            known = "no such choice" if choice is None else f"options {list(choice.options)}"
            raise ValueError(
                f"Expected the network of {kind} to pick what its space has, got {name!r} of {list(options)}, where "
                f"the space has {known}."
            )
        ways = [conditions for found, conditions in self.space.walk() if found.name == name]
        if not any(all(self._within.get(outer) == option for outer, option in conditions) for conditions in ways):
            raise ValueError(
                f"Expected the network of {kind} to pick {name!r} inside the branch of "
                f"{' or '.join(str(dict(conditions)) for conditions in ways)}, got {self._within or 'no branch'}."
            )
        return choice

    def _branch(self, choice: Choice, option: Option, x: Any, function: Branch) -> keras.Model | None:
        name, around = self.branch_name(choice.name, option), self._within
        inside = tree.map_structure(lambda tensor: keras.Input(tensor.shape[1:], dtype=tensor.dtype), x)
        self._within = {**around, choice.name: option}
        with layer_names(name):
            y = function(inside)
        self._within = around
        return None if y is inside else keras.Model(inside, y, name=name)


class Within(NamedTuple):
    """A condition under which a model is part of a network: the option of a choice, by its place among the options."""

    choice: str
    position: int


def walk(model: keras.Model, within: tuple[Within, ...] = ()) -> Iterator[tuple[tuple[Within, ...], keras.Model]]:
    """The model and those of the branches inside, each with what has to be selected for it to run."""
    yield within, model
    for layer in model.layers:
        if isinstance(layer, Place):
            for index, _ in enumerate(layer.choice.options):
                branch = layer.branch(index)
                if branch is not None:
                    yield from walk(branch, (*within, Within(layer.choice.name, index)))


def taken(model: keras.Model, architecture: Mapping[str, Option]) -> Iterator[keras.Model]:
    """The model and those of the branches inside that an architecture takes."""
    yield model
    for layer in model.layers:
        if isinstance(layer, Place):
            branch = layer.branch(layer.choice.options.index(architecture[layer.choice.name]))
            if branch is not None:
                yield from taken(branch, architecture)


def space_config(space: Space) -> dict[str, Any]:
    """A space of ``NETWORKS`` as JSON knows it."""
    return {"class": type(space).__name__, "config": space.get_config()}  # type: ignore[attr-defined]


def space_of(config: Space | Mapping[str, Any]) -> Space:
    """The space of ``space_config``, or the space itself.

    Raises:
        ValueError: When no space of that name has a function.
    """
    if isinstance(config, Space):
        return config
    kinds: dict[str, Any] = {kind.__name__: kind for kind in NETWORKS}
    if config["class"] not in kinds:
        raise ValueError(f"Expected a space of one of {', '.join(kinds)}, got {config['class']!r}.")
    return kinds[config["class"]](**config["config"])
