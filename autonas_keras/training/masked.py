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

COUNTING = (keras.optimizers.Adam, keras.optimizers.Adamax, keras.optimizers.Lamb)


class Group(NamedTuple):
    """Weights that a step uses, or does not, together.

    Attributes:
        used: Whether the step uses them, a scalar bool; None for weights that every step uses.
        variables: The weights.
    """

    used: tf.Tensor | None
    variables: Sequence[keras.Variable]


def count_uses(optimizer: keras.optimizers.Optimizer, groups: int) -> None:
    """Let an optimizer whose steps depend on how many there were, such as Adam, count those of each group by itself.

    Adam would otherwise take the first moments of a weight that is used for the first time late for those of many steps.

    Args:
        optimizer: Any stock optimizer, built; the counts are one of its variables.
        groups: The number of groups that ``only_used`` is going to be given.
    """
    if isinstance(optimizer, COUNTING) and groups:
        optimizer.uses = optimizer.add_variable((groups,), dtype="int32", aggregation="only_first_replica", name="uses")


@contextmanager
def only_used(
    optimizer: keras.optimizers.Optimizer, groups: Sequence[Group], weight_decay: float = 0.0
) -> Iterator[None]:
    """Let ``optimizer.apply`` inside move the weights of used groups only, their momentum and decay included.

    Args:
        optimizer: Any stock optimizer.
        groups: Weights in groups; those of no group are moved always.
        weight_decay: L2, added to the gradients of what is used after clipping, as PyTorch's SGD does; not of what the
            optimizer was told by ``exclude_from_weight_decay``.
    """
    if isinstance(optimizer, _OnlyUsed):
        # Another replica waits in here for this one, with the same routes.
        yield
        return
    stock = type(optimizer)
    optimizer.__class__ = type(stock.__name__, (_OnlyUsed, stock), {})
    optimizer._used = {_key(v): (i, g.used) for i, g in enumerate(groups) if g.used is not None for v in g.variables}
    optimizer._flags = [True if group.used is None else group.used for group in groups]
    optimizer._l2, optimizer._now = weight_decay, None
    try:
        yield
    finally:
        optimizer.__class__ = stock
        del optimizer._used, optimizer._flags, optimizer._l2, optimizer._now


class _OnlyUsed:
    """Stands in front of a stock optimizer."""

    _used: dict[int, tuple[int, tf.Tensor]]
    _flags: list[tf.Tensor | bool]  # of all groups
    _l2: float
    _now: tf.Tensor | None  # how often the group that is moved was used before

    @property
    def iterations(self) -> Any:
        return super().iterations if self._now is None else self._now  # type: ignore[misc]

    def _count(self) -> None:
        if hasattr(self, "uses"):
            self.uses.assign_add(tf.cast(tf.stack(self._flags), tf.int32))

    @contextmanager
    def _counted(self, number: int) -> Iterator[None]:
        """While the weights of a group are moved: its own steps count."""
        if hasattr(self, "uses") and number >= 0:
            self._now = tf.convert_to_tensor(self.uses)[number]
        try:
            yield
        finally:
            self._now = None

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Nothing yet: weights decay where they are moved."""

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        step = super()._backend_update_step  # type: ignore[misc]
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            # The replicas have to meet before anything branches.
            step(grads, trainable_variables, learning_rate)
            return
        decay = super()._apply_weight_decay  # type: ignore[misc]

        def move(number: int, places: Sequence[int]) -> None:
            variables = [trainable_variables[i] for i in places]
            decay(variables)
            with self._counted(number):
                step([self._with_l2(grads[i], trainable_variables[i]) for i in places], variables, learning_rate)

        for number, used, places in self._grouped(trainable_variables):
            _when(used, partial(move, number, places))
        self._count()

    def _distributed_tf_update_step(
        self, distribution: tf.distribute.Strategy, grads_and_vars: Sequence[tuple[Any, Any]], learning_rate: Any
    ) -> None:
        if distribution.num_replicas_in_sync == 1:
            super()._distributed_tf_update_step(distribution, grads_and_vars, learning_rate)  # type: ignore[misc]
            return
        for grad, variable in grads_and_vars:
            number, used = self._used.get(_key(variable), (-1, None))
            update = partial(self._move_one, number, used)
            distribution.extended.update(variable, update, args=(grad, learning_rate), group=False)
        self._count()

    def _move_one(self, number: int, used: tf.Tensor | None, variable: Any, grad: Any, learning_rate: Any) -> None:
        """The step of a weight on one device."""

        def move() -> None:
            slope = self._with_l2(grad, variable)
            decay = self.weight_decay  # type: ignore[attr-defined]
            if decay is not None and self._use_weight_decay(variable):  # type: ignore[attr-defined]
                variable.assign_sub(variable * tf.cast(decay, variable.dtype) * tf.cast(learning_rate, variable.dtype))
            with self._counted(number):
                self.update_step(slope, variable, learning_rate)  # type: ignore[attr-defined]

        _when(used, move)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        momentum = getattr(self, "momentum", 0)
        suits = type(self).__bases__[1] is keras.optimizers.SGD and momentum and isinstance(gradient, tf.Tensor)
        if not suits or hasattr(variable, "_distributed_container"):
            super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]
            return
        # Keras's own step of this optimizer in one call in place of nine.
        place = self._get_variable_index(variable)  # type: ignore[attr-defined]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[place].value.handle,  # type: ignore[attr-defined]
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(momentum, variable.dtype),
            use_nesterov=self.nesterov,  # type: ignore[attr-defined]
        )

    def _with_l2(self, slope: tf.Tensor, variable: Any) -> tf.Tensor:
        if not self._l2:
            return slope
        if not self._use_weight_decay(variable):  # type: ignore[attr-defined]
            return tf.identity(slope)  # Keras wants all slopes of a step from one graph, that of the branch
        return slope + self._l2 * tf.cast(tf.convert_to_tensor(variable), slope.dtype)

    def _grouped(self, variables: Sequence[Any]) -> list[tuple[int, tf.Tensor | None, list[int]]]:
        """The groups, whether they are used, and the places of their variables; one branch of the graph serves many."""
        found: dict[int, tuple[tf.Tensor | None, list[int]]] = {}
        for place, variable in enumerate(variables):
            number, used = self._used.get(_key(variable), (-1, None))
            found.setdefault(number, (used, []))[1].append(place)
        return [(number, *group) for number, group in found.items()]


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
