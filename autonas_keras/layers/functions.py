"""Spaces whose network is one function, from which single networks and supernets are built alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from autonas_keras.layers.operations import Tensor
from autonas_keras.layers.picking import Picked, Picker
from autonas_keras.layers.recurrent import recurrent_network
from autonas_keras.layers.tabular import tabular_network
from autonas_keras.layers.text import text_network
from autonas_keras.spaces import Option, RecurrentSpace, Space, TabularSpace, TextSpace


class NetworkFunction(Protocol):
    """Builds the features of the networks of a space, (batch, ...) to (batch, ..., channels)."""

    def __call__(self, x: Tensor, space: Any, picker: Picker, name_prefix: str = "") -> Tensor: ...


# The function of each space. A space in here is searched by every tuner, one-shot ones included.
NETWORKS: dict[type[Space], NetworkFunction] = {
    RecurrentSpace: recurrent_network,
    TabularSpace: tabular_network,
    TextSpace: text_network,
}


def has_function(space: Space) -> bool:
    """Whether the networks of a space are built by a function."""
    return any(isinstance(space, kind) for kind in NETWORKS)


def network_function(space: Space) -> NetworkFunction:
    """The function that builds the networks of a space.

    Raises:
        TypeError: When there is none.
    """
    for kind, function in NETWORKS.items():
        if isinstance(space, kind):
            return function
    known = ", ".join(kind.__name__ for kind in NETWORKS)
    raise TypeError(f"Expected a space of one of {known}, got {type(space).__name__}.")


def function_network(x: Tensor, architecture: Mapping[str, Option], space: Space, name_prefix: str = "") -> Tensor:
    """The features of the network of one architecture of a space in ``NETWORKS``, out of stock Keras layers.

    Args:
        x: What the network reads.
        architecture: A point of the space.
        space: Says the sizes.
        name_prefix: Goes in front of the layers' names.

    Raises:
        ValueError: When the architecture is no point of the space.
        TypeError: When no function builds its networks.
    """
    point = space.architecture(architecture)
    return network_function(space)(x, space, Picked(point, name_prefix), name_prefix)
