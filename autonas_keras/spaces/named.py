"""Spaces by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autonas_keras.spaces.cell import CellSpace
from autonas_keras.spaces.chain import ChainSpace
from autonas_keras.spaces.macro import MacroSpace
from autonas_keras.spaces.mobile import MobileSpace
from autonas_keras.spaces.recurrent import RecurrentSpace
from autonas_keras.spaces.space import Space, close_names
from autonas_keras.spaces.tabular import TabularSpace
from autonas_keras.spaces.text import TextSpace

SPACES: dict[str, Callable[..., Space]] = {
    "darts": CellSpace.darts,
    "nasnet": CellSpace.nasnet,
    "nasbench201": CellSpace.nasbench201,
    "nasbench_macro": ChainSpace.nasbench_macro,
    "spos": ChainSpace.spos,
    "enas_macro": MacroSpace.enas,
    "mobile": MobileSpace.small,
    "ofa": MobileSpace.ofa,
    "bignas": MobileSpace.bignas,
    "tabular": TabularSpace,
    "text": TextSpace,
    "recurrent": RecurrentSpace,
}


def get_space(space: str | Space, **changes: Any) -> Space:
    """A space by name, such as "darts", "nasbench_macro" or "mobile", or the space itself.

    Args:
        space: One of ``SPACES``, or a space.
        **changes: Arguments of the function that makes the named space.

    Raises:
        ValueError: When the name is unknown (close names are given).
        TypeError: When it is neither a name nor a space.
    """
    if isinstance(space, Space):
        return space
    if not isinstance(space, str):
        raise TypeError(f"Expected a space or the name of one, got {type(space).__name__}.")
    if space not in SPACES:
        raise ValueError(f"Expected the name of a space, got {space!r}{close_names(space, SPACES)}.")
    return SPACES[space](**changes)
