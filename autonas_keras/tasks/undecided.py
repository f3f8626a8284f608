"""A task whose method is chosen when it knows its data and its time."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import tree
from autokeras.engine.head import Head
from autokeras.nodes import ImageInput

from autonas_keras.blocks import Graph
from autonas_keras.spaces import close_names
from autonas_keras.tuners import Choice, Method, get_method, read_choice

DEFAULT = "darts"


class Undecided:
    """What a task was asked for, and the parts of its graph as they were before it was built.

    Args:
        tuner: None or "auto" to decide later, or what ``get_method`` takes.
        space: As the task takes it.
        settings: Those of the method.

    Raises:
        TypeError: When the method is to be chosen, and a setting is not one that every method has.
    """

    def __init__(self, tuner: Any, space: Any, settings: dict[str, Any]) -> None:
        self._asks = isinstance(tuner, str) and tuner == "auto"
        # Settings of darts name it.
        self._open = self._asks or (tuner is None and not settings)
        self._tuner = DEFAULT if tuner is None or self._asks else tuner
        self._free_space, self._settings = space is None, settings
        known = [entry.name for entry in fields(Method)]
        for name in settings if self._asks else ():
            if name not in known:
                raise TypeError(
                    f"Expected settings that every tuner has with tuner='auto', got {name!r}{close_names(name, known)}; "
                    "name the tuner to set what is its own."
                )

    def known(self, folder: Path, overwrite: bool) -> Choice | None:
        """What was chosen when the search of a folder began."""
        return None if overwrite or not self._open else read_choice(folder)

    def method(self, choice: Choice | None = None) -> Method:
        """The method that was named or chosen, or the one to begin with."""
        return get_method(self._tuner if choice is None else choice.tuner, **self._settings)

    def decides(self, time_limit: float | None) -> bool:
        """Whether the method is still to be chosen."""
        return self._open and (self._asks or time_limit is not None)

    def free(self, graph: Graph) -> bool:
        """Whether the space may be chosen too: the task put the only searched block there, and nobody said its space."""
        return self._free_space and self._heads and sum(isinstance(node, ImageInput) for node in graph.inputs) == 1

    def keep(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Remember the parts of the graph."""
        self._heads = all(isinstance(output, Head) for output in outputs)
        if self._open:
            self._parts = _copied((list(inputs), list(outputs)))

    def parts(self) -> tuple[list[Any], list[Any]]:
        """Inputs and outputs as they were."""
        return _copied(self._parts)


def _copied(parts: tuple[list[Any], list[Any]]) -> tuple[list[Any], list[Any]]:
    """A copy that shares the losses and metrics of the user."""
    heads = [part if isinstance(part, Head) else part.in_blocks[0] for part in parts[1] if not _is_bare(part)]
    shared = [own for head in heads for own in tree.flatten([head.loss, head.metrics]) if own is not None]
    return copy.deepcopy(parts, {id(own): own for own in shared})


def _is_bare(part: Any) -> bool:
    """Whether this is no head, nor what one gives; the task refuses it."""
    return not isinstance(part, Head) and not getattr(part, "in_blocks", None)
