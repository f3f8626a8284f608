"""Deterministic names for layers that functions build without naming them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[tuple[str, Counter[str]] | None] = ContextVar("layer_names", default=None)


@contextmanager
def layer_names(prefix: str) -> Iterator[None]:
    """Name the layers built inside ``prefix_kind``, ``prefix_kind_2`` and so on, whatever was built before."""
    token = _scope.set((prefix, Counter()))
    try:
        yield
    finally:
        _scope.reset(token)


def layer_name(kind: str) -> str | None:
    """The name of the next layer of this kind, or None (Keras names it) outside ``layer_names``."""
    scope = _scope.get()
    if scope is None:
        return None
    prefix, counts = scope
    counts[kind] += 1
    return f"{prefix}_{kind}" if counts[kind] == 1 else f"{prefix}_{kind}_{counts[kind]}"
