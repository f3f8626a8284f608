"""Architectures as vectors of numbers, for what predicts their worth.

Reference: White, Neiswanger, Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
Search", AAAI 2021, section 4; White et al., "A Study on Encodings for Neural Architecture Search", NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import numpy as np

from autonas_keras.spaces import CellSpace, Choice, Option, Space, canonical
from autonas_keras.strategies.mutation import cell_parts

ENCODINGS = ("auto", "one_hot", "adjacency", "path")
COLUMNS = 512  # most columns of paths; longer paths are left out
MANY = 32  # options of a number beyond which a column for each says less than it costs

Edges = list[
    list[tuple[np.ndarray, np.ndarray]]
]  # per node and slot: its state and its operation, one per architecture


class Encoder:
    """Encodes architectures of one space.

    "one_hot": a column for each option of each choice, 1 where taken; an inactive choice is all zeros. "adjacency": how
    often a cell uses each operation on each edge. "path": whether a sequence of operations leads from an input of a
    cell to its output; operations "none" break a path. "auto": adjacency and path together, and the rank of options
    that are numbers beside their one-hot columns, or in their place when there are more than 32. Choices outside cells
    are one-hot in all others.

    Args:
        space: The space of the architectures.
        encoding: "auto", "one_hot", "adjacency" or "path".
        longest: Operations in the longest path that has a column; None takes as many as 512 columns hold. Long paths
            are rare in random cells and say little (BANANAS, section 4.1).

    Raises:
        ValueError: When the encoding is unknown, or ``longest`` is not positive.

    Attributes:
        names: The name of each column.
    """

    def __init__(self, space: Space, encoding: str = "auto", longest: int | None = None) -> None:
        if encoding not in ENCODINGS:
            raise ValueError(f"Expected an encoding of {ENCODINGS}, got {encoding!r}.")
        if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int) or longest < 1):
            raise ValueError(f"Expected longest to be a positive integer or None, got {longest!r}.")
        self.space, self.encoding, self.longest = space, encoding, longest
        self._columns = {name: column for column, name in enumerate(space.named)}
        self._lookup = [(name, _lookup(choice.options)) for name, choice in space.named.items()]
        tables = dict(self._lookup)
        self._conditions: dict[str, list[list[tuple[int, int]]]] = {}
        for choice, conditions in space.walk():
            if conditions:
                held = [(self._columns[name], tables[name][option]) for name, option in conditions]
                self._conditions.setdefault(choice.name, []).append(held)
        self._cells = {} if encoding == "one_hot" else cell_parts(space)
        parts = self._cells.items()
        cells = {f"{prefix}/{name}" if prefix else name for prefix, part in parts for name in part.named}
        self._single = [choice for name, choice in space.named.items() if name not in cells]
        self.names = tuple(self._names())

    def indices(self, architectures: Sequence[Mapping[str, Option]]) -> np.ndarray:
        """Index of the option taken for each choice, -1 where inactive; int32 of shape (architectures, choices)."""
        found = [[table[a[name]] if name in a else -1 for name, table in self._lookup] for a in architectures]
        return np.array(found, dtype=np.int32).reshape(len(found), len(self._lookup))

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Indices of random architectures, distributed as ``space.sample`` does; much faster than one by one."""
        sizes = np.array([len(choice.options) for choice in self.space.named.values()])
        drawn = (rng.random((count, len(sizes))) * sizes).astype(np.int32)
        for name, places in self._conditions.items():
            # Parents come before their children, so that what hangs on an inactive choice is inactive too.
            held = [
                np.all([drawn[:, column] == option for column, option in conditions], axis=0) for conditions in places
            ]
            drawn[~np.any(held, axis=0), self._columns[name]] = -1
        return drawn

    def encode(self, indices: np.ndarray) -> np.ndarray:
        """The vectors of what ``indices`` gave; float64 of shape (architectures, columns)."""
        blocks = [np.zeros((len(indices), 0))]
        for choice in self._single:
            taken = indices[:, self._columns[choice.name]]
            if self._spread(choice):
                blocks.append((taken[:, None] == np.arange(len(choice.options))).astype(float))
            if self._ranked(choice):
                # The first option stays apart from an inactive choice.
                places = np.append(np.argsort(np.argsort(choice.options)) + 1, 0)
                blocks.append(places[taken][:, None] / len(choice.options))
        for prefix, part in self._cells.items():
            for kind in part.cell_types:
                edges = self._edges(part, f"{prefix}/{kind}" if prefix else kind, indices)
                if self.encoding != "path":
                    blocks.append(_adjacency(part, edges))
                if self.encoding != "adjacency":
                    blocks.append(_paths(part, edges, self._length(part)))
        return np.concatenate(blocks, axis=1)

    def __call__(self, architectures: Sequence[Mapping[str, Option]]) -> np.ndarray:
        """The vectors of architectures; float64 of shape (architectures, columns)."""
        return self.encode(self.indices(architectures))

    def _names(self) -> list[str]:
        names = []
        for choice in self._single:
            names += [f"{choice.name}={option}" for option in choice.options] if self._spread(choice) else []
            names += [f"rank of {choice.name}"] if self._ranked(choice) else []
        for prefix, part in self._cells.items():
            for kind in part.cell_types:
                here = f"{prefix}/{kind}" if prefix else kind
                if self.encoding != "path":
                    names += [
                        f"{here}/{state}->{node} {operation}"
                        for node, state in part.edges
                        for operation in part.operations
                    ]
                if self.encoding != "adjacency":
                    for length in range(1, self._length(part) + 1):
                        for start, path in product(range(part.inputs), product(_path_operations(part), repeat=length)):
                            names.append(f"{here}/{start} {' '.join(path)}")
        return names

    def _ranked(self, choice: Choice) -> bool:
        numbers = all(isinstance(option, (int, float)) and not isinstance(option, bool) for option in choice.options)
        return self.encoding == "auto" and numbers and len(choice.options) > 2

    def _spread(self, choice: Choice) -> bool:
        """Whether each option has a column."""
        return not self._ranked(choice) or len(choice.options) <= MANY

    def _length(self, part: CellSpace) -> int:
        if self.longest is not None:
            return min(self.longest, part.nodes)
        starts, operations = part.inputs * len(part.cell_types), len(_path_operations(part))
        length, columns = 1, starts * operations
        while length < part.nodes and columns + starts * operations ** (length + 1) <= COLUMNS:
            length += 1
            columns += starts * operations**length
        return length

    def _edges(self, part: CellSpace, here: str, indices: np.ndarray) -> Edges:
        """State and operation of each slot of each node, operations as indices of ``part.operations``."""

        def taken(name: str) -> np.ndarray:
            return indices[:, self._columns[f"{here}/{name}"]]

        candidates = np.array([part.operations.index(name) for name in part.candidates])
        edges: Edges = []
        for node in range(part.inputs, part.inputs + part.nodes):
            if part.topology == "dense":
                constant = [np.full(len(indices), state) for state in range(node)]
                edges.append([(constant[state], candidates[taken(f"edge_{node}_{state}")]) for state in range(node)])
                continue
            if part.topology == "distinct":
                pairs = np.array(list(combinations(range(node), 2)))
                states = list(pairs[taken(f"node_{node}/inputs")].T)
            else:
                states = [taken(f"node_{node}/input_{slot}") for slot in (1, 2)]
            edges.append([(states[slot], candidates[taken(f"node_{node}/op_{slot + 1}")]) for slot in (0, 1)])
        return edges


def _lookup(options: Sequence[Option]) -> dict[Option, int]:
    return {option: index for index, option in enumerate(options)}


def _path_operations(part: CellSpace) -> list[str]:
    return [name for name in part.operations if canonical(name) != "none"]


def _adjacency(part: CellSpace, edges: Edges) -> np.ndarray:
    """How often each operation stands on each edge, as ``CellSpace.mask`` counts."""
    each = np.arange(len(edges[0][0][0]))
    table = np.zeros((len(each), len(part.edges), len(part.operations)))
    for row, (node, state) in enumerate(part.edges):
        for states, operations in edges[node - part.inputs]:
            here = states == state
            np.add.at(table, (each[here], row, operations[here]), 1.0)
    return table.reshape(len(each), len(part.edges) * len(part.operations))


def _paths(part: CellSpace, edges: Edges, longest: int) -> np.ndarray:
    """Which operation sequences of up to ``longest`` lead from an input to the output, shorter ones first."""
    each, names = np.arange(len(edges[0][0][0])), _path_operations(part)
    place = np.array([names.index(name) if name in names else -1 for name in part.operations])
    states = part.inputs + part.nodes
    # reached[length][state, architecture, input, sequence]
    reached = [
        np.zeros((states, len(each), part.inputs, len(names) ** length), dtype=bool) for length in range(longest + 1)
    ]
    for start in range(part.inputs):
        reached[0][start, :, start] = True
    for node, slots in enumerate(edges, part.inputs):
        for length in range(1, longest + 1):
            grown = reached[length][node].reshape(len(each), part.inputs, len(names) ** (length - 1), len(names))
            for origin, operations in slots:
                alive = each[place[operations] >= 0]
                last = place[operations[alive]]
                grown[alive, :, :, last] |= reached[length - 1][origin[alive], alive]
    outputs = slice(states - 1, states) if part.topology == "dense" else slice(part.inputs, states)
    found = [table[outputs].any(axis=0) for table in reached[1:]]
    return np.concatenate(
        [table.reshape(len(each), table.shape[1] * table.shape[2]) for table in found], axis=1, dtype=float
    )
