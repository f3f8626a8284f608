"""A space of cells as one layer that computes one architecture at a time.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, section 3;
Pham et al., "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018, section 2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.network import (
    cell_channels,
    cell_kind,
    cell_network,
    edge_strides,
    has_pool_norm,
    last_activation,
    preprocess,
    residual_block,
    stem,
)
from autonas_keras.layers.operations import Tensor, apply_operation
from autonas_keras.spaces import CellSpace, Option, canonical
from autonas_keras.supernets.path import PathSupernet, Usage
from autonas_keras.supernets.switch import branch_model, dtype_policy


@keras.utils.register_keras_serializable(package="autonas_keras")
class PathCell(PathSupernet):
    """The network of a cell space of which one architecture runs at a time.

    Every operation on every edge of every cell has weights of its own; cells of a type take the same decisions. An edge
    that an architecture does not use, or uses for "none", is not computed. Input (batch, height, width, channels),
    output the features of the last cell.

    Args:
        space: A cell space, or its configuration.
        affine: Whether batch normalisation inside the cells learns scale and offset.
        seed: Seed of all initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    space: CellSpace

    def __init__(
        self, space: CellSpace | Mapping[str, Any], affine: bool = False, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.space = space if isinstance(space, CellSpace) else CellSpace(**space)
        self.affine = bool(affine)
        # Where inputs may repeat, both operations of a node may stand on one edge.
        self._slots = 2 if self.space.topology == "repeat" else 1

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.get_config(),
            "affine": self.affine,
            "seed": self.seed,
        }

    # Routes: for each cell type and slot an entry for each edge, the index of its operation plus one, 0 for none

    def _place(self, kind: str, slot: int, row: int) -> int:
        return (self.space.cell_types.index(kind) * self._slots + slot) * len(self.space.edges) + row

    def route(self, architecture: Mapping[str, Option]) -> np.ndarray:
        space = self.space
        point = space.architecture(architecture)
        route = np.zeros(len(space.cell_types) * self._slots * len(space.edges), np.int32)
        rows = {edge: row for row, edge in enumerate(space.edges)}
        for kind in space.cell_types:
            for node, pairs in enumerate(space.cell(point, kind).nodes, space.inputs):
                for number, (operation, state) in enumerate(pairs):
                    if canonical(operation) != "none":
                        place = self._place(kind, number if self._slots == 2 else 0, rows[node, state])
                        route[place] = 1 + space.operations.index(operation)
        return route

    def usage(self) -> list[Usage]:
        found = []
        for (index, edge, operation), model in self._operations():
            places = [
                self._place(cell_kind(self.space, index), slot, self.space.edges.index(edge))
                for slot in range(self._slots)
            ]
            value = 1 + self.space.operations.index(operation)
            if model.trainable_weights:
                found.append(Usage(partial(_takes, places=places, value=value), model.trainable_weights))
        return found

    # Weights

    def build(self, input_shape: Sequence[int | None]) -> None:
        space, dense = self.space, self.space.topology == "dense"
        # Keras tracks the models of a flat list, not those under keys that are no strings.
        self._models: list[keras.Model] = []
        self._numbers: dict[str, int] = {}
        if input_shape[-1] is None:
            raise ValueError("Expected an input with a known number of channels, got None; give the input its shape.")
        self._add("stem", int(input_shape[-1]), lambda x: stem(x, space))
        widths = [int(self._models[0].output_shape[-1])] * space.inputs
        for index in range(space.cells):
            channels = cell_channels(space, index)
            if not dense:
                for state, width in enumerate(widths):
                    function = partial(preprocess, space=space, index=index, state=state, affine=self.affine)
                    self._add(f"cell_{index}_input_{state}", width, function)
            elif index in space.reductions:
                self._add(f"cell_{index}_residual", widths[0], partial(residual_block, channels=channels))
            for edge in space.edges:
                for operation in space.operations:
                    if canonical(operation) != "none":
                        self._add(_name(index, edge, operation), channels, self._operation(index, edge[1], operation))
            widths = [*widths[1:], channels if dense else channels * space.nodes]
        if dense:
            self._add("last", widths[0], last_activation)
        self._build_route(len(space.cell_types) * self._slots * len(space.edges))
        super().build(input_shape)

    def _add(self, name: str, channels: int, function: Callable[[Tensor], Tensor]) -> None:
        self._numbers[name] = len(self._models)
        seed = [self.seed, 5, len(self._models)]
        self._models.append(branch_model(name, (None, None, channels), function, self.dtype_policy, seed))

    def _operation(self, index: int, state: int, operation: str) -> Callable[[Tensor], Tensor]:
        return partial(
            apply_operation,
            operation,
            channels=cell_channels(self.space, index),
            strides=edge_strides(self.space, index, state),
            affine=self.affine,
            pool_norm=has_pool_norm(self.space, self.affine),
        )

    def _model(self, name: str) -> keras.Model:
        return self._models[self._numbers[name]]

    def _operations(self) -> list[tuple[tuple[int, tuple[int, int], str], keras.Model]]:
        """Every operation by cell, edge and name."""
        return [
            ((index, edge, operation), self._model(_name(index, edge, operation)))
            for index in range(self.space.cells)
            for edge in self.space.edges
            for operation in self.space.operations
            if canonical(operation) != "none"
        ]

    # Computation

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        space = self.space
        states = [self._model("stem")(inputs, training=training)] * space.inputs
        for index in range(space.cells):
            entered = list(states)
            if f"cell_{index}_residual" in self._numbers:
                entered = [self._model(f"cell_{index}_residual")(states[0], training=training)]
            elif space.topology != "dense":
                entered = [
                    self._model(f"cell_{index}_input_{state}")(x, training=training) for state, x in enumerate(states)
                ]
            nodes = self._cell(index, entered, training)
            output = nodes[-1] if space.topology == "dense" else tf.concat(nodes, axis=-1)
            states = [*states[1:], output]
        return self._model("last")(states[-1], training=training) if space.topology == "dense" else states[-1]

    def _cell(self, index: int, states: list[tf.Tensor], training: bool | None) -> list[tf.Tensor]:
        """The nodes of a cell."""
        space, found = self.space, list(states)
        for node in range(space.inputs, space.inputs + space.nodes):
            total = self._zeros(index, states[0])
            for row, edge in enumerate(space.edges):
                if edge[0] != node:
                    continue
                for slot in range(self._slots):
                    place = self.place(self._place(cell_kind(space, index), slot, row))
                    total = self._add_edge(index, edge, found[edge[1]], total, place, training)
            found.append(total)
        return found[space.inputs :]

    def _zeros(self, index: int, state: tf.Tensor) -> tf.Tensor:
        stride = edge_strides(self.space, index, 0)
        shape = tf.shape(state)
        size = [shape[0], -(-shape[1] // stride), -(-shape[2] // stride), cell_channels(self.space, index)]
        static = [None if n is None else -(-n // stride) for n in state.shape[1:3]]
        return tf.ensure_shape(tf.zeros(size, state.dtype), [state.shape[0], *static, size[-1]])

    def _add_edge(
        self, index: int, edge: tuple[int, int], x: tf.Tensor, total: tf.Tensor, place: tf.Tensor, training: bool | None
    ) -> tf.Tensor:
        """The sum of a node with what an edge adds to it; an edge that is not used is not computed."""

        def run(operation: str) -> tf.Tensor:
            if canonical(operation) == "none":
                return tf.identity(total)
            y = self._model(_name(index, edge, operation))(x, training=training)
            return total + tf.cast(y, total.dtype)

        branches = [lambda: tf.identity(total), *(partial(run, operation) for operation in self.space.operations)]
        return tf.switch_case(place, branches)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        for _ in self.space.reductions:
            height, width = (None if n is None else -(-n // 2) for n in (height, width))
        last = cell_channels(self.space, self.space.cells - 1)
        return batch, height, width, last * (1 if self.space.topology == "dense" else self.space.nodes)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    # What is handed out

    def extract(self, architecture: Mapping[str, Option], input_shape: tuple[int, int, int]) -> keras.Model:
        space = self.space
        point = space.architecture(architecture)
        cells = {kind: space.cell(point, kind) for kind in space.cell_types}
        with dtype_policy(self.dtype_policy):
            x = keras.Input(input_shape, dtype=self.compute_dtype)
            pool_norm = has_pool_norm(space, self.affine)
            model = keras.Model(x, cell_network(x, cells, space, affine=self.affine, pool_norm=pool_norm))
        held = {layer.name: layer for layer in model.layers}
        places = {name: name for name in self._numbers if "_edge_" not in name}
        for index in range(space.cells):
            for node, pairs in enumerate(cells[cell_kind(space, index)].nodes, space.inputs):
                for number, (operation, state) in enumerate(pairs, 1):
                    place = f"cell_{index}_node_{node}_op_{number}_{canonical(operation)}"
                    places[place] = _name(index, (node, state), operation)
        for place, name in places.items():
            for layer in self._model(name).layers if name in self._numbers else ():
                target = held.get(place + layer.name.removeprefix(name))
                # Keras leaves out what no output depends on.
                if target is not None and layer.weights:
                    target.set_weights(layer.get_weights())
        return model

    def parts(self, architecture: Mapping[str, Option]) -> list[keras.Model] | None:
        point = self.space.architecture(architecture)
        names = ["stem"]
        for index in range(self.space.cells):
            names += [f"cell_{index}_{part}" for part in ("residual", "input_0", "input_1")]
            for node, pairs in enumerate(self.space.cell(point, cell_kind(self.space, index)).nodes, self.space.inputs):
                names += [_name(index, (node, state), operation) for operation, state in pairs]
        found = [self._numbers[name] for name in [*names, "last"] if name in self._numbers]
        return [self._models[number] for number in found] if len(set(found)) == len(found) else None


def _name(index: int, edge: tuple[int, int], operation: str) -> str:
    return f"cell_{index}_edge_{edge[0]}_{edge[1]}_{operation}"


def _takes(route: tf.Tensor, places: Sequence[int], value: int) -> tf.Tensor:
    return tf.reduce_any(tf.equal(tf.gather(route, list(places)), value))
