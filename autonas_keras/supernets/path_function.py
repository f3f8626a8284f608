"""A whole space whose network is a function as one layer that computes one architecture at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tree

from autonas_keras.spaces import Choice, Option, Space
from autonas_keras.supernets.function import FunctionLayer, Place, Within, space_config, space_of, walk
from autonas_keras.supernets.path import PathSupernet, Usage


class SwitchPlace(Place):
    """A place that computes the branch of one option.

    Args:
        choice: Name and options.
        branches: As ``Place`` takes them.
        selected: Gives the index of the option, a scalar int32 tensor.
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(
        self,
        choice: Choice,
        branches: Sequence[keras.Model | None],
        selected: Callable[[], tf.Tensor],
        **kwargs: Any,
    ) -> None:
        super().__init__(choice, branches, **kwargs)
        self._selected = selected

    def call(self, x: Any, training: bool | None = None) -> Any:
        """What the branch of the selected option makes of ``x``."""
        size = len(self.choice.options)
        if size == 1:
            return self.run(0, x, training)
        return tf.switch_case(self._selected(), [partial(self._run_inside, i, x, training) for i in range(size)])

    def _run_inside(self, index: int, x: Any, training: bool | None) -> tf.Tensor:
        # In nested branches TensorFlow finds no gradient of functions with one of their own, such as swish, of a tensor
        # that is not of the branch.
        return self.run(index, tree.map_structure(tf.identity, x), training)


@keras.utils.register_keras_serializable(package="autonas_keras")
class PathFunction(FunctionLayer, PathSupernet):
    """The network of a space in ``NETWORKS`` in which every choice holds all branches and computes one of them.

    Neither the weights nor the moving statistics of the others are read or moved. What it reads and gives is what the
    function does; sizes have to be known.

    The route has an entry for each choice, the index of its option, 0 where it is not active.

    Args:
        space: A space in ``NETWORKS``, or what ``space_config`` gives of it.
        seed: Seed of all initial weights.
        **kwargs: As keras.layers.Layer takes them.

    Raises:
        ValueError: When it is built and the function picks otherwise than its space says, or is given open sizes.
    """

    def __init__(self, space: Space | Mapping[str, Any], seed: int = 0, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.space = space_of(space)
        self._entries = {name: entry for entry, name in enumerate(self.space.named)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "space": space_config(self.space), "seed": self.seed}

    def build(self, input_shape: Sequence[int | None]) -> None:
        self._build_route(len(self._entries))
        self._build_network(input_shape)
        super().build(input_shape)

    def _place(self, choice: Choice, branches: Sequence[keras.Model | None], **kwargs: Any) -> Place:
        return SwitchPlace(choice, branches, partial(self.place, self._entries[choice.name]), **kwargs)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Features of the selected architecture, (batch, ...) to (batch, ..., channels)."""
        return self.run(x, training)

    def route(self, architecture: Mapping[str, Option]) -> np.ndarray:
        return np.maximum(self.space.encode(architecture), 0)

    def usage(self) -> list[Usage]:
        ways: dict[int, set[tuple[Within, ...]]] = {}
        weights: dict[int, keras.Variable] = {}
        for within, model in walk(self.network):
            decided = tuple(each for each in within if len(self.space.named[each.choice].options) > 1)
            for layer in model.layers:
                for weight in () if isinstance(layer, Place) else layer.trainable_weights:
                    weights[id(weight)] = weight
                    ways.setdefault(id(weight), set()).add(decided)
        together: dict[frozenset[tuple[Within, ...]], list[keras.Variable]] = {}
        for key, found in ways.items():
            together.setdefault(frozenset(found), []).append(weights[key])
        return [
            Usage(partial(_any_met, [self._entered(way) for way in found]), variables)
            for found, variables in together.items()
            if () not in found
        ]

    def _entered(self, way: Sequence[Within]) -> list[tuple[int, int]]:
        return [(self._entries[each.choice], each.position) for each in way]


def _any_met(ways: Sequence[Sequence[tuple[int, int]]], route: tf.Tensor) -> tf.Tensor:
    """Whether a route has all entries of one of the ways."""
    met = [tf.reduce_all(tf.stack([tf.equal(route[entry], index) for entry, index in way])) for way in ways]
    return tf.reduce_any(tf.stack(met))
