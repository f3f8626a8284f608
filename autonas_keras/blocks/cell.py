"""A searched block of cells."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.layers import cell_network
from autonas_keras.spaces import Architecture, CellSpace, Space

SMALL = 16  # pixels of a side up to which three cells see all of an image
FEWEST = 3  # cells of a shallower network: of fewer, none may be normal


@keras.utils.register_keras_serializable(package="autonas_keras")
class CellBlock(SearchedBlock):
    """A stack of cells whose operations and connections are searched, for images or feature maps.

    It stands anywhere in an AutoModel graph, (batch, height, width, channels) in, features of the same rank out.

    Args:
        space: "darts" (the default), "nasnet", "nasbench201", or a ``CellSpace``.
        name: Name of the block, by default "cell_block_1" and so on.
        sized: Whether the network has the cells of the space in any case, as for a space given as an object. A space
            given by name gets three cells for small images and at most five (dense: nine) for others.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space has no cells.

    Example:
        ``out = ank.ClassificationHead()(ank.CellBlock("darts")(ank.Normalization()(ank.ImageInput())))``
    """

    space_class: ClassVar[type[Space]] = CellSpace
    default: ClassVar[str] = "darts"
    kind: ClassVar[str] = "cells"
    sizes: ClassVar[tuple[str, ...]] = ("cells", "channels")
    factors: ClassVar[tuple[str, ...]] = ("width", "depth")

    @property
    def built_space(self) -> CellSpace:
        """The space with the depth and width of the network that is built."""
        cells = self.network.cells
        if cells is None and not self.sized and self.input_shape is not None:
            few, some = (3, 9) if self.space.topology == "dense" else (3, 5)
            cells = min(self.space.cells, few if max(self.input_shape[:2]) <= SMALL else some)
        space = self.space.resized(cells, self.network.channels)
        if self.network.depth == self.network.width == 1:
            return space
        shallow = min(space.cells, max(FEWEST, round(space.cells * self.network.depth)))
        return space.resized(shallow, self.scaled(space.channels, self.network.width))

    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        cells = {kind: self.space.cell(architecture, kind) for kind in self.space.cell_types}
        features = cell_network(
            x,
            cells,
            self.built_space,
            affine=self.network.affine,
            drop_path=self.network.drop_path,
            auxiliary=self.network.auxiliary,
            name_prefix=self.layer_prefix,
        )
        if self.network.auxiliary:
            features, self.auxiliary_features = features
        return features
