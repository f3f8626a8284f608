"""Deterministic names for layers that functions build without naming them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras

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
    return numbered(f"{prefix}_{kind}", counts)


def numbered(name: str, counts: Counter[str]) -> str:
    """A name that ``counts`` does not know yet: the name itself, "name_2" and so on."""
    counts[name] += 1
    return name if counts[name] == 1 else f"{name}_{counts[name]}"


def name_layers(x: Any, y: Any) -> None:
    """Name the layers between two tensors of a functional model as if they had been built with ``layer_name``."""
    if _scope.get() is None or x is y:
        return
    for layer in keras.Model(x, y).layers:
        if not isinstance(layer, keras.layers.InputLayer):
            layer.name = layer_name(re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(layer).__name__).lower())
