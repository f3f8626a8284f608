"""The searched block of a space."""

from __future__ import annotations

from collections.abc import Sequence
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


def check_suits(space: str | Space, inputs: Sequence[Any]) -> None:
    """Refuse a space that says nothing about any of the inputs.

    Args:
        space: A space, or the name of one.
        inputs: Of a graph that has no blocks between them and its heads.

    Raises:
        ValueError: When it is for inputs of another kind.
    """
    block = searched_block(space)
    kinds = [kind for kind, default in DEFAULTS.items() if isinstance(block, default)] or [nodes.ImageInput]
    if not any(isinstance(node, kind) for node in inputs for kind in kinds):
        given = ", ".join(dict.fromkeys(type(node).__name__ for node in inputs))
        name = space if isinstance(space, str) else type(space).__name__
        raise ValueError(
            f"Expected a space for {given}, got {name!r}, which is for {kinds[0].__name__}; leave it out for the one that suits."
        )


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
