"""Networks of discrete cells out of stock Keras layers."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from autonas_keras.layers.drop_path import DropPath, DropPathAdd
from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import (
    Tensor,
    apply_operation,
    batch_norm,
    convolution,
    factorized_reduce,
    relu,
    relu_conv_bn,
)
from autonas_keras.spaces import Cell, CellSpace, canonical

STEM_WIDTH = 3


def cell_network(
    x: Tensor,
    cells: Mapping[str, Cell],
    space: CellSpace,
    *,
    affine: bool = True,
    pool_norm: bool | None = None,
    drop_path: DropPath | None = None,
    auxiliary: bool = False,
    name_prefix: str = "",
) -> Tensor | tuple[Tensor, Tensor]:
    """The network that stacks ``space.cells`` cells.

    Args:
        x: Images, (batch, height, width, channels); sizes may be odd, and a size of 1 stays 1 at a reduction.
        cells: A cell for each of ``space.cell_types``.
        space: Says how many cells, how wide and where the resolution is halved.
        affine: Whether the batch normalisation inside the cells learns scale and offset; not so in a search.
        pool_norm: Whether pooling is followed by batch normalisation without affine. By default as published: in the
            network of a DARTS-like search (``affine=False``), nowhere else.
        drop_path: Drops paths in training, never the identity, nor the only path into a node.
        auxiliary: Whether to give the features of the auxiliary head too, which reads the cell at two thirds.
        name_prefix: Goes in front of the layers' names, such as "stem_conv" or "cell_3_node_4_op_1_max_pool_3x3_pool".

    Returns:
        Features (batch, h, w, c) without pooling or classifier; with ``auxiliary`` also those of the auxiliary head,
        (batch, h', w', 768). Global average pooling and a classifier follow both.

    Raises:
        ValueError: When a cell of the space is missing or has another number of input states.

    Reference: Liu et al., ICLR 2019, section 3.1 and appendix A; Dong, Yang, ICLR 2020, section 2.1.
    """
    for kind in space.cell_types:
        if kind not in cells or cells[kind].inputs != space.inputs:
            got = f"one of {cells[kind].inputs}" if kind in cells else f"cells {sorted(cells)}"
            raise ValueError(f"Expected a {kind} cell of {space.inputs} input states, got {got}.")
    pool_norm = has_pool_norm(space, affine) if pool_norm is None else pool_norm
    with layer_names(f"{name_prefix}stem"):
        states = [stem(x, space)] * space.inputs
    features = extra = states[-1]
    for index in range(space.cells):
        inputs = _cell_inputs(states, space, index, affine, name_prefix)
        cell = cells[cell_kind(space, index)]
        features = _cell(cell, inputs, space, index, affine, pool_norm, drop_path, name_prefix)
        states = [*states[1:], features]
        if auxiliary and index == 2 * space.cells // 3:
            with layer_names(f"{name_prefix}auxiliary"):
                extra = auxiliary_head(features)
    if space.topology == "dense":
        with layer_names(f"{name_prefix}last"):
            features = last_activation(features)
    return (features, extra) if auxiliary else features


def has_pool_norm(space: CellSpace, affine: bool) -> bool:
    """Whether the published code normalises after pooling: in the search of a space of normal and reduction cells."""
    return not affine and space.topology != "dense"


def cell_kind(space: CellSpace, index: int) -> str:
    """Which of ``space.cell_types`` stands at ``index``."""
    if space.topology == "dense":
        return "cell"
    return "reduction" if index in space.reductions else "normal"


def cell_channels(space: CellSpace, index: int) -> int:
    """Channels of the nodes of the cell at ``index``."""
    return space.channels * 2 ** sum(reduction <= index for reduction in space.reductions)


def edge_strides(space: CellSpace, index: int, state: int) -> int:
    """Strides of the edges from ``state`` in the cell at ``index``: 2 from the inputs of a reduction cell."""
    return 2 if cell_kind(space, index) == "reduction" and state < space.inputs else 1


def stem(x: Tensor, space: CellSpace) -> Tensor:
    """3x3 convolution and batch normalisation, to three times the channels for normal and reduction cells."""
    width = space.channels * (1 if space.topology == "dense" else STEM_WIDTH)
    return batch_norm(True)(convolution(x, width, 3))


def preprocess(x: Tensor, space: CellSpace, index: int, state: int, affine: bool) -> Tensor:
    """An input state of the cell at ``index`` with that cell's channels and, after a reduction cell, its resolution."""
    if state == 0 and index - 1 in space.reductions:
        return factorized_reduce(x, cell_channels(space, index), affine)
    return relu_conv_bn(x, cell_channels(space, index), 1, 1, affine)


def residual_block(x: Tensor, channels: int) -> Tensor:
    """The block that halves the resolution between the stages of dense cells: two 3x3 convolutions and a shortcut."""
    y = relu_conv_bn(relu_conv_bn(x, channels, 3, 2), channels, 3)
    # "same" leaves the missing row of an odd size out of the mean.
    shortcut = keras.layers.AveragePooling2D(2, 2, padding="same", name=layer_name("pool"))(x)
    return keras.layers.Add(name=layer_name("add"))([convolution(shortcut, channels, 1), y])


def last_activation(x: Tensor) -> Tensor:
    """Batch normalisation and ReLU, which end a network of dense cells."""
    return relu(batch_norm(True)(x))


def auxiliary_head(x: Tensor) -> Tensor:
    """Features of the auxiliary classifier, (batch, h, w, c) to (batch, h', w', 768); 8x8 gives 1x1 as published."""
    small = min(x.shape[1] or 8, x.shape[2] or 8) < 8
    # Images under 8x8 would leave nothing for the second convolution.
    padding = "same" if small else "valid"
    x = keras.layers.AveragePooling2D(5, 3, padding=padding, name=layer_name("pool"))(relu(x))
    x = relu(batch_norm(True)(convolution(x, 128, 1)))
    kernel = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    x = keras.layers.Conv2D(
        768, 2, padding=padding, use_bias=False, kernel_initializer=kernel, name=layer_name("conv")
    )(x)
    return relu(batch_norm(True)(x))


def _cell_inputs(states: list[Tensor], space: CellSpace, index: int, affine: bool, name_prefix: str) -> list[Tensor]:
    if space.topology == "dense":
        if index not in space.reductions:
            return states
        with layer_names(f"{name_prefix}cell_{index}_residual"):
            return [residual_block(states[0], cell_channels(space, index))]
    inputs = []
    for state, x in enumerate(states):
        with layer_names(f"{name_prefix}cell_{index}_input_{state}"):
            inputs.append(preprocess(x, space, index, state, affine))
    return inputs


def _cell(
    cell: Cell,
    inputs: list[Tensor],
    space: CellSpace,
    index: int,
    affine: bool,
    pool_norm: bool,
    drop_path: DropPath | None,
    name_prefix: str,
) -> Tensor:
    channels = cell_channels(space, index)
    states = list(inputs)
    for node, pairs in enumerate(cell.nodes, cell.inputs):
        here = f"{name_prefix}cell_{index}_node_{node}"
        paths, droppable = [], []
        for number, (operation, state) in enumerate(pairs, 1):
            strides = edge_strides(space, index, state)
            with layer_names(f"{here}_op_{number}_{canonical(operation)}"):
                paths.append(apply_operation(operation, states[state], channels, strides, affine, pool_norm))
            droppable.append(not (canonical(operation) == "skip_connect" and strides == 1))
        if len(paths) == 1:
            states.append(paths[0])
        elif drop_path is None:
            states.append(keras.layers.Add(name=f"{here}_add")(paths))
        else:
            states.append(DropPathAdd(drop_path, droppable, name=f"{here}_add")(paths))
    outputs = [states[state] for state in cell.concat]
    if len(outputs) == 1:
        return outputs[0]
    return keras.layers.Concatenate(name=f"{name_prefix}cell_{index}_concat")(outputs)
