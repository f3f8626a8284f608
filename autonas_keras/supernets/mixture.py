"""The weights with which a supernet mixes operations: learnt, drawn, or those of one architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Architecture, CellSpace


class MixtureLayer(keras.layers.Layer):
    """What a supernet of cells has beside its operations: alphas, how they become weights, and what is selected.

    Arguments and sources are those of ``CellSupernet``.
    """

    def __init__(
        self,
        space: CellSpace | Mapping[str, Any],
        partial_channels: int = 1,
        sampling: str = "softmax",
        temperature: tuple[float, float] = (10.0, 0.1),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.space = space if isinstance(space, CellSpace) else CellSpace(**space)
        if partial_channels < 1 or self.space.channels % partial_channels:
            raise ValueError(
                f"Expected partial_channels to divide the {self.space.channels} channels of the space, got {partial_channels}."
            )
        self.partial_channels = int(partial_channels)
        if sampling not in ("softmax", "gumbel"):
            raise ValueError(f'Expected sampling to be "softmax" or "gumbel", got {sampling!r}.')
        self.sampling = sampling
        self.temperature = (float(temperature[0]), float(temperature[1]))
        self.seed = int(seed)
        self._frozen = self._batch_statistics = False

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.get_config(),
            "partial_channels": self.partial_channels,
            "sampling": self.sampling,
            "temperature": list(self.temperature),
            "seed": self.seed,
        }

    def _build_mixture(self) -> None:
        space = self.space
        rows, columns = len(space.edges), len(space.operations)
        rng = np.random.default_rng([self.seed, 1])
        self.alphas, self.betas, self.selection = {}, {}, {}
        for kind in space.cell_types:
            start = (1e-3 * rng.standard_normal((rows, columns))).astype("float32")
            self.alphas[kind] = self._add(f"alpha_{kind}", (rows, columns), keras.initializers.Constant(start))
            self.selection[kind] = self._add(f"selection_{kind}", (rows, columns), "ones", trainable=False)
            if self.partial_channels > 1:
                start = (1e-3 * rng.standard_normal((rows,))).astype("float32")
                self.betas[kind] = self._add(f"beta_{kind}", (rows,), keras.initializers.Constant(start))
        self.selected = self._add("selected", (), "zeros", trainable=False)
        # Draws depend on the seed and on how often there was one, so that a resumed search repeats them.
        self._draws = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="draws")
        self._heat = self._add("temperature", (), keras.initializers.Constant(self.temperature[0]), trainable=False)

    def _add(self, name: str, shape: tuple[int, ...], initializer: Any, trainable: bool = True) -> keras.Variable:
        dtype = "float64" if self.variable_dtype == "float64" else "float32"
        # Kernels are cast where they are read; mixtures and statistics stay as they are.
        return self.add_weight(
            shape=shape, initializer=initializer, trainable=trainable, autocast=False, dtype=dtype, name=name
        )

    @property
    def architecture_weights(self) -> list[keras.Variable]:
        """Alphas and betas: what the alpha optimizer moves, and the weight optimizer does not."""
        return [*self.alphas.values(), *self.betas.values()]

    # Mixture

    def mixture_tensor(self, kind: str, training: bool = False) -> tf.Tensor:
        """Weights of the sum on every edge, shape (edges, operations); in training a draw of "gumbel"."""
        if training and self.sampling == "gumbel":
            soft = self._draw(kind)
        else:
            soft = tf.nn.softmax(tf.convert_to_tensor(self.alphas[kind]), axis=-1)
        if self.betas:
            soft *= self._edge_weights(kind)[:, None]
        chosen = tf.convert_to_tensor(self.selected)
        return soft * (1 - chosen) + tf.convert_to_tensor(self.selection[kind]) * chosen

    def _draw(self, kind: str) -> tf.Tensor:
        """A one-hot draw of each edge whose gradient is that of the softmax it was drawn with."""
        log = tf.nn.log_softmax(tf.convert_to_tensor(self.alphas[kind]), axis=-1)
        stream = np.random.SeedSequence([self.seed, 3, list(self.alphas).index(kind)]).generate_state(1)[0]
        key = [int(stream >> 1), tf.convert_to_tensor(self._draws)]
        noise = tf.random.stateless_uniform(log.shape, key, 1e-9, 1.0, log.dtype)
        soft = tf.nn.softmax((log - tf.math.log(-tf.math.log(noise))) / tf.convert_to_tensor(self._heat), axis=-1)
        hard = tf.one_hot(tf.argmax(soft, axis=-1), soft.shape[-1], dtype=soft.dtype)
        return hard + soft - tf.stop_gradient(soft)

    def on_progress(self, share: float) -> None:
        """Set the temperature of "gumbel" to that after ``share`` of the training, 0 to 1."""
        first, last = self.temperature
        self._heat.assign(first + (last - first) * share)

    def _edge_weights(self, kind: str) -> tf.Tensor:
        """softmax(beta) over the edges that enter a node, shape (edges,)."""
        if not self.betas:
            return tf.ones((len(self.space.edges),), tf.convert_to_tensor(self.selected).dtype)
        beta, start, parts = tf.convert_to_tensor(self.betas[kind]), 0, []
        for node in range(self.space.inputs, self.space.inputs + self.space.nodes):
            parts.append(tf.nn.softmax(beta[start : start + node]))
            start += node
        return tf.concat(parts, 0)

    def _bypass(self, kind: str) -> tf.Tensor:
        """Weights of the channels that pass by the operations; of a selection, what the edge weighs in it."""
        chosen = tf.convert_to_tensor(self.selected)
        selection = tf.reduce_sum(tf.convert_to_tensor(self.selection[kind]), axis=-1)
        return self._edge_weights(kind) * (1 - chosen) + selection * chosen

    def mixture(self) -> dict[str, np.ndarray]:
        """The weights of the sums as arrays of shape (edges, operations), for each cell type."""
        return {kind: self.mixture_tensor(kind).numpy() for kind in self.space.cell_types}

    def entropy(self) -> tf.Tensor:
        """Mean entropy of softmax(alpha) over all edges, in nats."""
        values = []
        for alpha in self.alphas.values():
            log = tf.nn.log_softmax(tf.convert_to_tensor(alpha), axis=-1)
            values.append(tf.reduce_mean(-tf.reduce_sum(tf.exp(log) * log, axis=-1)))
        return tf.add_n(values) / len(values)

    def expected(self, costs: Mapping[str, np.ndarray]) -> tf.Tensor:
        """The cost that an architecture drawn by the alphas has in the mean, a scalar.

        Where a node keeps two of its inputs, each of them counts with the share that is kept.

        Args:
            costs: What an operation costs on an edge, shape (edges, operations), for each cell type.

        Reference: Cai, Zhu, Han, "ProxylessNAS", ICLR 2019, equation 6.
        """
        space = self.space
        kept = [1.0 if space.topology == "dense" else min(1.0, 2 / node) for node, _ in space.edges]
        values = []
        for kind, alpha in self.alphas.items():
            table = np.asarray(costs[kind]) * np.array(kept)[:, None]
            soft = tf.nn.softmax(tf.convert_to_tensor(alpha), axis=-1)
            values.append(tf.reduce_sum(soft * tf.constant(table, soft.dtype)))
        return tf.add_n(values)

    def architecture(self) -> Architecture:
        """The architecture that the alphas favour."""
        weights = {}
        for kind in self.space.cell_types:
            soft = tf.nn.softmax(tf.convert_to_tensor(self.alphas[kind]), axis=-1)
            weights[kind] = (soft * self._edge_weights(kind)[:, None]).numpy()
        return self.space.discretize(weights)

    def select(self, architecture: Mapping[str, Any] | None) -> None:
        """Let only the operations of one architecture run, with weight one each; None brings the mixture back.

        Raises:
            ValueError: When the architecture is none of this space.
        """
        if architecture is not None:
            for kind, mask in self.space.mask(self.space.architecture(architecture)).items():
                self.selection[kind].assign(mask)
        self.selected.assign(0.0 if architecture is None else 1.0)

    def select_mixture(self, tables: Mapping[str, np.ndarray] | None) -> None:
        """Put given weights of shape (edges, operations) in the place of the mixture; None brings it back."""
        for kind, table in (tables or {}).items():
            self.selection[kind].assign(table)
        self.selected.assign(0.0 if tables is None else 1.0)

    @contextmanager
    def frozen(self, batch_statistics: bool = False) -> Iterator[None]:
        """While tracing a step of the alphas: no gradient of a kernel is computed and no moving statistic moves.

        Batch normalisation inside operations that have no merged form, such as those a user registered, still moves. With ``batch_statistics`` batches are normalised by their own statistics even when not training, as a mixture
        has to be judged that the moving ones were not made with.
        """
        self._frozen, self._batch_statistics = True, batch_statistics
        try:
            yield
        finally:
            self._frozen = self._batch_statistics = False
