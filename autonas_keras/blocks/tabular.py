"""A searched block of layers for tables."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from autonas_keras.blocks.recipe import TABLES, Recipe
from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.layers import function_network
from autonas_keras.spaces import Architecture, Space, TabularSpace


@keras.utils.register_keras_serializable(package="autonas_keras")
class TabularBlock(SearchedBlock):
    """A network for tables: columns are embedded, and layers of searched operations read the embeddings.

    It reads a ``StructuredDataInput``, whose columns it then knows, or any features of shape (batch, features), which it
    takes for normalised numbers; out come features (batch, width).

    Args:
        space: "tabular" (the default), or a ``TabularSpace``.
        name: Name of the block, by default "tabular_block_1" and so on.
        sized: Of no meaning here; networks always have the sizes of the space.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space is of another kind.

    Example:
        ``out = ank.ClassificationHead()(ank.TabularBlock()(ank.StructuredDataInput()))``
    """

    space_class: ClassVar[type[Space]] = TabularSpace
    default: ClassVar[str] = "tabular"
    kind: ClassVar[str] = "tables"
    recipe: ClassVar[Recipe] = TABLES

    @property
    def built_space(self) -> TabularSpace:
        """The space with the columns of the data."""
        return self.space.fitted(self.features) if self.features is not None else self.space

    def _enter(self, x: Any) -> Any:
        if len(x.shape) != 2 or None in x.shape[1:]:
            raise ValueError(
                f"Expected an input of shape (features,) for {self.name}, got {tuple(x.shape[1:])}; "
                f"a {type(self).__name__} reads tables."
            )
        return x

    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        return function_network(x, architecture, self.built_space, name_prefix=self.layer_prefix)
