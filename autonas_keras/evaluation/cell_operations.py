"""What runtimes compute of the operations of a cell, and what only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import cache
from typing import Any, NamedTuple

import keras

from autonas_keras.evaluation.parts import Part, Size, kept_randomness, part_model, size_text
from autonas_keras.layers.operations import Builder, Tensor, operation_model, relu


class Graph:
    """What is computed of a network so far.

    Attributes:
        parts: Without the ReLUs that stand in front of operations.
        relu: For each tensor that such a ReLU reads, its part.
        plain: The tensors that something else reads too.
        merging: The tensors whose ReLU would be computed together with them.
        once: The tensors of operations without weights.
        together: How often a dilated operation of a size reads a tensor.
    """

    def __init__(self, parts: list[Part], merging: set[Hashable]) -> None:
        self.parts, self.merging = parts, merging
        self.relu: dict[Hashable, Part] = {}
        self.plain: set[Hashable] = set()
        self.once: set[Hashable] = set()
        self.together: Counter[tuple[CellOperation, Size, Hashable]] = Counter()

    def add(self, part: Part, tensor: Hashable, merges: bool) -> Hashable:
        """Compute ``tensor`` by ``part``."""
        self.parts.append(part)
        if merges:
            self.merging.add(tensor)
        return tensor

    def relu_parts(self) -> list[Part]:
        """The ReLUs in front of operations that are computed by themselves."""
        return [part for tensor, part in self.relu.items() if tensor in self.plain or tensor not in self.merging]

    def together_parts(self) -> list[Part]:
        """The dilated operations, those that read the same tensor as one part."""
        return [operation.part(size, times) for (operation, size, _), times in self.together.items()]


class CellOperation(NamedTuple):
    """An operation without the ReLU in front, and without its last normalisation where sums have that.

    Attributes:
        name: Canonical name.
        strides: 1 or 2.
        lite: Whether it is for TFLite.
        relu: Whether there is a ReLU in front.
        norm: Whether a sum has its normalisation.
        weights: Whether it has weights.
        dilated: Whether it is dilated: such ones on one state share how they rearrange it.
        empty: Whether nothing of it is left.
    """

    name: str
    strides: int
    lite: bool
    relu: bool
    norm: bool
    weights: bool
    dilated: bool
    empty: bool

    def part(self, size: Size, times: int = 1) -> Part:
        """The operation on a state, ``times`` over with weights of its own each time."""

        def build() -> keras.Model:
            models = [operation_model(self.name, size, size[2], self.strides, pool_norm=False) for _ in range(times)]
            bodies = [body(model, norm=self.norm) for model in models]
            return bodies[0] if times == 1 else _side_by_side(bodies, size)

        text = f"{self.name} {size_text(size)}{' by 2' if self.strides == 2 else ''}"
        return Part(f"{text} {times} times" if times > 1 else text, build)

    def trace(self, graph: Graph, source: Hashable, size: Size, place: Hashable) -> Hashable:
        """The tensor that the operation makes of ``source``."""
        if self.relu:
            graph.relu[source] = relu_part(size)
        elif not self.empty:
            graph.plain.add(source)
        if self.empty:
            return ("relu", source) if self.relu else source
        if self.dilated:
            graph.together[self, size, source] += 1
            graph.merging.update([place] if self.lite else [])
            return place
        if self.weights:
            return graph.add(self.part(size), place, self.lite)
        result = (self.name, self.strides, source)
        if result not in graph.once:
            graph.once.add(result)
            graph.add(self.part(size), result, False)
        return result


@cache
def cell_operation(name: str, strides: int, lite: bool, builder: Builder) -> CellOperation:
    with kept_randomness():
        model = operation_model(name, (8, 8, 4), 4, strides, pool_norm=False)
    start, end = _ends(model)
    norm = not lite and end is not model.output
    left = end if norm else model.output
    dilated = any(max(getattr(layer, "dilation_rate", (1,))) > 1 for layer in model.layers)
    return CellOperation(
        name, strides, lite, start is not model.input, norm, bool(model.weights), dilated, left is start
    )


def _ends(model: keras.Model) -> tuple[Tensor, Tensor]:
    """Where a model goes on after a ReLU of its input, and where it comes to its last batch normalisation."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth if node.input_tensors]
    readers = [node for node in nodes if any(x is model.input for x in node.input_tensors)]
    start, end = model.input, model.output
    if len(readers) == 1 and _is_relu(readers[0].operation):
        start = readers[0].output_tensors[0]
    for node in nodes:
        if node.output_tensors[0] is end and isinstance(node.operation, keras.layers.BatchNormalization):
            end = node.input_tensors[0]
    return start, end


def _is_relu(layer: Any) -> bool:
    return (
        isinstance(layer, keras.layers.ReLU)
        and layer.max_value is None
        and layer.negative_slope == layer.threshold == 0
    )


def body(model: keras.Model, norm: bool = False) -> keras.Model:
    """A model without the ReLU in front, and with ``norm`` without its last batch normalisation."""
    start, end = _ends(model)
    return keras.Model(start, end if norm else model.output)


def _side_by_side(models: list[keras.Model], size: Size) -> keras.Model:
    x = keras.Input(size)
    return keras.Model(x, [model(x) for model in models])


def relu_part(size: Size) -> Part:
    """The ReLU of a state."""
    return Part(f"relu {size_text(size)}", lambda: part_model(relu, size))
