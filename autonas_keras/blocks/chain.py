"""A searched block of layers one after another."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.layers import chain_network
from autonas_keras.spaces import Architecture, ChainSpace, Space


@keras.utils.register_keras_serializable(package="autonas_keras")
class ChainBlock(SearchedBlock):
    """A chain of layers of which each takes one of several blocks, for images or feature maps.

    It stands anywhere in an AutoModel graph, (batch, height, width, channels) in, features of the same rank out.

    Args:
        space: "nasbench_macro" (the default), "spos", or a ``ChainSpace``.
        name: Name of the block, by default "chain_block_1" and so on.
        sized: Whether images of any size are read as they come, as for a space given as an object; for a space given
            by name those larger than 64 pixels are averaged down.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space has no chains.

    Example:
        ``out = ank.ClassificationHead()(ank.ChainBlock("nasbench_macro")(ank.Normalization()(ank.ImageInput())))``
    """

    space_class: ClassVar[type[Space]] = ChainSpace
    default: ClassVar[str] = "nasbench_macro"
    kind: ClassVar[str] = "chains"
    sizes: ClassVar[tuple[str, ...]] = ("channels",)
    factors: ClassVar[tuple[str, ...]] = ("width",)
    any_size: ClassVar[bool] = True

    @property
    def built_space(self) -> ChainSpace:
        """The space with the width of the network that is built."""
        factor = self.network.width * (self.network.channels or self.space.stem) / self.space.stem
        return self.space if factor == 1 else self.space.resized(factor)

    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        return chain_network(x, architecture, self.built_space, name_prefix=self.layer_prefix)
