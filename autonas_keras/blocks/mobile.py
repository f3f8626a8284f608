"""A searched block of inverted residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras

from autonas_keras.blocks.searched import LARGEST, SearchedBlock
from autonas_keras.layers import mobile_network
from autonas_keras.spaces import Architecture, MobileSpace, Space, get_space

SMALL = 16  # pixels of a side up to which the first convolution keeps the resolution


@keras.utils.register_keras_serializable(package="autonas_keras")
class MobileBlock(SearchedBlock):
    """Stages of inverted residuals whose depth, widths, kernels, expansions and resolution are searched, for images.

    It stands anywhere in an AutoModel graph, (batch, height, width, channels) in, features of the same rank out.

    Args:
        space: "mobile" (the default), "ofa", "bignas", or a ``MobileSpace``. A space given by name takes its resolutions from the
            images; those larger than 64 pixels are averaged down first.
        name: Name of the block, by default "mobile_block_1" and so on.
        sized: Whether the space stays as it is, as for one given as an object.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space has no mobile networks.

    Example:
        ``out = ank.ClassificationHead()(ank.MobileBlock("mobile")(ank.Normalization()(ank.ImageInput())))``
    """

    space_class: ClassVar[type[Space]] = MobileSpace
    default: ClassVar[str] = "mobile"
    kind: ClassVar[str] = "mobile networks"
    factors: ClassVar[tuple[str, ...]] = ("width",)

    def __init__(
        self,
        space: str | Space | Mapping[str, Any] | None = None,
        name: str | None = None,
        sized: bool | None = None,
        **kwargs: Any,
    ) -> None:
        space = self.default if space is None else space
        super().__init__(space, name, sized, **kwargs)
        self.preset = space if isinstance(space, str) and not self.sized else None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config if self.preset is None else {**config, "space": self.preset}

    @property
    def fixed(self) -> bool:
        return self.preset is None

    def recall(self, hp: Any) -> None:
        known = {entry.name: entry for entry in hp.space}
        resolution = known.get(f"{self.name}/resolution")
        if self.preset is not None and resolution is not None:
            self.space = self._fitted(max(resolution.values))

    def _fit(self) -> None:
        if self.preset is not None and self.input_shape is not None:
            self.space = self._fitted(min(self.input_shape[:2]))

    def _fitted(self, side: int) -> MobileSpace:
        changes = {"stem_stride": 1} if side <= SMALL else {}
        space = get_space(self.preset or "", image_size=side, **changes)
        assert isinstance(space, MobileSpace)
        return space

    def _factor(self, side: int) -> int:
        return max(1, side // LARGEST) if self.preset is not None else 1

    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        if self.network.width == 1:
            return mobile_network(x, architecture, self.space, name_prefix=self.layer_prefix)
        # Widths are options: what is built is the architecture in the same place of a narrower space.
        narrow = self.space.resized(self.network.width)
        place = narrow.decode(self.space.encode(architecture))
        return mobile_network(x, place, narrow, name_prefix=self.layer_prefix)
