"""The searched block of a space."""

from __future__ import annotations

from typing import Any

import tree
from autokeras import Normalization, nodes

from autonas_keras.blocks.cell import CellBlock
from autonas_keras.blocks.chain import ChainBlock
from autonas_keras.blocks.macro import MacroBlock
from autonas_keras.blocks.mobile import MobileBlock
from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.blocks.sentence import RecurrentBlock, SentenceBlock
from autonas_keras.blocks.tabular import TabularBlock
from autonas_keras.spaces import Space, get_space

BLOCKS: tuple[type[SearchedBlock], ...] = (
    CellBlock,
    ChainBlock,
    MacroBlock,
    MobileBlock,
    RecurrentBlock,
    SentenceBlock,
    TabularBlock,
)
# Inputs other than images that a block searches networks for, where a graph has no blocks between.
DEFAULTS: dict[type[nodes.Input], type[SearchedBlock]] = {
    nodes.StructuredDataInput: TabularBlock,
    nodes.TextInput: SentenceBlock,
}


def searched_block(space: str | Space) -> SearchedBlock:
    """The block that searches a space.

    Args:
        space: A space of cells, of chains, of layers with skip inputs or of mobile networks, or the name of one.

    Raises:
        ValueError: When the name is unknown.
        TypeError: When no block searches such a space.
    """
    found = get_space(space)
    for block in BLOCKS:
        if isinstance(found, block.space_class):
            return block(space)
    known = ", ".join(block.space_class.__name__ for block in BLOCKS)
    raise TypeError(f"Expected a space of one of {known}, got {type(found).__name__}.")


def default_block(node: Any, space: str | Space | None, images: str | Space) -> Any:
    """What an input gives where a graph has no blocks between it and its heads.

    Args:
        node: The input.
        space: The space that was asked for, which counts for inputs of its kind.
        images: The space for images.
    """
    if isinstance(node, nodes.ImageInput):
        return tree.flatten(searched_block(images)(Normalization()(node)))[0]
    for kind, block in DEFAULTS.items():
        if isinstance(node, kind):
            found = None if space is None else searched_block(space)
            return tree.flatten((found if isinstance(found, block) else block())(node))[0]  # type: ignore[call-arg]
    return tree.flatten(node.get_block()(node))[0]
