"""The parts of networks of cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import keras

from autonas_keras.evaluation.parts import Part, Size, classifier, merge_part, part_model, size_text
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
from autonas_keras.layers.operations import apply_operation
from autonas_keras.spaces import Cell, CellSpace, canonical
from autonas_keras.spaces.choice import Option


class CellCut:
    """Networks of cells as stem, inputs of cells, operations, sums of nodes, outputs of cells and head.

    Runtimes compute once what two operations of one name on one state have in common, so such two are one part.

    Args:
        space: The cells, how many and how wide.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the classifier.
    """

    def __init__(self, space: CellSpace, input_shape: Size, classes: int) -> None:
        self.space, self.input_shape, self.classes = space, input_shape, classes
        self._dense = space.topology == "dense"

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The network of an architecture with global average pooling and a classifier."""
        cells = self._cells(architecture)
        return part_model(lambda x: classifier(cell_network(x, cells, self.space), self.classes), self.input_shape)

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has."""
        yield self._stem
        for place in self._places:
            yield from (part for part in place.inputs if part is not None)
            for name in self.space.candidates:
                for size, strides in {(place.reads, place.strides), (place.nodes, 1)}:
                    yield from _operations(name, size, strides, 3)
            for paths in range(2, self.space.nodes + 1) if self._dense else (2,):
                yield merge_part("sum", paths, place.nodes)
            yield from self._output(place)
        yield self._head

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """The parts of the network of an architecture."""
        space, cells = self.space, self._cells(architecture)
        found = [self._stem]
        for place in self._live(cells):
            cell = cells[place.kind]
            found += [part for state in _inputs_read(cell) if (part := place.inputs[state]) is not None]
            counts = Counter((canonical(name), state) for pairs in cell.nodes for name, state in pairs)
            for (name, state), times in counts.items():
                size, strides = (place.reads, place.strides) if state < space.inputs else (place.nodes, 1)
                found += _operations(name, size, strides, times)
            found += [merge_part("sum", len(pairs), place.nodes) for pairs in cell.nodes if len(pairs) > 1]
            found += self._output(place)
        return [*found, self._head]

    def _cells(self, architecture: Mapping[str, Option]) -> dict[str, Cell]:
        return {kind: self.space.cell(architecture, kind) for kind in self.space.cell_types}

    def _live(self, cells: Mapping[str, Cell]) -> list[_Place]:
        """The places whose cells the output depends on."""
        read = {len(self._places) - 1}
        for index in range(len(self._places) - 1, -1, -1):
            if index in read:
                read |= {index - self.space.inputs + state for state in _inputs_read(cells[self._places[index].kind])}
        return [place for index, place in enumerate(self._places) if index in read]

    def _output(self, place: _Place) -> list[Part]:
        nodes = self.space.nodes
        return [] if self._dense or nodes == 1 else [merge_part("concat", nodes, place.nodes)]

    @cached_property
    def _places(self) -> list[_Place]:
        space, found = self.space, []
        height, width, _ = self.input_shape
        stem_width = space.channels * (1 if self._dense else STEM_WIDTH)
        sources: list[Size] = [(height, width, stem_width)] * space.inputs
        for index in range(space.cells):
            channels = cell_channels(space, index)
            reduces = index in space.reductions
            nodes = (-(-height // 2), -(-width // 2), channels) if reduces else (height, width, channels)
            reads = nodes if self._dense else (height, width, channels)  # a residual block reduces before a dense cell
            inputs = tuple(self._input(index, state, size, reads) for state, size in enumerate(sources))
            found.append(_Place(cell_kind(space, index), inputs, reads, edge_strides(space, index, 0), nodes))
            height, width, _ = nodes
            sources = [*sources[1:], nodes if self._dense else (height, width, channels * space.nodes)]
        return found

    def _input(self, index: int, state: int, source: Size, reads: Size) -> Part | None:
        if not self._dense:
            name = f"input {size_text(source)} to {size_text(reads)}"
            return Part(name, lambda: part_model(lambda x: preprocess(x, self.space, index, state, True), source))
        if index not in self.space.reductions:
            return None
        return Part(f"residual {size_text(source)}", lambda: part_model(lambda x: residual_block(x, reads[2]), source))

    @cached_property
    def _stem(self) -> Part:
        name = f"stem {size_text(self.input_shape)}"
        return Part(name, lambda: part_model(lambda x: stem(x, self.space), self.input_shape))

    @cached_property
    def _head(self) -> Part:
        end = self._places[-1].nodes
        size = end if self._dense else (*end[:2], end[2] * self.space.nodes)
        ended = last_activation if self._dense else lambda x: x
        return Part(f"head {size_text(size)}", lambda: part_model(lambda x: classifier(ended(x), self.classes), size))


class _Place(NamedTuple):
    """A cell in the network: its kind, the parts and the size of its inputs, their strides, the size of its nodes."""

    kind: str
    inputs: tuple[Part | None, ...]
    reads: Size
    strides: int
    nodes: Size


def _inputs_read(cell: Cell) -> list[int]:
    return sorted({state for pairs in cell.nodes for _, state in pairs if state < cell.inputs})


def _operations(name: str, size: Size, strides: int, times: int) -> list[Part]:
    """An operation ``times`` over on one state, as pairs and a single one."""
    name = canonical(name)
    if name == "skip_connect" and strides == 1:
        return []
    text = f"{name} {size_text(size)}{' by 2' if strides == 2 else ''}"
    pair = Part(f"{text} twice", lambda: _operation_model(name, size, strides, 2))
    single = Part(text, lambda: _operation_model(name, size, strides, 1))
    return [pair] * (times // 2) + [single] * (times % 2)


def _operation_model(name: str, size: Size, strides: int, times: int) -> keras.Model:
    x = keras.Input(size)
    return keras.Model(x, [apply_operation(name, x, size[2], strides, pool_norm=False) for _ in range(times)])
