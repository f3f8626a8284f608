"""A searched block: the cells of a space, or the supernet that holds all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tree
from autokeras.engine import block as block_module

from autonas_keras.layers import DropPath, cell_network
from autonas_keras.spaces import Architecture, CellSpace, Space, get_space

SMALL = 16  # pixels of a side up to which three cells see all of an image

LARGEST = 64  # pixels of the shorter side from which on a network first averages them down
SHRINKABLE = 24  # pixels of the shorter side from which on a search may see less of them


@dataclass
class Network:
    """How searched blocks are built this time.

    Attributes:
        supernet: Makes the layer that holds all architectures of a space; None builds the architecture of ``hp``.
        cells: Cells of the network, None for those of the space.
        channels: Channels of the first cell, None for those of the space.
        shrink: Factor by which inputs of 24 pixels and more are averaged down; larger ones than 64 always are, to 64
            pixels or more.
        drop_path: Rate and generator of drop-path, None for a network without.
        auxiliary: Whether the blocks keep features for an auxiliary head.
    """

    supernet: Callable[[CellSpace, str], keras.layers.Layer] | None = None
    cells: int | None = None
    channels: int | None = None
    shrink: int = 1
    drop_path: DropPath | None = None
    auxiliary: bool = False


class SearchedBlock(block_module.Block):
    """A block whose architecture is searched: it has a ``space``, and declares all of it before it builds anything."""

    space: Space

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = Network()
        self.layer_prefix = ""

    def architecture(self, hp: Any) -> Architecture:
        """The architecture of this block that hyperparameters outside its name scope name."""
        with hp.name_scope(self.name):
            return self.space.read(hp)


@keras.utils.register_keras_serializable(package="autonas_keras")
class CellBlock(SearchedBlock):
    """A stack of cells whose operations and connections are searched, for images or feature maps.

    It stands anywhere in an AutoModel graph, (batch, height, width, channels) in, features of the same rank out.

    Args:
        space: "darts", "nasnet", "nasbench201", or a ``CellSpace``.
        name: Name of the block, by default "cell_block_1" and so on.
        sized: Whether the network has the cells of the space in any case, as for a space given as an object. A space
            given by name gets three cells for small images and at most five (dense: nine) for others.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space has no cells.

    Example:
        ``out = ank.ClassificationHead()(ank.CellBlock("darts")(ank.Normalization()(ank.ImageInput())))``
    """

    space: CellSpace

    def __init__(
        self,
        space: str | CellSpace | Mapping[str, Any] = "darts",
        name: str | None = None,
        sized: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.sized = not isinstance(space, str) if sized is None else sized
        found = CellSpace(**space) if isinstance(space, Mapping) else get_space(space)
        if not isinstance(found, CellSpace):
            raise TypeError(f"Expected a space of cells for a CellBlock, got {type(found).__name__}; use CellSpace.")
        self.space = found
        self.input_shape: tuple[int, ...] | None = None
        self.auxiliary_features: Any = None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "space": self.space.get_config(), "sized": self.sized}

    @property
    def built_space(self) -> CellSpace:
        """The space with the depth and width of the network that is built."""
        cells = self.network.cells
        if cells is None and not self.sized and self.input_shape is not None:
            few, some = (3, 9) if self.space.topology == "dense" else (3, 5)
            cells = min(self.space.cells, few if max(self.input_shape[:2]) <= SMALL else some)
        return self.space.resized(cells, self.network.channels)

    def build(self, hp: Any, inputs: Any = None) -> Any:
        self.space.declare(hp)
        x = tree.flatten(inputs)[0]
        if len(x.shape) != 4 or None in x.shape[1:]:
            raise ValueError(
                f"Expected an input of shape (height, width, channels) for {self.name}, got {tuple(x.shape[1:])}; "
                "a CellBlock reads images or feature maps."
            )
        side = min(x.shape[1:3])
        factor = max(1, side // LARGEST)
        factor *= self.network.shrink if side // factor >= SHRINKABLE else 1
        if factor > 1:
            x = keras.layers.AveragePooling2D(factor, padding="same", name=f"{self.layer_prefix}shrink")(x)
        self.input_shape = tuple(int(size) for size in x.shape[1:])
        if self.network.supernet is not None:
            return self.network.supernet(self.built_space, self.name)(x)
        architecture = self.space.read(hp)
        cells = {kind: self.space.cell(architecture, kind) for kind in self.space.cell_types}
        features = cell_network(
            x,
            cells,
            self.built_space,
            drop_path=self.network.drop_path,
            auxiliary=self.network.auxiliary,
            name_prefix=self.layer_prefix,
        )
        if self.network.auxiliary:
            features, self.auxiliary_features = features
        return features
