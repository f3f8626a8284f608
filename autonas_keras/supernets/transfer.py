"""The weights of one network of a supernet, as the layers of a discrete network hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras.ops import convert_to_numpy as to_numpy

from autonas_keras.layers.network import cell_network
from autonas_keras.spaces import canonical
from autonas_keras.supernets.cell import CellSupernet
from autonas_keras.supernets.merged import DILATED, PLAIN, SEPARABLE
from autonas_keras.supernets.switch import dtype_policy

# Weights by the kind of layer that holds them, "conv" and "conv_2" being the first and second of their kind.
LayerWeights = dict[str, list[np.ndarray]]


def operation_weights(supernet: CellSupernet, index: int, node: int, source: int, operation: str) -> LayerWeights:
    """Weights of an operation on one edge of the cell at ``index``."""
    plan, weights, name = supernet.plans[index], supernet._cells[index], canonical(operation)
    if name in plan.custom:
        return _by_kind(weights["edges"][source, node, name])
    place = plan.slices[source].start + list(plan.targets(source)).index(node)
    kernels = {key: to_numpy(k) for key, k in zip(plan.variables(), weights["kernels"], strict=True)}
    count, width = list(plan.targets(source)).index(node), plan.width

    def columns(key: str, unit: int = width, at: int = place) -> np.ndarray:
        kernel = kernels[f"{name}/{key}"]
        part = slice(at * unit, (at + 1) * unit)
        return kernel[:, :, part, :] if key.startswith("depthwise") else kernel[..., part]

    def statistics(stage: int) -> list[np.ndarray]:
        moving, start = to_numpy(weights["moving"]), _entry_statistics(supernet, index)
        for other, key, size in plan.statistics():
            if (other, key) == (source, f"{name}/{stage}"):
                start += count * width if size > width or len(plan.targets(source)) == 1 else 0
                return [moving[0, start : start + width], moving[1, start : start + width]]
            start += size
        return []

    if name in SEPARABLE:
        return {
            "depthwise": [columns("depthwise_1")],
            "conv": [columns("pointwise_1")],
            "batch_norm": statistics(1),
            "depthwise_2": [columns("depthwise_2")],
            "conv_2": [columns("pointwise_2")],
            "batch_norm_2": statistics(2),
        }
    if name in DILATED:
        return {"depthwise": [columns("depthwise_1")], "conv": [columns("pointwise_1")], "batch_norm": statistics(1)}
    if name in PLAIN:
        return {"conv": [columns("kernel")], "batch_norm": statistics(1)}
    if name == "skip_connect" and plan.stride(source) == 2:
        at = sum(len(plan.targets(s)) for s in plan.sources if s < source and plan.stride(s) == 2) + count
        halves = [columns("even", width // 2, at)] if width > 1 else []
        halves.append(columns("odd", width - width // 2, at))
        found = {("conv" if i == 0 else "conv_2"): [half] for i, half in enumerate(halves)}
        return {**found, "batch_norm": statistics(1)}
    norm = statistics(1)
    return {"batch_norm": norm} if norm else {}


def frame_weights(supernet: CellSupernet) -> dict[str, LayerWeights]:
    """Weights of all that is not searched, by the name of the place: "stem", "cell_2_input_0", "cell_5_residual", "last"."""
    moving = to_numpy(supernet._stem_moving)
    affine = [to_numpy(supernet._stem_scale), to_numpy(supernet._stem_shift)]
    frame: dict[str, LayerWeights] = {"stem": {"conv": [to_numpy(supernet._stem)], "batch_norm": [*affine, *moving]}}
    for index, (plan, weights) in enumerate(zip(supernet.plans, supernet._cells, strict=True)):
        moving, c = to_numpy(weights["moving"]), plan.channels
        if "residual" in weights:
            a, b, shortcut = (to_numpy(kernel) for kernel in weights["residual"])
            frame[f"cell_{index}_residual"] = {
                "conv": [a],
                "conv_2": [b],
                "conv_3": [shortcut],
                "batch_norm": [np.ones(c), np.zeros(c), *moving[:, :c]],
                "batch_norm_2": [np.ones(c), np.zeros(c), *moving[:, c : 2 * c]],
            }
        for side, kernels in enumerate(weights.get("inputs", ())):
            convs = {("conv" if i == 0 else "conv_2"): [to_numpy(kernel)] for i, kernel in enumerate(kernels)}
            frame[f"cell_{index}_input_{side}"] = {**convs, "batch_norm": [*moving[:, side * c : (side + 1) * c]]}
    if supernet.space.topology == "dense":
        affine = [to_numpy(supernet._last_scale), to_numpy(supernet._last_shift)]
        frame["last"] = {"batch_norm": [*affine, *to_numpy(supernet._last_moving)]}
    return frame


def extract(supernet: CellSupernet, architecture: Mapping[str, Any], input_shape: tuple[int, int, int]) -> keras.Model:
    """The network of an architecture with the weights it has in the supernet, in stock Keras layers.

    Args:
        supernet: A built supernet.
        architecture: A point of its space.
        input_shape: (height, width, channels) of its input.

    Returns:
        A model that computes what the supernet does once it has selected the architecture.

    Raises:
        ValueError: When the supernet works on partial channels, which no discrete network does, or the architecture is no
            point of its space.
    """
    if supernet.partial_channels > 1:
        raise ValueError("Expected a supernet on all channels to extract a network from, got partial channels.")
    space = supernet.space
    point = space.architecture(architecture)
    cells = {kind: space.cell(point, kind) for kind in space.cell_types}
    with dtype_policy(supernet.dtype_policy):
        x = keras.Input(input_shape, dtype=supernet.compute_dtype)
        model = keras.Model(x, cell_network(x, cells, space, affine=False))
    held = {layer.name for layer in model.layers}
    places = list(frame_weights(supernet).items())
    for index in range(space.cells):
        for node, pairs in enumerate(cells[supernet.kind(index)].nodes, space.inputs):
            for number, (operation, source) in enumerate(pairs, 1):
                place = f"cell_{index}_node_{node}_op_{number}_{canonical(operation)}"
                places.append((place, operation_weights(supernet, index, node, source, operation)))
    for place, weights in places:
        # Keras leaves out what no output depends on, such as the input states that the first node ignores.
        put(model, place, {kind: arrays for kind, arrays in weights.items() if f"{place}_{kind}" in held})
    return model


def put(model: keras.Model, place: str, weights: LayerWeights) -> None:
    """Set the weights of the layers of ``model`` named ``place`` and their kind."""
    for kind, arrays in weights.items():
        model.get_layer(f"{place}_{kind}").set_weights(arrays)


def _entry_statistics(supernet: CellSupernet, index: int) -> int:
    """How many moving statistics of a cell come before those of its operations."""
    weights, channels = supernet._cells[index], supernet.plans[index].channels
    return channels * (2 if "residual" in weights else len(weights.get("inputs", ())))


def _by_kind(model: keras.Model) -> LayerWeights:
    return {layer.name.removeprefix("operation_"): layer.get_weights() for layer in model.layers if layer.weights}
