"""A place of a supernet where the computation branches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.names import layer_names
from autonas_keras.layers.weights import initialize_weights
from autonas_keras.supernets.path import Usage


class Switch(keras.layers.Layer):
    """Branches of which one is computed, that with a given index.

    All of them are in the traced graph, one of them runs: neither the weights nor the moving statistics of the others
    are read or moved, and their gradients are zero.

    Args:
        branches: Built models that read the same shape and give the same shape; None is the identity.
        **kwargs: As keras.layers.Layer takes them.

    Raises:
        ValueError: When there is no branch.

    Example:
        ``y = Switch([branch_model("conv", (8, 8, 4), build, "float32", seed=0), None])(x, self.place(0), training)``
    """

    def __init__(self, branches: Sequence[keras.Model | None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not branches:
            raise ValueError("Expected a switch of at least one branch, got none.")
        self.size = len(branches)
        # Keras tracks models in a flat list, and None in such a list would be lost.
        self._models = [model for model in branches if model is not None]
        self._positions = {index: i for i, index in enumerate(j for j, m in enumerate(branches) if m is not None)}
        self.built = True

    def branch(self, index: int) -> keras.Model | None:
        """The model at ``index``, None where that is the identity."""
        return self._models[self._positions[index]] if index in self._positions else None

    def call(self, x: Any, index: Any, training: bool | None = None) -> Any:
        """The branch ``index`` of x.

        Args:
            x: What the branches read.
            index: A scalar int32 tensor in 0 to ``size - 1``.
            training: Whether batch normalisation uses the batch's statistics, and moves its own.
        """
        if self.size == 1:
            return self._run(0, x, training)
        return tf.switch_case(index, [partial(self._run, i, x, training) for i in range(self.size)])

    def _run(self, index: int, x: Any, training: bool | None) -> tf.Tensor:
        model = self.branch(index)
        # Branches have to agree in their type, whatever a layer of the user's own gives.
        return tf.identity(x) if model is None else tf.cast(model(x, training=training), x.dtype)

    def compute_output_shape(self, x_shape: Sequence[int | None], index_shape: Any = None) -> tuple[int | None, ...]:
        return tuple(self._models[0].compute_output_shape(tuple(x_shape)) if self._models else x_shape)

    def compute_output_spec(self, x: Any, index: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=x.dtype)

    def usage(self, place: int) -> list[Usage]:
        """Which weights are used by which entry of a route at ``place``."""
        if self.size == 1:
            return []
        return [
            Usage(partial(_takes, place, index), self._models[position].trainable_weights)
            for index, position in self._positions.items()
            if self._models[position].trainable_weights
        ]


def _takes(place: int, index: int, route: tf.Tensor) -> tf.Tensor:
    return tf.equal(route[place], index)


def branch_model(
    name: str,
    input_shape: Sequence[int | None],
    function: Callable[[keras.KerasTensor], keras.KerasTensor],
    policy: Any,
    seed: int | Sequence[int],
) -> keras.Model:
    """A model of ``function``, its layers named "name_conv" and so on, with weights of their own seed.

    Args:
        name: Name of the model and first part of the names of its layers; what ``layer_names`` takes.
        input_shape: (height, width, channels) of what it reads; sizes may be None.
        function: Builds the layers.
        policy: Dtype policy of the layers, or its name.
        seed: Seed of the initial weights, which depend on nothing else.
    """
    with dtype_policy(policy):
        x = keras.Input(tuple(input_shape), dtype=keras.config.dtype_policy().compute_dtype)
        with layer_names(name):
            model = keras.Model(x, function(x), name=name)
    initialize_weights(model, int(np.random.SeedSequence(seed).generate_state(1)[0]))
    return model


@contextmanager
def dtype_policy(policy: Any) -> Iterator[None]:
    """Build layers under a dtype policy: they take that of the moment, and a supernet's are those of the supernet."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
