"""The parts of networks of cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import keras

from autonas_keras.evaluation.cell_operations import CellOperation, Graph, body, cell_operation, relu_part
from autonas_keras.evaluation.parts import Part, Size, classifier, part_model, size_text
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
from autonas_keras.layers.operations import OPERATIONS, batch_norm
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
            yield from (relu_part(size) for size in (*cell.sources, cell.reads, cell.nodes))
            for name in self.space.candidates:
                for size, strides in {(cell.reads, cell.strides), (cell.nodes, 1)}:
                    operation = self._operation(name, strides)
                    most = nodes * (2 if self.space.topology == "repeat" else 1) if operation.dilated else 1
                    yield from () if operation.empty else (operation.part(size, n + 1) for n in range(most))
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
        graph = Graph([self._stem], merging={"stem"} if self._lite else set())
        outputs: list[Hashable] = ["stem"] * self.space.inputs
        live = self._live(used)
        for place, cell in enumerate(self._cells):
            output: Hashable = None
            if place in live:
                output = self._trace_cell(graph, place, cells[cell.kind].nodes, used[cell.kind], outputs)
            outputs = [*outputs[1:], output]
        graph.plain.add(outputs[-1])
        return [*graph.parts, *graph.relu_parts(), *graph.together_parts(), self._head]

    def _live(self, used: Mapping[str, list[int]]) -> set[int]:
        """The cells that the output depends on."""
        read = {len(self._cells) - 1}
        for place in range(len(self._cells) - 1, -1, -1):
            if place in read:
                read |= {place - self.space.inputs + state for state in used[self._cells[place].kind]}
        return read

    def _trace_cell(
        self, graph: Graph, place: int, nodes: tuple[Any, ...], used: list[int], outputs: list[Hashable]
    ) -> Hashable:
        cell, inputs = self._cells[place], self.space.inputs
        states: dict[int, Hashable] = {}
        for state in used:
            part, states[state] = cell.inputs[state], outputs[state]
            if part is not None:
                if not self._dense:  # a residual block keeps its ReLU, which nothing else reads
                    graph.relu[outputs[state]] = relu_part(cell.sources[state])
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

    def _operation(self, name: str, strides: int) -> CellOperation:
        name = canonical(name)
        return cell_operation(name, strides, self._lite, OPERATIONS[name])

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
            return Part(name, lambda: body(part_model(lambda x: preprocess(x, self.space, place, state, True), source)))
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
