"""The searched block of a space."""

from __future__ import annotations

from autonas_keras.blocks.cell import CellBlock
from autonas_keras.blocks.chain import ChainBlock
from autonas_keras.blocks.macro import MacroBlock
from autonas_keras.blocks.mobile import MobileBlock
from autonas_keras.blocks.searched import SearchedBlock
from autonas_keras.spaces import Space, get_space

BLOCKS: tuple[type[SearchedBlock], ...] = (CellBlock, ChainBlock, MacroBlock, MobileBlock)


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
