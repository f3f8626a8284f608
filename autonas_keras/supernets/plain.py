"""The supernet of cells in its textbook form: every edge runs every operation by itself.

It is slow, and it is the reference: ``CellSupernet`` has to compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from autonas_keras.layers.names import layer_names
from autonas_keras.layers.network import (
    cell_channels,
    cell_kind,
    edge_strides,
    has_pool_norm,
    last_activation,
    preprocess,
    residual_block,
    stem,
)
from autonas_keras.layers.operations import Tensor, apply_operation
from autonas_keras.spaces import CellSpace

EdgeKey = tuple[int, tuple[int, int], str]


class PlainCellSupernet(keras.layers.Layer):
    """A network of cells whose edges are weighted sums of all operations, with all weights in Keras models.

    ``stem``, ``preprocess[i]`` (one model for each input state), ``operations[i, (node, state), name]``,
    ``residual[i]`` and ``last`` (both of dense cells only) are the models it is made of, there once it is built;
    inside they have the layers of ``cell_network`` in the same order.

    Args:
        space: The cells to mix.
        affine: Whether batch normalisation inside the cells learns scale and offset.

    Reference: Liu et al., ICLR 2019, equation 2.
    """

    def __init__(self, space: CellSpace, affine: bool = False, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.space = space
        self.affine = affine

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the models for images (batch, height, width, channels)."""
        before = keras.config.dtype_policy()
        # Models take the policy of the moment; theirs is that of this layer.
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            self._build_models(int(input_shape[-1]))
        finally:
            keras.config.set_dtype_policy(before)
        super().build(input_shape)

    def _build_models(self, colours: int) -> None:
        space = self.space
        dense = space.topology == "dense"
        # Keras tracks the layers of a flat list, not those of lists in lists or of keys that are no strings.
        self._models: list[keras.Model] = []
        self._places: dict[str, int] = {}
        self._add("stem", colours, lambda x: stem(x, space))
        widths = [int(self.stem.output_shape[-1])] * space.inputs
        for index in range(space.cells):
            channels = cell_channels(space, index)
            if not dense:
                for state, width in enumerate(widths):
                    self._add(f"cell_{index}_input_{state}", width, self._preprocess(index, state))
            elif index in space.reductions:
                self._add(f"cell_{index}_residual", widths[0], partial(residual_block, channels=channels))
            for node, state in space.edges:
                for operation in space.operations:
                    function = self._operation(index, state, operation)
                    self._add(f"cell_{index}_edge_{node}_{state}_{operation}", channels, function)
            widths = [*widths[1:], channels if dense else channels * space.nodes]
        if dense:
            self._add("last", widths[0], last_activation)

    def _add(self, name: str, channels: int, function: Callable[[Tensor], Tensor]) -> None:
        x = keras.Input((None, None, channels), dtype=self.compute_dtype)
        with layer_names(name):
            y = function(x)
        self._places[name] = len(self._models)
        self._models.append(keras.Model(x, y, name=name))

    def _preprocess(self, index: int, state: int) -> Callable[[Tensor], Tensor]:
        return lambda x: preprocess(x, self.space, index, state, self.affine)

    def _operation(self, index: int, state: int, operation: str) -> Callable[[Tensor], Tensor]:
        channels, strides = cell_channels(self.space, index), edge_strides(self.space, index, state)
        pool_norm = has_pool_norm(self.space, affine=False)
        return lambda x: apply_operation(operation, x, channels, strides, self.affine, pool_norm)

    def _get(self, name: str) -> keras.Model:
        return self._models[self._places[name]]

    @property
    def stem(self) -> keras.Model:
        """The model of the stem."""
        return self._get("stem")

    @property
    def last(self) -> keras.Model:
        """The model of the normalisation and ReLU at the end of dense cells."""
        return self._get("last")

    @property
    def preprocess(self) -> list[list[keras.Model]]:
        """For each cell the models of its input states; none for dense cells."""
        sides = range(0 if self.space.topology == "dense" else self.space.inputs)
        return [[self._get(f"cell_{index}_input_{state}") for state in sides] for index in range(self.space.cells)]

    @property
    def residual(self) -> dict[int, keras.Model]:
        """The residual block before each dense cell that has one."""
        found = self.space.reductions if self.space.topology == "dense" else ()
        return {index: self._get(f"cell_{index}_residual") for index in found}

    @property
    def operations(self) -> dict[EdgeKey, keras.Model]:
        """The model of each (cell, (node, state), operation)."""
        return {
            (index, edge, name): self._get(f"cell_{index}_edge_{edge[0]}_{edge[1]}_{name}")
            for index in range(self.space.cells)
            for edge in self.space.edges
            for name in self.space.operations
        }

    def call(self, x: Any, weights: Mapping[str, Any], training: bool | None = None) -> Any:
        """Features of images.

        Args:
            x: (batch, height, width, channels).
            weights: For each cell type (edges, operations), edges in the order of ``space.edges``.

        Returns:
            (batch, h, w, c), as from ``cell_network``.
        """
        operations, residual, entrances = self.operations, self.residual, self.preprocess
        states = [self.stem(x, training=training)] * self.space.inputs
        for index in range(self.space.cells):
            cell = [residual[index](states[0], training=training)] if index in residual else list(states)
            if entrances[index]:
                cell = [model(s, training=training) for model, s in zip(entrances[index], states, strict=True)]
            table = weights[cell_kind(self.space, index)]
            for node in range(self.space.inputs, self.space.inputs + self.space.nodes):
                total = 0.0
                for row, edge in enumerate(self.space.edges):
                    if edge[0] != node:
                        continue
                    for column, name in enumerate(self.space.operations):
                        y = operations[index, edge, name](cell[edge[1]], training=training)
                        total = total + table[row, column] * y
                cell.append(total)
            nodes = cell[self.space.inputs :]
            output = nodes[-1] if self.space.topology == "dense" else keras.ops.concatenate(nodes, axis=-1)
            states = [*states[1:], output]
        return self.last(states[-1], training=training) if self.space.topology == "dense" else states[-1]

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], weights_shape: Any = None
    ) -> tuple[int | None, ...]:
        """(batch, h, w, c) of the features of images of shape ``x_shape``."""
        height, width = x_shape[1:3]
        for _ in self.space.reductions:
            height, width = (None if n is None else -(-n // 2) for n in (height, width))
        channels = cell_channels(self.space, self.space.cells - 1)
        return x_shape[0], height, width, channels * (1 if self.space.topology == "dense" else self.space.nodes)
