"""What a network costs: parameters and multiply-adds, of a Keras model or counted from an architecture alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from numbers import Real
from typing import Any

import keras
import numpy as np

from autonas_keras.evaluation.layer_flops import Shape, layer_flops
from autonas_keras.layers.network import STEM_WIDTH, cell_channels, cell_kind, edge_strides
from autonas_keras.layers.operations import BUILT_IN, OPERATIONS, operation_model
from autonas_keras.spaces import CellSpace, canonical, close_names
from autonas_keras.spaces.choice import Option

COSTS = ("params", "flops")
LIMITS = (*COSTS, "latency_ms")


@dataclass(frozen=True)
class _Cost:
    params: int = 0
    flops: int = 0

    def __add__(self, other: _Cost) -> _Cost:
        return _Cost(self.params + other.params, self.flops + other.flops)

    def as_dict(self) -> dict[str, int]:
        return {"params": self.params, "flops": self.flops}


def model_costs(model: keras.Model) -> dict[str, int]:
    """Trainable parameters, and multiply-adds of its layers for one sample.

    Convolutions, dense, recurrent and attention layers count, a bias as one addition for each output; normalisation,
    pooling and activations count nothing, as in NAS-Bench-201's table.

    Raises:
        ValueError: When the model is not a functional or sequential one, or leaves a size open that it depends on.
    """
    params = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return {"params": int(params), "flops": sum(layer_flops(*call) for call in _calls(model))}


def _calls(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, list[Shape], Shape]]:
    """Every use of a layer: the layer, the shapes it reads and the shape it gives."""
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs, model.outputs)
    if not hasattr(model, "_nodes_by_depth"):
        raise ValueError(f"Expected a built functional or sequential model to count, got {type(model).__name__}.")
    # Keras shows layers in public, but not how often and on what shapes a model uses them.
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            if isinstance(node.operation, keras.Model):
                yield from _calls(node.operation)
            elif node.input_tensors:
                read = [tuple(tensor.shape) for tensor in node.input_tensors]
                yield node.operation, read, tuple(node.output_tensors[0].shape)


def architecture_costs(
    space: CellSpace, architecture: Mapping[str, Option], input_shape: tuple[int, int, int], classes: int
) -> dict[str, int]:
    """The costs of the network of an architecture, without building it: ``model_costs`` gives the same.

    What nothing reads is not part of the network: an input state that no node of a cell takes, a cell whose output
    the cells after it leave out.

    Args:
        space: The space of the architecture, with the number of cells and channels of the network.
        architecture: A point of it.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the dense layer after global average pooling.
    """
    table = _table(space, tuple(input_shape), int(classes), _builders(space))
    pairs = {
        kind: [pair for node in space.cell(architecture, kind).nodes for pair in node] for kind in space.cell_types
    }
    used = {kind: {state for _, state in pairs[kind] if state < space.inputs} for kind in space.cell_types}
    total = table.base
    for cell in _live(table, used):
        for state in used[cell.kind]:
            total += cell.inputs[state]
        for operation, state in pairs[cell.kind]:
            total += cell.operations[canonical(operation), state < space.inputs]
    return total.as_dict()


def least_costs(space: CellSpace, input_shape: tuple[int, int, int], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``architecture_costs``."""
    table = _table(space, tuple(input_shape), int(classes), _builders(space))
    both = set(range(space.inputs))
    # Where inputs may repeat, a cell may leave one of its input states out, and with it what only that one reads.
    subsets = [{0}, {1}, both] if space.topology == "repeat" else [both]
    ways = [
        dict(zip(space.cell_types, choice, strict=True)) for choice in product(subsets, repeat=len(space.cell_types))
    ]
    return {key: min(_least(space, table, used, key) for used in ways) for key in COSTS}


def _least(space: CellSpace, table: _Table, used: Mapping[str, set[int]], key: str) -> int:
    """The least cost when each kind of cell reads these input states only."""
    cells = list(_live(table, used))
    total = getattr(table.base, key) + sum(getattr(cell.inputs[s], key) for cell in cells for s in used[cell.kind])
    for kind in {cell.kind for cell in cells}:
        edge = {
            from_input: min(
                sum(getattr(cell.operations[canonical(name), from_input], key) for cell in cells if cell.kind == kind)
                for name in space.candidates
            )
            for from_input in (True, False)
        }
        for node in range(space.inputs, space.inputs + space.nodes):
            least = [edge[s < space.inputs] for s in range(node) if s >= space.inputs or s in used[kind]]
            if space.topology == "dense":
                total += sum(least)
            elif space.topology == "repeat":
                total += 2 * min(least)
            else:
                total += sum(sorted(least)[:2])
    return total


def operation_costs(space: CellSpace, input_shape: tuple[int, ...], cost: str = "flops") -> dict[str, np.ndarray]:
    """What the operations of a network cost on each edge, in all cells of a type, shape (edges, operations).

    Args:
        space: The space, with the number of cells and channels of the network.
        input_shape: (height, width, channels) of the images.
        cost: "params" or "flops".

    Raises:
        ValueError: When the cost is neither.
    """
    if cost not in COSTS:
        raise ValueError(f"Expected a cost of {' and '.join(COSTS)}, got {cost!r}{close_names(cost, COSTS)}.")
    height, width, channels = input_shape
    table = _table(space, (height, width, channels), 1, _builders(space))
    return {
        kind: np.array(
            [
                [
                    sum(
                        getattr(cell.operations[canonical(name), state < space.inputs], cost)
                        for cell in table.cells
                        if cell.kind == kind
                    )
                    for name in space.operations
                ]
                for _, state in space.edges
            ],
            dtype=np.float64,
        )
        for kind in space.cell_types
    }


@dataclass(frozen=True)
class _CellTable:
    """The costs of one cell: of preparing each input state, and of each operation on an edge.

    Edges from the inputs of a cell are told from the others, because they halve the resolution of a reduction cell.
    """

    kind: str
    inputs: tuple[_Cost, ...]
    operations: dict[tuple[str, bool], _Cost]


@dataclass(frozen=True)
class _Table:
    """The cost of stem and head, and of each cell."""

    base: _Cost
    cells: tuple[_CellTable, ...]


def _live(table: _Table, used: Mapping[str, set[int]]) -> Iterator[_CellTable]:
    """The cells that the output depends on, from the last to the first."""
    read = {len(table.cells) - 1}
    for index in range(len(table.cells) - 1, -1, -1):
        if index in read:
            cell = table.cells[index]
            read |= {index - len(cell.inputs) + state for state in used[cell.kind]}
            yield cell


def _builders(space: CellSpace) -> tuple[Any, ...]:
    """What the operations of a space are at present: one that is registered anew has to be counted anew."""
    return tuple(OPERATIONS[canonical(name)] for name in space.operations)


@cache
def _table(space: CellSpace, input_shape: tuple[int, int, int], classes: int, builders: tuple[Any, ...]) -> _Table:
    height, width, colours = input_shape
    dense = space.topology == "dense"
    stem = space.channels * (1 if dense else STEM_WIDTH)
    base = _convolution(colours, stem, 3, height * width)
    widths = [stem] * space.inputs
    cells = []
    for index in range(space.cells):
        channels = cell_channels(space, index)
        smaller = (-(-height // 2), -(-width // 2)) if index in space.reductions else (height, width)
        if dense:
            # The residual block comes before its cell, which then does not reduce.
            height, width = smaller
            inputs = [_residual_block(widths[0], channels, height * width)] if index in space.reductions else [_Cost()]
        else:
            # FactorizedReduce costs what one 1x1 convolution with its outputs costs.
            inputs = [_convolution(side, channels, 1, height * width) for side in widths]
        operations = {}
        for name in space.operations:
            strides = edge_strides(space, index, 0)
            operations[canonical(name), True] = _operation(name, channels, (height, width), strides)
            operations[canonical(name), False] = _operation(name, channels, smaller, 1)
        cells.append(_CellTable(cell_kind(space, index), tuple(inputs), operations))
        height, width = smaller
        widths = [*widths[1:], channels if dense else channels * space.nodes]
    last = widths[-1]
    classifier = (last + 1) * classes
    return _Table(base + _Cost(classifier + (2 * last if dense else 0), classifier), tuple(cells))


def _residual_block(read: int, given: int, area: int) -> _Cost:
    convolutions = _convolution(read, given, 3, area) + _convolution(given, given, 3, area)
    return convolutions + _convolution(read, given, 1, area, norm=False)


def _convolution(read: int, given: int, kernel: int, area: int, norm: bool = True) -> _Cost:
    """A convolution, with the scale and offset of the batch normalisation after it."""
    size = kernel * kernel * read * given
    return _Cost(size + (2 * given if norm else 0), size * area)


def _operation(name: str, channels: int, size: tuple[int, int], strides: int) -> _Cost:
    name = canonical(name)
    height, width = size
    rows, columns = -(-height // strides), -(-width // strides)
    area, norm = rows * columns, 2 * channels
    if name not in BUILT_IN:
        model = operation_model(name, (height, width, channels), channels, strides, pool_norm=False)
        return _Cost(**model_costs(model))
    family, _, kernel = name.rpartition("_")
    if family in ("max_pool", "avg_pool") or name == "none" or (name == "skip_connect" and strides == 1):
        return _Cost()
    if name == "skip_connect":
        return _convolution(channels, channels, 1, area)
    if name == "conv_7x1_1x7":
        half = 7 * channels * channels
        return _Cost(2 * half + norm, half * (height * columns + area))
    if family == "conv":
        return _convolution(channels, channels, int(kernel[0]), area)
    stages = {"sep_conv": 2, "dil_conv": 1}[family]
    pixel = stages * (int(kernel[0]) ** 2 * channels + channels * channels)
    return _Cost(pixel + stages * norm, pixel * area)


def check_limits(limits: Mapping[str, Any] | None) -> dict[str, float]:
    """The limits as a dictionary; None is no limit.

    Raises:
        ValueError: When a limit is not of "params", "flops" and "latency_ms" (close names are given), or not a positive
            number.
        TypeError: When ``limits`` is not a mapping.
    """
    if limits is None:
        return {}
    if not isinstance(limits, Mapping):
        raise TypeError(f'Expected limits such as {{"params": 100_000}}, got {type(limits).__name__}.')
    for name, value in limits.items():
        if name not in LIMITS:
            raise ValueError(f"Expected limits of {', '.join(LIMITS)}, got {name!r}{close_names(name, LIMITS)}.")
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise ValueError(f"Expected the limit of {name} to be a positive number, got {value!r}.")
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in limits.items()}


def meets(costs: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Whether no cost passes its limit."""
    return all(costs[name] <= limit for name, limit in limits.items())
