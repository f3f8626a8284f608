"""The parts of networks of cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, NamedTuple

import keras

from autonas_keras.evaluation.parts import Part, Size, classifier, kept_randomness, part_model, size_text
from autonas_keras.layers.network import (
    STEM_WIDTH,
    cell_channels,
    cell_kind,
    cell_network,
    edge_strides,
    last_activation,
    preprocess,
    residual_block,
    stem,
)
from autonas_keras.layers.operations import OPERATIONS, Builder, Tensor, batch_norm, operation_model, relu
from autonas_keras.spaces import CellSpace, canonical
from autonas_keras.spaces.choice import Option


class CellCut:
    """Networks of cells as stem, inputs of cells, operations, sums of nodes, outputs of cells and head.

    A ReLU that operations begin with is computed once for each state, however many operations read it, and so is an
    operation without weights. TensorFlow adds the offset of a batch normalisation in the sum that it goes into, so
    there that normalisation is part of the sum. TFLite has it inside the convolution, as it has a ReLU of a convolution
    or sum that nothing else reads.

    Args:
        space: The cells, how many and how wide.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the classifier.
        runtime: "keras" or "tflite".
    """

    def __init__(self, space: CellSpace, input_shape: Size, classes: int, runtime: str) -> None:
        self.space, self.input_shape, self.classes = space, input_shape, classes
        self._lite, self._dense = runtime == "tflite", space.topology == "dense"

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The network of an architecture with global average pooling and a classifier."""
        cells = {kind: self.space.cell(architecture, kind) for kind in self.space.cell_types}
        return part_model(lambda x: classifier(cell_network(x, cells, self.space), self.classes), self.input_shape)

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has."""
        nodes = self.space.nodes
        yield self._stem
        for cell in self._cells:
            yield from (part for part in cell.inputs if part is not None)
            yield from (_relu(size) for size in (*cell.sources, cell.reads, cell.nodes))
            for name in self.space.candidates:
                for size, strides in {(cell.reads, cell.strides), (cell.nodes, 1)}:
                    operation = self._operation(name, strides)
                    if not operation.empty:
                        yield operation.part(size)
            for paths in range(1, nodes + 1) if self._dense else (2,):
                for normed in (0,) if self._lite else range(paths + 1):
                    yield from _sum(paths, normed, cell.nodes)
            if not self._dense:
                yield from _concat(nodes, cell.nodes)
        yield self._head

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """What is computed of the network of an architecture."""
        cells = {kind: self.space.cell(architecture, kind) for kind in self.space.cell_types}
        used = {
            kind: sorted({s for pairs in cell.nodes for _, s in pairs if s < cell.inputs})
            for kind, cell in cells.items()
        }
        graph = _Graph([self._stem], merging={"stem"} if self._lite else set())
        outputs: list[Hashable] = ["stem"] * self.space.inputs
        live = self._live(used)
        for place, cell in enumerate(self._cells):
            output: Hashable = None
            if place in live:
                output = self._trace_cell(graph, place, cells[cell.kind].nodes, used[cell.kind], outputs)
            outputs = [*outputs[1:], output]
        graph.plain.add(outputs[-1])
        return [*graph.parts, *graph.relu_parts(), self._head]

    def _live(self, used: Mapping[str, list[int]]) -> set[int]:
        """The cells that the output depends on."""
        read = {len(self._cells) - 1}
        for place in range(len(self._cells) - 1, -1, -1):
            if place in read:
                read |= {place - self.space.inputs + state for state in used[self._cells[place].kind]}
        return read

    def _trace_cell(
        self, graph: _Graph, place: int, nodes: tuple[Any, ...], used: list[int], outputs: list[Hashable]
    ) -> Hashable:
        cell, inputs = self._cells[place], self.space.inputs
        states: dict[int, Hashable] = {}
        for state in used:
            part, states[state] = cell.inputs[state], outputs[state]
            if part is not None:
                if not self._dense:  # a residual block keeps its ReLU, which nothing else reads
                    graph.relu[outputs[state]] = _relu(cell.sources[state])
                states[state] = graph.add(part, ("input", place, state), self._lite)
        for node, pairs in enumerate(nodes, inputs):
            paths, normed = [], 0
            for path, (name, state) in enumerate(pairs):
                strides = cell.strides if state < inputs else 1
                operation, size = self._operation(name, strides), cell.reads if state < inputs else cell.nodes
                normed += operation.norm
                paths.append(operation.trace(graph, states[state], size, (place, node, path)))
            states[node] = paths[0]
            for part in _sum(len(pairs), normed, cell.nodes):
                graph.plain.update(paths)
                states[node] = graph.add(part, (place, node), self._lite)
        output = states[inputs + len(nodes) - 1]
        for part in () if self._dense else _concat(len(nodes), cell.nodes):
            graph.plain.update(states[node] for node in range(inputs, inputs + len(nodes)))
            output = graph.add(part, ("output", place), False)
        return output

    def _operation(self, name: str, strides: int) -> _Operation:
        name = canonical(name)
        return _operation(name, strides, self._lite, OPERATIONS[name])

    @cached_property
    def _cells(self) -> list[_Cell]:
        space, found = self.space, []
        height, width, _ = self.input_shape
        stem_width = space.channels * (1 if self._dense else STEM_WIDTH)
        sources: list[Size] = [(height, width, stem_width)] * space.inputs
        for place in range(space.cells):
            channels = cell_channels(space, place)
            reduces = place in space.reductions
            smaller = (-(-height // 2), -(-width // 2), channels) if reduces else (height, width, channels)
            reads = smaller if self._dense else (height, width, channels)
            inputs = tuple(self._input(place, state, size, reads) for state, size in enumerate(sources))
            strides = edge_strides(space, place, 0)
            found.append(_Cell(cell_kind(space, place), tuple(sources), inputs, reads, strides, smaller))
            height, width, _ = smaller
            sources = [*sources[1:], smaller if self._dense else (height, width, channels * space.nodes)]
        return found

    def _input(self, place: int, state: int, source: Size, reads: Size) -> Part | None:
        if not self._dense:
            name = f"input {size_text(source)} to {size_text(reads)}"
            return Part(
                name, lambda: _body(part_model(lambda x: preprocess(x, self.space, place, state, True), source))
            )
        if place not in self.space.reductions:
            return None
        return Part(f"residual {size_text(source)}", lambda: part_model(lambda x: residual_block(x, reads[2]), source))

    @cached_property
    def _stem(self) -> Part:
        return Part(
            f"stem {size_text(self.input_shape)}", lambda: part_model(lambda x: stem(x, self.space), self.input_shape)
        )

    @cached_property
    def _head(self) -> Part:
        end = self._cells[-1].nodes
        size = end if self._dense else (*end[:2], end[2] * self.space.nodes)
        ended = last_activation if self._dense else lambda x: x
        return Part(f"head {size_text(size)}", lambda: part_model(lambda x: classifier(ended(x), self.classes), size))


class _Cell(NamedTuple):
    """Sizes in a cell: of the network's states that it reads, of its input states, and of its nodes."""

    kind: str
    sources: tuple[Size, ...]
    inputs: tuple[Part | None, ...]
    reads: Size
    strides: int
    nodes: Size


class _Graph:
    """What is computed of a network so far.

    Attributes:
        parts: Without the ReLUs that stand in front of operations.
        relu: For each tensor that such a ReLU reads, its part.
        plain: The tensors that something else reads too.
        merging: The tensors whose ReLU would be computed together with them.
        once: The tensors of operations without weights.
    """

    def __init__(self, parts: list[Part], merging: set[Hashable]) -> None:
        self.parts, self.merging = parts, merging
        self.relu: dict[Hashable, Part] = {}
        self.plain: set[Hashable] = set()
        self.once: set[Hashable] = set()

    def add(self, part: Part, tensor: Hashable, merges: bool) -> Hashable:
        """Compute ``tensor`` by ``part``."""
        self.parts.append(part)
        if merges:
            self.merging.add(tensor)
        return tensor

    def relu_parts(self) -> list[Part]:
        """The ReLUs in front of operations that are computed by themselves."""
        return [part for tensor, part in self.relu.items() if tensor in self.plain or tensor not in self.merging]


class _Operation(NamedTuple):
    """An operation without the ReLU in front, and without its last normalisation where sums have that.

    Attributes:
        name: Canonical name.
        strides: 1 or 2.
        lite: Whether it is for TFLite.
        relu: Whether there is a ReLU in front.
        norm: Whether a sum has its normalisation.
        weights: Whether it has weights.
        empty: Whether nothing of it is left.
    """

    name: str
    strides: int
    lite: bool
    relu: bool
    norm: bool
    weights: bool
    empty: bool

    def part(self, size: Size) -> Part:
        """The operation on a state."""

        def build() -> keras.Model:
            model = operation_model(self.name, size, size[2], self.strides, pool_norm=False)
            return _body(model, norm=self.norm)

        return Part(f"{self.name} {size_text(size)}{' by 2' if self.strides == 2 else ''}", build)

    def trace(self, graph: _Graph, source: Hashable, size: Size, place: Hashable) -> Hashable:
        """The tensor that the operation makes of ``source``."""
        if self.relu:
            graph.relu[source] = _relu(size)
        elif not self.empty:
            graph.plain.add(source)
        if self.empty:
            return ("relu", source) if self.relu else source
        if self.weights:
            return graph.add(self.part(size), place, self.lite)
        result = (self.name, self.strides, source)
        if result not in graph.once:
            graph.once.add(result)
            graph.add(self.part(size), result, False)
        return result


@cache
def _operation(name: str, strides: int, lite: bool, builder: Builder) -> _Operation:
    with kept_randomness():
        model = operation_model(name, (8, 8, 4), 4, strides, pool_norm=False)
    start, end = _ends(model)
    norm = not lite and end is not model.output
    left = end if norm else model.output
    return _Operation(name, strides, lite, start is not model.input, norm, bool(model.weights), left is start)


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


def _body(model: keras.Model, norm: bool = False) -> keras.Model:
    """A model without the ReLU in front, and with ``norm`` without its last batch normalisation."""
    start, end = _ends(model)
    return keras.Model(start, end if norm else model.output)


def _relu(size: Size) -> Part:
    return Part(f"relu {size_text(size)}", lambda: part_model(relu, size))


def _sum(paths: int, normed: int, size: Size) -> Iterator[Part]:
    """The sum of paths into a node, some of which are still to be normalised; nothing where there is nothing to do."""

    def build() -> keras.Model:
        inputs = [keras.Input(size) for _ in range(paths)]
        maps = [batch_norm(True)(x) if place < normed else x for place, x in enumerate(inputs)]
        if paths == 1:
            return keras.Model(inputs[0], maps[0])
        return keras.Model(inputs, keras.layers.Add()(maps))

    if paths > 1 or normed:
        yield Part(f"sum {size_text(size)} of {paths}{f' normalising {normed}' if normed else ''}", build)


def _concat(count: int, size: Size) -> Iterator[Part]:
    def build() -> keras.Model:
        inputs = [keras.Input(size) for _ in range(count)]
        return keras.Model(inputs, keras.layers.Concatenate()(inputs))

    if count > 1:
        yield Part(f"concat {size_text(size)} of {count}", build)
