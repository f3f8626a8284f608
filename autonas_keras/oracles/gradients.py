"""TensorFlow's registry of gradients, which keeps the graphs of every trial for ever."""

from __future__ import annotations

import sys


def gradient_registry() -> dict[str, object]:
    """The dictionary of TensorFlow's registry of gradients; an empty one when it is no longer where it was."""
    if "tensorflow" not in sys.modules:
        return {}
    try:
        from tensorflow.python.framework import ops

        return ops.gradient_registry._registry
    except (ImportError, AttributeError):
        return {}


def forget_gradients(before: set[str]) -> None:
    """Remove what was registered for custom gradients since the registry held ``before``, some MB for each network.

    The entries are looked up while a gradient is traced, so no model that is still to be traced may be left over from
    since then.
    """
    registry = gradient_registry()
    for name in set(registry) - before:
        if name.startswith("CustomGradient-"):
            registry.pop(name, None)
