"""Spaces of cells: those of DARTS, of NASNet as tutorials have it, and of NAS-Bench-201."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from autonas_keras.checks import check_count
from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.genotype import Cell, Genotype
from autonas_keras.spaces.operations import (
    DARTS_OPERATIONS,
    NASBENCH201_OPERATIONS,
    NASNET_OPERATIONS,
    canonical,
    check_operations,
)
from autonas_keras.spaces.space import Space, close_names

TOPOLOGIES = ("distinct", "repeat", "dense")


class CellSpace(Space):
    """The space of cells that are stacked into a network.

    ``topology`` says how a node takes its inputs. "distinct" (DARTS): two different earlier states, each through an
    operation other than "none". "repeat" (NASNet): two earlier states, which may be the same one. "dense"
    (NAS-Bench-201): every earlier state through one operation, "none" included; the last node is the output.
    The first two search a normal and a reduction cell with two input states, the last one cell with one.

    Args:
        operations: Candidate operations by name; names that the user registered are welcome.
        nodes: Intermediate nodes of a cell ("dense": all nodes but the input).
        cells: Cells in the network; a third and two thirds through it the resolution is halved.
        channels: Channels of the first cell; they double at each reduction.
        topology: "distinct", "repeat" or "dense".

    Raises:
        ValueError: When an operation is unknown, a number is not positive, or nothing is left to choose.

    Reference: Liu et al., ICLR 2019, section 2.1; Zoph et al., CVPR 2018, section 3; Dong, Yang, ICLR 2020, section 2.
    """

    operations: tuple[str, ...]
    nodes: int
    cells: int
    channels: int
    topology: str

    def __init__(
        self,
        operations: Sequence[str] = DARTS_OPERATIONS,
        nodes: int = 4,
        cells: int = 8,
        channels: int = 16,
        topology: str = "distinct",
    ) -> None:
        if topology not in TOPOLOGIES:
            raise ValueError(f"Expected a topology of {TOPOLOGIES}, got {topology!r}.")
        for name, value in (("nodes", nodes), ("cells", cells), ("channels", channels)):
            check_count(name, value)
        fields: dict[str, Any] = {
            "operations": check_operations(operations),
            "nodes": int(nodes),
            "cells": int(cells),
            "channels": int(channels),
            "topology": topology,
        }
        for name in fields:
            object.__setattr__(self, name, fields[name])
        if all(canonical(name) == "none" for name in self.operations):
            raise ValueError(f"Expected an operation other than none, got {list(self.operations)}.")
        choices = tuple(choice for kind in self.cell_types for choice in self._cell_choices(kind))
        super().__init__(choices)

    @classmethod
    def darts(cls, **changes: Any) -> CellSpace:
        """Two cells of 4 nodes, 2 distinct inputs each, 7 operations (and none): 1,037,664,180 squared architectures."""
        return cls(**{"operations": DARTS_OPERATIONS, **changes})

    @classmethod
    def nasnet(cls, **changes: Any) -> CellSpace:
        """Two cells of 4 nodes, 2 inputs each that may repeat, 8 operations: 241,591,910,400 squared architectures."""
        return cls(**{"operations": NASNET_OPERATIONS, "topology": "repeat", **changes})

    @classmethod
    def nasbench201(cls, **changes: Any) -> CellSpace:
        """One cell of 6 edges with 5 operations: 15,625 architectures; 15 cells of 16 channels as published."""
        return cls(**{"operations": NASBENCH201_OPERATIONS, "nodes": 3, "cells": 15, "topology": "dense", **changes})

    def resized(self, cells: int | None = None, channels: int | None = None) -> CellSpace:
        """The same decisions in a network of other depth or width."""
        return type(self)(self.operations, self.nodes, cells or self.cells, channels or self.channels, self.topology)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``CellSpace(**config)``."""
        return {
            "operations": list(self.operations),
            "nodes": self.nodes,
            "cells": self.cells,
            "channels": self.channels,
            "topology": self.topology,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.operations, self.nodes, self.cells, self.channels, self.topology))

    def __repr__(self) -> str:
        return f"CellSpace({', '.join(f'{name}={value!r}' for name, value in self.get_config().items())})"

    @property
    def candidates(self) -> tuple[str, ...]:
        """The operations a discrete cell may hold: without "none" where a node picks its inputs."""
        if self.topology == "distinct":
            return tuple(name for name in self.operations if canonical(name) != "none")
        return self.operations

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Names of the cells that are searched."""
        return ("cell",) if self.topology == "dense" else ("normal", "reduction")

    @property
    def inputs(self) -> int:
        """Number of input states of a cell."""
        return 1 if self.topology == "dense" else 2

    @property
    def reductions(self) -> tuple[int, ...]:
        """Indices of the cells that halve the resolution ("dense": before which a residual block does)."""
        return tuple(sorted({i for i in (self.cells // 3, 2 * self.cells // 3) if i > 0 or self.topology != "dense"}))

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """All (node, state) pairs of a cell, by node and then by state: the rows of alpha."""
        return tuple((node, state) for node in range(self.inputs, self.inputs + self.nodes) for state in range(node))

    def _cell_choices(self, kind: str) -> list[Choice]:
        choices = []
        for node in range(self.inputs, self.inputs + self.nodes):
            here = f"{kind}/node_{node}"
            if self.topology == "dense":
                choices += [Choice(f"{kind}/edge_{node}_{state}", self.operations) for state in range(node)]
            elif self.topology == "distinct":
                pairs = tuple(f"{a},{b}" for a, b in combinations(range(node), 2))
                choices += [Choice(f"{here}/inputs", pairs)]
                choices += [Choice(f"{here}/op_{i}", self.candidates) for i in (1, 2)]
            else:
                for i in (1, 2):
                    choices += [
                        Choice(f"{here}/input_{i}", tuple(range(node))),
                        Choice(f"{here}/op_{i}", self.operations),
                    ]
        return choices

    def cell(self, architecture: Mapping[str, Option], kind: str) -> Cell:
        """The discrete cell of ``kind`` that an architecture names."""
        nodes = []
        for node in range(self.inputs, self.inputs + self.nodes):
            here = f"{kind}/node_{node}"
            if self.topology == "dense":
                pairs: list[tuple[Option, Option]] = [
                    (architecture[f"{kind}/edge_{node}_{state}"], state) for state in range(node)
                ]
            elif self.topology == "distinct":
                states = str(architecture[f"{here}/inputs"]).split(",")
                pairs = [(architecture[f"{here}/op_{i}"], int(state)) for i, state in enumerate(states, 1)]
            else:
                pairs = [(architecture[f"{here}/op_{i}"], architecture[f"{here}/input_{i}"]) for i in (1, 2)]
            nodes.append(tuple((str(operation), int(state)) for operation, state in pairs))
        last = self.inputs + self.nodes
        concat = (last - 1,) if self.topology == "dense" else tuple(range(self.inputs, last))
        return Cell(self.inputs, tuple(nodes), concat)

    def genotype(self, architecture: Mapping[str, Option]) -> Genotype:
        """The architecture in the notation of DARTS.

        Raises:
            ValueError: When the space has one dense cell, which that notation cannot say.
        """
        if self.topology == "dense":
            raise ValueError("Expected a space of normal and reduction cells for a genotype, got one dense cell.")
        normal, reduction = (self.cell(architecture, kind) for kind in self.cell_types)
        return Genotype(
            tuple(pair for node in normal.nodes for pair in node),
            normal.concat,
            tuple(pair for node in reduction.nodes for pair in node),
            reduction.concat,
        )

    def from_genotype(self, genotype: Genotype | str) -> Architecture:
        """The architecture of this space that a genotype, or its text, names.

        Raises:
            ValueError: When the genotype has another number of nodes, output, inputs or operations than this space.
        """
        genotype = Genotype.parse(genotype) if isinstance(genotype, str) else genotype
        if self.topology == "dense":
            raise ValueError("Expected the string of a dense cell, |op~0|+|op~0|op~1|, got a genotype.")
        decisions: dict[str, Option] = {}
        for kind in self.cell_types:
            cell = genotype.cell(kind)
            if len(cell.nodes) != self.nodes or sorted(cell.concat) != list(range(2, 2 + self.nodes)):
                raise ValueError(
                    f"Expected a {kind} cell of {self.nodes} nodes that concatenates them all, "
                    f"got {len(cell.nodes)} nodes and {list(cell.concat)}."
                )
            for node, pairs in enumerate(cell.nodes, 2):
                here = f"{kind}/node_{node}"
                if self.topology == "distinct":
                    pairs = tuple(sorted(pairs, key=lambda pair: pair[1]))
                    decisions[f"{here}/inputs"] = ",".join(str(state) for _, state in pairs)
                for i, (operation, state) in enumerate(pairs, 1):
                    decisions[f"{here}/op_{i}"] = self._own_name(operation)
                    if self.topology == "repeat":
                        decisions[f"{here}/input_{i}"] = state
        return self.architecture(decisions)

    def _own_name(self, operation: str) -> str:
        """The name under which this space knows an operation, or the name itself."""
        for name in self.operations:
            if canonical(name) == canonical(operation):
                return name
        raise ValueError(
            f"Expected operations of this space, got {operation!r}{close_names(operation, self.operations)}."
        )

    def describe(self, architecture: Mapping[str, Option]) -> str:
        """The genotype of DARTS, or the string of NAS-Bench-201 for a dense cell."""
        if self.topology != "dense":
            return str(self.genotype(architecture))
        from autonas_keras.spaces.notations import to_nasbench201

        return to_nasbench201(self, architecture)

    def parse(self, text: str) -> Architecture:
        """The architecture of this space that a text names, in any notation: genotype, NAS-Bench-201 string or JSON.

        Raises:
            ValueError: When the text is in none of these, or names no point of this space.
        """
        text = text.strip()
        if text.startswith("{"):
            return Architecture.from_json(text, self)
        if text.startswith("|"):
            from autonas_keras.spaces.notations import from_nasbench201

            return from_nasbench201(self, text)
        return self.from_genotype(text)

    @property
    def winners(self) -> tuple[str, ...]:
        """The operations that ``discretize`` chooses from: "none" is one of them in a dense cell only."""
        return tuple(name for name in self.candidates if self.topology == "dense" or canonical(name) != "none")

    def discretize(self, weights: Mapping[str, np.ndarray]) -> Architecture:
        """The architecture that mixture weights favour.

        "none" takes part in the mixture but not in the choice, except in a dense cell, where each edge takes its
        strongest operation. Elsewhere a node keeps the two edges whose strongest operation is strongest.

        Args:
            weights: For each cell type, an array of shape (edges, operations), larger is stronger.

        Raises:
            ValueError: When an array is missing, has another shape, or is not finite.

        Reference: Liu et al., ICLR 2019, section 2.4; Dong, Yang, ICLR 2020, section 4 for the dense cell.
        """
        decisions: dict[str, Option] = {}
        allowed = [self.operations.index(name) for name in self.winners]
        for kind in self.cell_types:
            if kind not in weights:
                raise ValueError(f"Expected weights for the cells {list(self.cell_types)}, got {list(weights)}.")
            table = np.asarray(weights[kind], dtype=np.float64)
            if table.shape != (len(self.edges), len(self.operations)) or not np.isfinite(table).all():
                raise ValueError(
                    f"Expected finite {kind} weights of shape {(len(self.edges), len(self.operations))}, "
                    f"got shape {table.shape}."
                )
            best = {edge: allowed[int(np.argmax(table[row, allowed]))] for row, edge in enumerate(self.edges)}
            strength = {edge: table[row, best[edge]] for row, edge in enumerate(self.edges)}
            for node in range(self.inputs, self.inputs + self.nodes):
                here = f"{kind}/node_{node}"
                if self.topology == "dense":
                    for state in range(node):
                        decisions[f"{kind}/edge_{node}_{state}"] = self.operations[best[node, state]]
                    continue
                states = sorted(sorted(range(node), key=lambda s: -strength[node, s])[:2])
                for i, state in enumerate(states, 1):
                    decisions[f"{here}/op_{i}"] = self.operations[best[node, state]]
                    if self.topology == "repeat":
                        decisions[f"{here}/input_{i}"] = state
                if self.topology == "distinct":
                    decisions[f"{here}/inputs"] = ",".join(map(str, states))
        return self.architecture(decisions)

    def mask(self, architecture: Mapping[str, Option]) -> dict[str, np.ndarray]:
        """For each cell type, how often each (edge, operation) is used; float32 of shape (edges, operations)."""
        rows = {edge: row for row, edge in enumerate(self.edges)}
        tables = {}
        for kind in self.cell_types:
            table = np.zeros((len(self.edges), len(self.operations)), np.float32)
            for node, pairs in enumerate(self.cell(architecture, kind).nodes, self.inputs):
                for operation, state in pairs:
                    table[rows[node, state], self.operations.index(operation)] += 1.0
            tables[kind] = table
        return tables
