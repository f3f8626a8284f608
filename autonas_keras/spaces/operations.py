"""The names of candidate operations; what they compute is in ``autonas_keras.layers.operations``."""

from __future__ import annotations

from collections.abc import Sequence

from autonas_keras.spaces.space import close_names

DARTS_OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NASNET_OPERATIONS = (
    "conv_3x3",
    "conv_5x5",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "max_pool_3x3",
    "avg_pool_3x3",
    "identity",
    "zero",
)
NASBENCH201_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
ENAS_OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "identity")

# The same operation under the names of other papers.
SYNONYMS = {
    "identity": "skip_connect",
    "zero": "none",
    "nor_conv_1x1": "conv_1x1",
    "nor_conv_3x3": "conv_3x3",
    "nor_conv_5x5": "conv_5x5",
}

_BUILT_IN = frozenset(
    (
        *DARTS_OPERATIONS,
        *NASNET_OPERATIONS,
        *NASBENCH201_OPERATIONS,
        "conv_1x1",
        "conv_7x1_1x7",
        "sep_conv_7x7",
        "nor_conv_5x5",
    )
)
_names: set[str] = set(_BUILT_IN)


def canonical(name: str) -> str:
    """The name under which an operation is built: "identity" is "skip_connect", "zero" is "none"."""
    return SYNONYMS.get(name, name)


def known_operations() -> tuple[str, ...]:
    """All names an operation may have, those registered by the user included."""
    return tuple(sorted(_names))


def add_operation_name(name: str) -> None:
    """Make ``name`` known to spaces; ``autonas_keras.register_operation`` calls it.

    Raises:
        ValueError: When the name is not an identifier or belongs to a built-in operation.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"Expected the name of an operation to be an identifier, got {name!r}.")
    if name in _BUILT_IN:
        raise ValueError(f"Expected a name of its own for a new operation, got {name!r}, which is built in.")
    _names.add(name)


def check_operations(operations: Sequence[str]) -> tuple[str, ...]:
    """The operations as a tuple.

    Raises:
        ValueError: When there is none, one is unknown (close names are given) or one stands twice under any name.
    """
    operations = (operations,) if isinstance(operations, str) else tuple(operations)
    if not operations:
        raise ValueError("Expected at least one operation, got none.")
    for name in operations:
        if name not in _names:
            raise ValueError(f"Expected known operations, got {name!r}{close_names(name, _names)}.")
    same = [canonical(name) for name in operations]
    for name in operations:
        if same.count(canonical(name)) > 1:
            raise ValueError(f"Expected every operation once, got {name!r} (or a synonym of it) twice.")
    return operations
