"""What supernets have in common that run one architecture at a time.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, section 3.2.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Option, Space


class Usage(NamedTuple):
    """Weights that only some routes use.

    Attributes:
        used: Function of a route, an int32 tensor of shape (places,), that gives whether it uses them, a scalar bool.
        variables: Trainable weights.
    """

    used: Callable[[tf.Tensor], tf.Tensor]
    variables: Sequence[keras.Variable]


class PathSupernet(keras.layers.Layer):
    """A whole space as one layer that computes one architecture at a time, with shared weights.

    Which one is state of the layer: ``selected``, a variable that holds its route, one small integer for each place
    where the computation branches. So one traced graph serves all architectures, and nothing but that variable
    changes between two of them.

    A subclass gives its ``space``, makes its weights and ``self._build_route(places)`` in ``build``, and says ``route``,
    ``usage`` and ``extract``.

    Args:
        seed: Seed of all initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    space: Space
    selected: keras.Variable

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = int(seed)

    def _build_route(self, places: int) -> None:
        self.selected = self.add_weight(
            shape=(places,), initializer="zeros", dtype="int32", trainable=False, name="selected"
        )

    def place(self, index: int) -> tf.Tensor:
        """What is selected at a place, a scalar int32 tensor."""
        return tf.convert_to_tensor(self.selected)[index]

    @abstractmethod
    def route(self, architecture: Mapping[str, Option]) -> np.ndarray:
        """The route of an architecture, int32 of shape (places,).

        Raises:
            ValueError: When it is no point of the space.
        """

    @abstractmethod
    def usage(self) -> list[Usage]:
        """Which weights only some routes use; those that stand in none are used by all."""

    @abstractmethod
    def extract(self, architecture: Mapping[str, Option], input_shape: tuple[int, int, int]) -> keras.Model:
        """The network of an architecture as a model of stock Keras layers, with the weights it has in here."""

    def parts(self, architecture: Mapping[str, Option]) -> list[keras.Model] | None:
        """The models that make up the network of an architecture, in the order in which ``layers`` builds them.

        None when its network has weights that are not here one for one: a part stands in it twice, or is a slice of one.

        Raises:
            ValueError: When it is no point of the space.
        """
        return None

    def select(self, architecture: Mapping[str, Option]) -> None:
        """Compute this architecture from now on.

        Raises:
            ValueError: When it is no point of the space.
        """
        self.selected.assign(self.route(architecture))
