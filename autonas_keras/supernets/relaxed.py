"""The weights with which a supernet mixes what it holds: learnt, drawn, or those of one architecture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Option, Space


class RelaxedLayer(keras.layers.Layer):
    """A layer with tables of alphas, a row for each decision and a column for each of its options.

    A subclass calls ``_build_tables`` in ``build``, mixes by ``mixture_tensor`` and says ``_masks``.

    Args:
        sampling: "softmax" for the plain mixture, or "gumbel": every step draws one option for each decision, with the
            gradient of the relaxed draw. Source: Dong, Yang, "GDAS", CVPR 2019, equations 3 to 5.
        temperature: First and last temperature of "gumbel", linear in the progress of the training.
        seed: Seed of all initial weights and draws.
        **kwargs: As keras.layers.Layer takes them.
    """

    space: Space

    def __init__(
        self,
        sampling: str = "softmax",
        temperature: tuple[float, float] = (10.0, 0.1),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sampling not in ("softmax", "gumbel"):
            raise ValueError(f'Expected sampling to be "softmax" or "gumbel", got {sampling!r}.')
        self.sampling = sampling
        self.temperature = (float(temperature[0]), float(temperature[1]))
        self.seed = int(seed)
        self._frozen = self._batch_statistics = False

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sampling": self.sampling,
            "temperature": list(self.temperature),
            "seed": self.seed,
        }

    def _build_tables(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        rng = np.random.default_rng([self.seed, 1])
        self.alphas, self.selection = {}, {}
        for name, shape in shapes.items():
            start = (1e-3 * rng.standard_normal(shape)).astype("float32")
            self.alphas[name] = self._add(f"alpha_{name}", shape, keras.initializers.Constant(start))
            self.selection[name] = self._add(f"selection_{name}", shape, "ones", trainable=False)
            self._build_beside(name, shape, rng)
        self.selected = self._add("selected", (), "zeros", trainable=False)
        # Draws depend on the seed and on how often there was one, so that a resumed search repeats them.
        self._draws = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="draws")
        self._heat = self._add("temperature", (), keras.initializers.Constant(self.temperature[0]), trainable=False)

    def _build_beside(self, name: str, shape: tuple[int, int], rng: np.random.Generator) -> None:
        """What else belongs to a table."""

    def _add(self, name: str, shape: tuple[int, ...], initializer: Any, trainable: bool = True) -> keras.Variable:
        dtype = "float64" if self.variable_dtype == "float64" else "float32"
        # Kernels are cast where they are read; mixtures and statistics stay as they are.
        return self.add_weight(
            shape=shape, initializer=initializer, trainable=trainable, autocast=False, dtype=dtype, name=name
        )

    @property
    def architecture_weights(self) -> list[keras.Variable]:
        """What the alpha optimizer moves, and the weight optimizer does not."""
        return list(self.alphas.values())

    # Mixture

    def mixture_tensor(self, name: str, training: bool = False) -> tf.Tensor:
        """Weights of a table, shape (decisions, options); in training a draw of "gumbel"."""
        if training and self.sampling == "gumbel":
            soft = self._draw(name)
        else:
            soft = tf.nn.softmax(tf.convert_to_tensor(self.alphas[name]), axis=-1)
        soft = self._scaled(name, soft)
        chosen = tf.convert_to_tensor(self.selected)
        return soft * (1 - chosen) + tf.convert_to_tensor(self.selection[name]) * chosen

    def _scaled(self, name: str, soft: tf.Tensor) -> tf.Tensor:
        return soft

    def _draw(self, name: str) -> tf.Tensor:
        """A one-hot draw of each row whose gradient is that of the softmax it was drawn with."""
        log = tf.nn.log_softmax(tf.convert_to_tensor(self.alphas[name]), axis=-1)
        stream = np.random.SeedSequence([self.seed, 3, list(self.alphas).index(name)]).generate_state(1)[0]
        key = [int(stream >> 1), tf.convert_to_tensor(self._draws)]
        noise = tf.random.stateless_uniform(log.shape, key, 1e-9, 1.0, log.dtype)
        soft = tf.nn.softmax((log - tf.math.log(-tf.math.log(noise))) / tf.convert_to_tensor(self._heat), axis=-1)
        hard = tf.one_hot(tf.argmax(soft, axis=-1), soft.shape[-1], dtype=soft.dtype)
        return hard + soft - tf.stop_gradient(soft)

    def on_progress(self, share: float) -> None:
        """Set the temperature of "gumbel" to that after ``share`` of the training, 0 to 1."""
        first, last = self.temperature
        self._heat.assign(first + (last - first) * share)

    def mixture(self) -> dict[str, np.ndarray]:
        """The weights as arrays of shape (decisions, options), for each table."""
        return {name: self.mixture_tensor(name).numpy() for name in self.alphas}

    def entropy(self) -> tf.Tensor:
        """Mean entropy of softmax(alpha) over all decisions, in nats."""
        values = []
        for alpha in self.alphas.values():
            log = tf.nn.log_softmax(tf.convert_to_tensor(alpha), axis=-1)
            values.append(tf.reduce_mean(-tf.reduce_sum(tf.exp(log) * log, axis=-1)))
        return tf.add_n(values) / len(values)

    # Selection

    @abstractmethod
    def _masks(self, architecture: Mapping[str, Option]) -> dict[str, np.ndarray]:
        """The tables of an architecture: one for what it takes, zero for all else."""

    def select(self, architecture: Mapping[str, Option] | None) -> None:
        """Let only what one architecture takes count, with weight one each; None brings the mixture back.

        Raises:
            ValueError: When the architecture is none of this space.
        """
        if architecture is not None:
            for name, mask in self._masks(self.space.architecture(architecture)).items():
                self.selection[name].assign(mask)
        self.selected.assign(0.0 if architecture is None else 1.0)

    def select_mixture(self, tables: Mapping[str, np.ndarray] | None) -> None:
        """Put given tables of weights in the place of the mixture; None brings it back."""
        for name, table in (tables or {}).items():
            self.selection[name].assign(table)
        self.selected.assign(0.0 if tables is None else 1.0)

    @contextmanager
    def frozen(self, batch_statistics: bool = False) -> Iterator[None]:
        """While tracing a step of the alphas: no gradient of a kernel is computed and no moving statistic moves.

        With ``batch_statistics`` batches are normalised by their own statistics even when not training, as a mixture
        has to be judged that the moving ones were not made with.
        """
        self._frozen, self._batch_statistics = True, batch_statistics
        try:
            yield
        finally:
            self._frozen = self._batch_statistics = False


def among(logits: tf.Tensor, chosen: np.ndarray) -> tf.Tensor:
    """The logits, minus infinity where an option is not chosen from; ``chosen`` has the shape of the last axis."""
    return tf.where(chosen, logits, tf.constant(-np.inf, logits.dtype))
