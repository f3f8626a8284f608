"""A whole space whose network is a function as one layer that mixes the options of every choice.

Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, equation 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Architecture, Choice, Option, Space
from autonas_keras.supernets.function import FunctionLayer, Place, Within, space_config, space_of
from autonas_keras.supernets.relaxed import RelaxedLayer, among


class MixPlace(Place):
    """A place that computes the weighted sum of all branches.

    Args:
        choice: Name and options.
        branches: As ``Place`` takes them.
        weigh: Function of whether it trains that gives the weights, shape (1, options).
        **kwargs: As keras.layers.Layer takes them.
    """

    def __init__(
        self,
        choice: Choice,
        branches: Sequence[keras.Model | None],
        weigh: Callable[[bool], tf.Tensor],
        **kwargs: Any,
    ) -> None:
        super().__init__(choice, branches, **kwargs)
        self._weigh = weigh

    def call(self, x: Any, training: bool | None = None) -> Any:
        """The sum of what the branches make of ``x``."""
        size = len(self.choice.options)
        if size == 1:
            return self.run(0, x, training)
        weights = self._weigh(bool(training))[0]
        outputs = [self.run(index, x, training) for index in range(size)]
        return tf.add_n([tf.cast(weights[index], y.dtype) * y for index, y in enumerate(outputs)])


@keras.utils.register_keras_serializable(package="autonas_keras")
class MixedFunction(FunctionLayer, RelaxedLayer):
    """The network of a space in ``NETWORKS`` in which every choice is the weighted sum of all its options.

    The weights are ``softmax(alpha)`` over the options of a choice, one alpha each, at all places of that choice; a
    choice under an option of another is mixed inside that option's branch. ``select`` puts a single architecture in
    place of the mixture.

    Args:
        space: A space in ``NETWORKS``, or what ``space_config`` gives of it.
        sampling: "softmax" or "gumbel", as ``RelaxedLayer`` takes it.
        temperature: First and last temperature of "gumbel".
        seed: Seed of all initial weights and draws.
        **kwargs: As keras.layers.Layer takes them.

    Raises:
        ValueError: When it is built and the function picks otherwise than its space says, or is given open sizes.
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        sampling: str = "softmax",
        temperature: tuple[float, float] = (10.0, 0.1),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(sampling=sampling, temperature=temperature, seed=seed, **kwargs)
        self.space = space_of(space)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "space": space_config(self.space)}

    def build(self, input_shape: Sequence[int | None]) -> None:
        self._build_network(input_shape)
        picked = {place.choice.name for place in self.places()}
        sizes = {name: len(choice.options) for name, choice in self.space.named.items() if name in picked}
        # What has one option is no decision, and what no place reads would learn nothing.
        self._build_tables({name: (1, size) for name, size in sizes.items() if size > 1})
        super().build(input_shape)

    def _place(self, choice: Choice, branches: Sequence[keras.Model | None], **kwargs: Any) -> Place:
        return MixPlace(choice, branches, partial(self._weights_of, choice.name), **kwargs)

    def _weights_of(self, name: str, training: bool) -> tf.Tensor:
        return self.mixture_tensor(name, training and not self._batch_statistics)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Features of the mixture, (batch, ...) to (batch, ..., channels)."""
        y = self.run(x, bool(training) or self._batch_statistics)
        if training and self.sampling == "gumbel":
            self._draws.assign(self._draws + 1)
        return y

    # What it found

    def architecture(self) -> Architecture:
        """The architecture that the alphas favour; of options that may not win, the best other one."""
        tables = {name: alpha.numpy()[0] for name, alpha in self.alphas.items()}
        return self.strongest(tables)

    def strongest(self, tables: Mapping[str, np.ndarray]) -> Architecture:
        """The architecture of the options with the largest numbers, one for each option of a choice."""
        best: dict[str, Option] = {}
        for name, choice in self.space.named.items():
            able = self._winners(choice)
            values = dict(zip(choice.options, tables[name], strict=True)) if name in tables else {}
            best[name] = max(able, key=lambda option: values.get(option, 0.0))
        return self.space.architecture(best)

    def _winners(self, choice: Choice) -> Sequence[Option]:
        """The options of a choice that may win; all of them where none may."""
        return [option for option in choice.options if option not in self.space.mixture_only] or choice.options

    def expected(self, costs: Sequence[tuple[Sequence[Within], float]]) -> tf.Tensor:
        """The cost that an architecture drawn by the alphas has in the mean, a scalar; of options that may win.

        Args:
            costs: What parts of the network cost, each with the options under which it is there.

        Reference: Cai, Zhu, Han, "ProxylessNAS", ICLR 2019, equation 6.
        """
        soft = {}
        for name, alpha in self.alphas.items():
            choice = self.space.named[name]
            chosen = np.array([option in self._winners(choice) for option in choice.options])
            soft[name] = tf.nn.softmax(among(tf.convert_to_tensor(alpha), chosen), axis=-1)[0]
        total = tf.zeros((), next(iter(soft.values())).dtype)
        for within, cost in costs:
            part = tf.constant(cost, total.dtype)
            for each in within:
                part = part * soft[each.choice][each.position] if each.choice in soft else part
            total += part
        return total

    def _masks(self, architecture: Mapping[str, Option]) -> dict[str, np.ndarray]:
        return {
            # Under an option that is not taken it does not matter what counts.
            name: np.array([[float(option == architecture.get(name)) for option in self.space.named[name].options]])
            for name in self.selection
        }

    @contextmanager
    def frozen(self, batch_statistics: bool = False) -> Iterator[None]:
        """While tracing a step of the alphas: no moving statistic moves.

        With ``batch_statistics`` batches are normalised by their own statistics even when not training, and nothing is
        dropped.
        """
        layers = self.network._flatten_layers()
        changes = [(layer, "momentum", 1.0) for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        if batch_statistics:
            changes += [(layer, "rate", 0.0) for layer in layers if isinstance(layer, keras.layers.Dropout)]
        before = [getattr(layer, name) for layer, name, _ in changes]
        for layer, name, value in changes:
            setattr(layer, name, value)
        try:
            with super().frozen(batch_statistics):
                yield
        finally:
            for (layer, name, _), value in zip(changes, before, strict=True):
                setattr(layer, name, value)
