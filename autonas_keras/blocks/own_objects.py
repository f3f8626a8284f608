"""Losses and metrics of the user that Keras asks for by name when it loads or compiles a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def own_objects(heads: Sequence[Any]) -> dict[str, Any]:
    """Functions and classes by name, for ``keras.saving.custom_object_scope``.

    Args:
        heads: Of a graph; their losses and metrics are looked at.

    Raises:
        ValueError: When two of them have one name, by which a file could not tell them apart.
    """
    found: dict[str, Any] = {}

    def take(name: str, part: Any) -> None:
        if found.setdefault(name, part) is not part:
            raise ValueError(
                f"Expected losses and metrics with names of their own, got two named {name!r}; rename one of them."
            )

    for head in heads:
        for part in (head.loss, *(head.metrics or ())):
            if isinstance(part, (keras.losses.Loss, keras.metrics.Metric)):
                take(type(part).__name__, type(part))
                part = getattr(part, "_fn", None) or getattr(part, "fn", None)  # what a wrapper calls
            if callable(part) and hasattr(part, "__name__"):
                take(part.__name__, part)
    return found
