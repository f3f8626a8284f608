"""Cells in the notations of ENAS and NAS-Bench-201, both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.cell import CellSpace
from autonas_keras.spaces.choice import Option


def to_enas_arc(space: CellSpace, architecture: Mapping[str, Option]) -> dict[str, list[int]]:
    """For each cell four numbers a node: input 1, operation 1, input 2, operation 2, operations by their index in the space.

    Reference: Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018, section 2.3.
    """
    _needs_pairs(space)
    arcs = {}
    for kind in space.cell_types:
        pairs = [pair for node in space.cell(architecture, kind).nodes for pair in node]
        arcs[kind] = [n for operation, state in pairs for n in (state, space.operations.index(operation))]
    return arcs


def from_enas_arc(space: CellSpace, normal: Sequence[int], reduction: Sequence[int]) -> Architecture:
    """The architecture of two ENAS arcs.

    Raises:
        ValueError: When an arc has another length than four numbers a node, or a number is out of range.
    """
    _needs_pairs(space)
    decisions: dict[str, Option] = {}
    for kind, arc in zip(space.cell_types, (normal, reduction), strict=True):
        if len(arc) != 4 * space.nodes:
            raise ValueError(f"Expected {4 * space.nodes} numbers for the {kind} cell, got {len(arc)}.")
        for node in range(2, 2 + space.nodes):
            here, numbers = f"{kind}/node_{node}", [int(n) for n in arc[4 * (node - 2) : 4 * (node - 1)]]
            for index in numbers[1::2]:
                if not 0 <= index < len(space.operations):
                    raise ValueError(
                        f"Expected operations in 0..{len(space.operations) - 1}, got {index} in node {node}."
                    )
            pairs = [(numbers[0], space.operations[numbers[1]]), (numbers[2], space.operations[numbers[3]])]
            if space.topology == "distinct":
                pairs.sort(key=lambda pair: pair[0])
                decisions[f"{here}/inputs"] = ",".join(str(state) for state, _ in pairs)
            for i, (state, operation) in enumerate(pairs, 1):
                decisions[f"{here}/op_{i}"] = operation
                if space.topology == "repeat":
                    decisions[f"{here}/input_{i}"] = state
    return space.architecture(decisions)


def to_nasbench201(space: CellSpace, architecture: Mapping[str, Option]) -> str:
    """The string of NAS-Bench-201, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.

    Raises:
        ValueError: When the space is not one dense cell.
    """
    _needs_dense(space)
    cell = space.cell(architecture, "cell")
    return "+".join("|" + "".join(f"{operation}~{state}|" for operation, state in node) for node in cell.nodes)


def from_nasbench201(space: CellSpace, text: str) -> Architecture:
    """The architecture of a NAS-Bench-201 string.

    Raises:
        ValueError: When the text is not of that form, or does not fit the space.
    """
    _needs_dense(space)
    nodes = text.strip().split("+")
    decisions: dict[str, Option] = {}
    for node, part in enumerate(nodes, 1):
        if not re.fullmatch(r"\|([^|~]+~\d+\|)+", part):
            raise ValueError(f"Expected a string such as |op~0|+|op~0|op~1|+|op~0|op~1|op~2|, got {text[:80]!r}.")
        for pair in part.strip("|").split("|"):
            operation, state = pair.split("~")
            decisions[f"cell/edge_{node}_{state}"] = operation
    if len(nodes) != space.nodes:
        raise ValueError(f"Expected a cell of {space.nodes} nodes, got {len(nodes)} in {text[:80]!r}.")
    return space.architecture(decisions)


def _needs_pairs(space: CellSpace) -> None:
    if space.topology == "dense":
        raise ValueError("Expected a space whose nodes take two inputs each for an ENAS arc, got a dense cell.")


def _needs_dense(space: CellSpace) -> None:
    if space.topology != "dense":
        raise ValueError(f"Expected a dense cell for a NAS-Bench-201 string, got topology {space.topology!r}.")
