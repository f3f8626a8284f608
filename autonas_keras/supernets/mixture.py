"""The mixture of a supernet of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Architecture, CellSpace, Option
from autonas_keras.supernets.relaxed import RelaxedLayer, among


class MixtureLayer(RelaxedLayer):
    """What a supernet of cells has beside its operations: a table of alphas for each cell type, a row for each edge.

    Operations that have no merged form, such as those a user registered, move their statistics when ``frozen`` too.

    Arguments and sources are those of ``CellSupernet``.
    """

    space: CellSpace

    def __init__(
        self,
        space: CellSpace | Mapping[str, Any],
        partial_channels: int = 1,
        sampling: str = "softmax",
        temperature: tuple[float, float] = (10.0, 0.1),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(sampling, temperature, seed, **kwargs)
        self.space = space if isinstance(space, CellSpace) else CellSpace(**space)
        if partial_channels < 1 or self.space.channels % partial_channels:
            raise ValueError(
                f"Expected partial_channels to divide the {self.space.channels} channels of the space, got {partial_channels}."
            )
        self.partial_channels = int(partial_channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.get_config(),
            "partial_channels": self.partial_channels,
        }

    def _build_mixture(self) -> None:
        self.betas: dict[str, keras.Variable] = {}
        shape = (len(self.space.edges), len(self.space.operations))
        self._build_tables({kind: shape for kind in self.space.cell_types})

    def _build_beside(self, name: str, shape: tuple[int, int], rng: np.random.Generator) -> None:
        if self.partial_channels > 1:
            start = (1e-3 * rng.standard_normal(shape[:1])).astype("float32")
            self.betas[name] = self._add(f"beta_{name}", shape[:1], keras.initializers.Constant(start))

    @property
    def architecture_weights(self) -> list[keras.Variable]:
        """Alphas and betas: what the alpha optimizer moves, and the weight optimizer does not."""
        return [*self.alphas.values(), *self.betas.values()]

    # Mixture

    def _scaled(self, name: str, soft: tf.Tensor) -> tf.Tensor:
        return soft * self._edge_weights(name)[:, None] if self.betas else soft

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

    def expected(self, costs: Mapping[str, np.ndarray]) -> tf.Tensor:
        """The cost that an architecture drawn by the alphas has in the mean, a scalar.

        Where a node keeps two of its inputs, each of them counts with the share that is kept. An operation that cannot be
        chosen has no share, else the cost of the mixture could fall while what is found stays as it is.

        Args:
            costs: What an operation costs on an edge, shape (edges, operations), for each cell type.

        Reference: Cai, Zhu, Han, "ProxylessNAS", ICLR 2019, equation 6.
        """
        space = self.space
        kept = [1.0 if space.topology == "dense" else min(1.0, 2 / node) for node, _ in space.edges]
        chosen = np.array([name in space.winners for name in space.operations])
        values = []
        for kind, alpha in self.alphas.items():
            table = np.asarray(costs[kind]) * np.array(kept)[:, None]
            soft = tf.nn.softmax(among(tf.convert_to_tensor(alpha), chosen), axis=-1)
            values.append(tf.reduce_sum(soft * tf.constant(table, soft.dtype)))
        return tf.add_n(values)

    def architecture(self) -> Architecture:
        """The architecture that the alphas favour."""
        weights = {}
        for kind in self.space.cell_types:
            soft = tf.nn.softmax(tf.convert_to_tensor(self.alphas[kind]), axis=-1)
            weights[kind] = (soft * self._edge_weights(kind)[:, None]).numpy()
        return self.space.discretize(weights)

    def _masks(self, architecture: Mapping[str, Option]) -> dict[str, np.ndarray]:
        return self.space.mask(architecture)
