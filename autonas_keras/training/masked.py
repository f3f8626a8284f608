"""Optimizer steps that move what was used, and nothing else.

A stock optimizer moves weights whose gradient is zero, by their momentum and their decay. In a supernet that would change
operations that a step did not run.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Group(NamedTuple):
    """Weights that a step uses, or does not, together.

    Attributes:
        used: Whether the step uses them, a scalar bool; None for weights that every step uses.
        variables: The weights.
    """

    used: tf.Tensor | None
    variables: Sequence[keras.Variable]


@contextmanager
def only_used(
    optimizer: keras.optimizers.Optimizer, groups: Sequence[Group], weight_decay: float = 0.0
) -> Iterator[None]:
    """Let ``optimizer.apply`` inside move the weights of used groups only, their momentum and decay included.

    Args:
        optimizer: Any stock optimizer.
        groups: Weights in groups; those of no group are moved always.
        weight_decay: L2, added to the gradients of what is used after clipping, as PyTorch's SGD does.
    """
    stock = type(optimizer)
    optimizer.__class__ = type(stock.__name__, (_OnlyUsed, stock), {})
    optimizer._used = {_key(v): (i, g.used) for i, g in enumerate(groups) if g.used is not None for v in g.variables}
    optimizer._l2 = weight_decay
    try:
        yield
    finally:
        optimizer.__class__ = stock
        del optimizer._used, optimizer._l2


class _OnlyUsed:
    """Stands in front of a stock optimizer."""

    _used: dict[int, tuple[int, tf.Tensor]]
    _l2: float

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        decay = super()._apply_weight_decay  # type: ignore[misc]
        if self.weight_decay is None:  # type: ignore[attr-defined]
            return
        for used, places in self._grouped(variables):
            _when(used, partial(decay, [variables[i] for i in places]))

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        step = super()._backend_update_step  # type: ignore[misc]

        def move(places: Sequence[int]) -> None:
            variables = [trainable_variables[i] for i in places]
            slopes = [grads[i] for i in places]
            if self._l2:
                pairs = zip(slopes, variables, strict=True)
                slopes = [g + self._l2 * tf.cast(tf.convert_to_tensor(v), g.dtype) for g, v in pairs]
            step(slopes, variables, learning_rate)

        for used, places in self._grouped(trainable_variables):
            _when(used, partial(move, places))

    def _grouped(self, variables: Sequence[Any]) -> list[tuple[tf.Tensor | None, list[int]]]:
        """Places of the variables by whether they are used; one branch of the graph serves many of them."""
        found: dict[int, tuple[tf.Tensor | None, list[int]]] = {}
        for place, variable in enumerate(variables):
            number, used = self._used.get(_key(variable), (-1, None))
            found.setdefault(number, (used, []))[1].append(place)
        return list(found.values())


def _key(variable: Any) -> int:
    return id(variable.value if isinstance(variable, keras.Variable) else variable)


def _when(used: tf.Tensor | None, move: Callable[[], None]) -> None:
    if used is None:
        move()
        return

    def moved() -> tf.Tensor:
        move()
        return tf.constant(True)

    tf.cond(used, moved, lambda: tf.constant(False))
