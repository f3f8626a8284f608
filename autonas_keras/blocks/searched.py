"""What searched blocks have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tree
from autokeras.engine import block as block_module

from autonas_keras.blocks.recipe import IMAGES, Recipe
from autonas_keras.layers import DropPath
from autonas_keras.spaces import Architecture, Space, get_space

LARGEST = 64  # pixels of the shorter side from which on a network first averages them down
SHRINKABLE = 24  # pixels of the shorter side from which on a search may see less of them


@dataclass
class Network:
    """How searched blocks are built this time.

    Attributes:
        supernet: Makes the layer that holds all architectures of a space; None builds the architecture of ``hp``.
        cells: Cells of the network, None for those of the space.
        channels: Channels of the first cell or of the stem of other networks, None for those of the space.
        width: Factor of the channels that ``channels`` or the space say.
        depth: Factor of the cells that ``cells`` or the space say.
        shrink: Factor by which inputs of 24 pixels and more are averaged down; larger ones than 64 always are, to 64
            pixels or more. Mobile networks choose their resolution themselves.
        drop_path: Rate and generator of drop-path, None for a network without; cells have it.
        auxiliary: Whether blocks of cells keep features for an auxiliary head.
        affine: Whether batch normalisation inside cells learns scale and offset.
    """

    supernet: Callable[[Any, str], keras.layers.Layer] | None = None
    cells: int | None = None
    channels: int | None = None
    width: float = 1.0
    depth: float = 1.0
    shrink: int = 1
    drop_path: DropPath | None = None
    auxiliary: bool = False
    affine: bool = True


class SearchedBlock(block_module.Block):
    """A block whose architecture is searched: it has a ``space``, and declares all of it before it builds anything.

    A subclass says the kind of its space, its default, and which sizes of a ``Network`` it takes, and builds the network of an
    architecture.

    Args:
        space: A space by name, as an object, or its configuration; None for the one of the block's ``default``.
        name: Name of the block.
        sized: Whether the network has the sizes of the space in any case, as for a space given as an object. A space
            given by name is fitted to the images.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space is of another kind.
    """

    space_class: ClassVar[type[Space]]
    default: ClassVar[str]  # the name of the space where none is given
    kind: ClassVar[str]
    sizes: ClassVar[tuple[str, ...]] = ()
    factors: ClassVar[tuple[str, ...]] = ()  # those of width and depth that networks of the space follow
    any_size: ClassVar[bool] = False  # whether networks of a space given as an object read large images as they come
    recipe: ClassVar[Recipe] = IMAGES  # how its networks are trained, where nobody says

    def __init__(
        self,
        space: str | Space | Mapping[str, Any] | None = None,
        name: str | None = None,
        sized: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        space = self.default if space is None else space
        self.sized = not isinstance(space, str) if sized is None else sized
        found = self.space_class(**space) if isinstance(space, Mapping) else get_space(space)
        if not isinstance(found, self.space_class):
            raise TypeError(
                f"Expected a space of {self.kind} for a {type(self).__name__}, got {type(found).__name__}; "
                f"use {self.space_class.__name__}."
            )
        self.space: Any = found
        self.network = Network()
        self.layer_prefix = ""
        self.features: Any = None  # what is known of the encoded input that the block reads, if it reads one
        self.input_shape: tuple[int, ...] | None = None
        self.side = 0  # pixels of the shorter side of what it reads, before anything is averaged down
        self.auxiliary_features: Any = None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "space": self.space.get_config(), "sized": self.sized}

    @property
    def fixed(self) -> bool:
        """Whether the space stays as it is, whatever the images."""
        return True

    @property
    def built_space(self) -> Any:
        """The space with the sizes of the network that is built."""
        return self.space

    def architecture(self, hp: Any) -> Architecture:
        """The architecture of this block that hyperparameters outside its name scope name."""
        with hp.name_scope(self.name):
            return self.space.read(hp)

    def recall(self, hp: Any) -> None:
        """Take the space that hyperparameters were declared from, if the images decided on it."""

    def build(self, hp: Any, inputs: Any = None) -> Any:
        x = tree.flatten(inputs)[0]
        x = self._enter(x)
        self.input_shape = tuple(int(size) for size in x.shape[1:])
        self._fit()
        self.space.declare(hp)
        if self.network.supernet is not None:
            return self.network.supernet(self.built_space, self.name)(x)
        return self._build_network(x, self.space.read(hp))

    def follows(self, network: Network) -> dict[str, bool]:
        """Whether this block, once built, is narrower, shallower or sees less in ``network``, by what would make it so."""
        before, whole = self.network, self._factor(self.side)
        self.network = network
        try:
            shrinks = self._factor(self.side) > whole
        finally:
            self.network = before
        return {"width": "width" in self.factors, "depth": "depth" in self.factors, "resolution": shrinks}

    def _enter(self, x: Any) -> Any:
        """What the network reads: images, averaged down where they are large.

        Raises:
            ValueError: When the block cannot read such an input.
        """
        if len(x.shape) != 4 or None in x.shape[1:]:
            raise ValueError(
                f"Expected an input of shape (height, width, channels) for {self.name}, got {tuple(x.shape[1:])}; "
                f"a {type(self).__name__} reads images or feature maps."
            )
        self.side = int(min(x.shape[1:3]))
        factor = self._factor(self.side)
        if factor > 1:
            x = keras.layers.AveragePooling2D(factor, padding="same", name=f"{self.layer_prefix}shrink")(x)
        return x

    def _factor(self, side: int) -> int:
        """The factor by which images of this shorter side are averaged down first."""
        factor = 1 if self.sized and self.any_size else max(1, side // LARGEST)
        return factor * (self.network.shrink if side // factor >= SHRINKABLE else 1)

    def _fit(self) -> None:
        """Fit the space to the images, whose shape is known now."""

    @staticmethod
    def scaled(channels: int, factor: float) -> int:
        """Channels of a narrower network: a multiple of 4, at least 4, and never more than before."""
        return min(channels, max(4, 4 * int(channels * factor / 4 + 0.5)))

    @abstractmethod
    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        """The features of the network of an architecture."""
