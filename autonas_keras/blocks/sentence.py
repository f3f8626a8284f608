"""A searched block for texts."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from autonas_keras.blocks.recipe import TEXTS, Recipe
from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.layers import function_network
from autonas_keras.spaces import Architecture, RecurrentSpace, Space, Texts, TextSpace


@keras.utils.register_keras_serializable(package="autonas_keras")
class SentenceBlock(SearchedBlock):
    """A network for texts: a bag of n-grams and a cell of 1-D operations, both searched.

    It reads a ``TextInput``, whose words and characters it then knows; out come features (batch, channels).

    Args:
        space: "text" (the default), or a ``TextSpace``.
        name: Name of the block, by default "sentence_block_1" and so on.
        sized: Of no meaning here; networks always have the sizes of the space.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space is of another kind.

    Example:
        ``out = ank.ClassificationHead()(ank.SentenceBlock()(ank.TextInput()))``
    """

    space_class: ClassVar[type[Space]] = TextSpace
    default: ClassVar[str] = "text"
    kind: ClassVar[str] = "texts"
    recipe: ClassVar[Recipe] = TEXTS

    @property
    def built_space(self) -> Any:
        """The space with what is known of the texts of the data."""
        return self.space.fitted(self.features) if self.features is not None else self.space

    def _enter(self, x: Any) -> Any:
        if not isinstance(self.features, Texts) or x.shape[1:] != (self.features.columns,):
            raise ValueError(
                f"Expected a TextInput before {self.name}, got an input of shape {tuple(x.shape[1:])}; "
                f"a {type(self).__name__} reads encoded texts."
            )
        return x

    def _build_network(self, x: Any, architecture: Architecture) -> Any:
        return function_network(x, architecture, self.built_space, name_prefix=self.layer_prefix)


@keras.utils.register_keras_serializable(package="autonas_keras")
class RecurrentBlock(SentenceBlock):
    """A recurrent cell for texts, whose nodes and activations are searched.

    It reads a ``TextInput``; out come features (batch, units).

    Args:
        space: "recurrent" (the default), or a ``RecurrentSpace``.
        name: Name of the block, by default "recurrent_block_1" and so on.
        sized: Of no meaning here; networks always have the sizes of the space.

    Raises:
        ValueError: When the name of the space is unknown.
        TypeError: When the space is of another kind.

    Example:
        ``ank.TextClassifier(tuner="darts", space="recurrent")``
    """

    space_class: ClassVar[type[Space]] = RecurrentSpace
    default: ClassVar[str] = "recurrent"
    kind: ClassVar[str] = "recurrent cells"
