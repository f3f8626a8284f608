"""A searched block of layers with skip inputs from any layers before."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.layers import macro_network
from autonas_keras.spaces import Architecture, MacroSpace, Space


@keras.utils.register_keras_serializable(package="autonas_keras")
class MacroBlock(SearchedBlock):
    """A network of ENAS's macro space, for images or feature maps: layers take an operation and skip inputs.

    It stands anywhere in an AutoModel graph, (batch, height, width, channels) in, features of the same rank out.

    Args:
        space: "enas_macro" (the default), or a ``MacroSpace``.
        name: Name of the block, by default "macro_block_1" and so on.
        sized: Whether images of any size are read as they come, as for a space given as an object; for a space given
            by name those larger than 64 pixels are averaged down.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space is of another kind.

    Example:
        ``out = ank.ClassificationHead()(ank.MacroBlock("enas_macro")(ank.Normalization()(ank.ImageInput())))``
    """

    space_class: ClassVar[type[Space]] = MacroSpace
    default: ClassVar[str] = "enas_macro"
    kind: ClassVar[str] = "layers with skip inputs"
    sizes: ClassVar[tuple[str, ...]] = ("channels",)
    factors: ClassVar[tuple[str, ...]] = ("width",)
    any_size: ClassVar[bool] = True

    @property
    def built_space(self) -> MacroSpace:
        """The space with the width of the network that is built."""
        factor = self.network.width * (self.network.channels or self.space.channels) / self.space.channels
        return self.space if factor == 1 else self.space.resized(factor)

    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        return macro_network(x, architecture, self.built_space, name_prefix=self.layer_prefix)
