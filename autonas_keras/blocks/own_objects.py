"""Losses and metrics of the user that Keras asks for by name when it loads or compiles a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def own_objects(heads: Sequence[Any]) -> dict[str, Any]:
    """Functions and classes by name, for ``keras.saving.custom_object_scope``.

    Args:
        heads: Of a graph; their losses and metrics are looked at.
    """
    found: dict[str, Any] = {}
    for head in heads:
        for part in (head.loss, *(head.metrics or ())):
            if isinstance(part, (keras.losses.Loss, keras.metrics.Metric)):
                found[type(part).__name__] = type(part)
                part = getattr(part, "_fn", None) or getattr(part, "fn", None)  # what a wrapper calls
            if callable(part) and hasattr(part, "__name__"):
                found[part.__name__] = part
    return found
