"""Small changes of an architecture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonas_keras.spaces import Architecture, CellSpace, JoinedSpace, Option, Space

Mutation = Callable[[Space, Architecture, np.random.Generator], Architecture]


def mutate_decision(space: Space, architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Another option for one active decision, both drawn uniformly; decisions that this activates are drawn too."""
    return _mutate_one_of(
        [name for name in architecture if len(space.named[name].options) > 1], space, architecture, rng
    )


def _mutate_one_of(
    names: list[str], space: Space, architecture: Architecture, rng: np.random.Generator
) -> Architecture:
    if not names:
        return architecture
    name = names[int(rng.integers(len(names)))]
    return _changed(space, architecture, {name: other(space.named[name].options, architecture[name], rng)}, rng)


def _changed(
    space: Space, architecture: Architecture, changes: dict[str, Option], rng: np.random.Generator
) -> Architecture:
    """The architecture with some decisions taken otherwise, and those that this activates drawn."""
    if space.flat:
        return Architecture(tuple((name, changes.get(name, option)) for name, option in architecture.items()), space)
    return space.complete({**architecture, **changes}, rng)


def other(options: tuple[Option, ...], taken: Option, rng: np.random.Generator) -> Option:
    """One of the options that is not ``taken``, uniformly."""
    index = int(rng.integers(len(options) - 1))
    return options[index + (index >= options.index(taken))]


def mutate_each(space: Space, architecture: Architecture, rng: np.random.Generator, rate: float) -> Architecture:
    """Another option for each active decision with probability ``rate``, independently, uniformly over the others.

    Decisions that a change activates are drawn.
    """
    names = [name for name in architecture if len(space.named[name].options) > 1]
    chosen = rng.random(len(names)) < rate
    changed = {
        name: other(space.named[name].options, architecture[name], rng)
        for name, change in zip(names, chosen.tolist(), strict=True)
        if change
    }
    return _changed(space, architecture, changed, rng) if changed else architecture


def mutate_cell(
    space: Space, architecture: Architecture, rng: np.random.Generator, identity: float = 0.0
) -> Architecture:
    """The mutations of AmoebaNet: in one cell, another input or another operation of one edge.

    A cell is drawn first; with probability ``identity`` it stays. Then one of its edges gets either another input
    state (where the space lets inputs be chosen) or another operation, with equal chances. In a space without cells
    it is ``mutate_decision``.

    Reference: Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, section 2.
    """
    cells = [(prefix, part, kind) for prefix, part in cell_parts(space).items() for kind in part.cell_types]
    if not cells:
        return mutate_decision(space, architecture, rng)
    if isinstance(space, JoinedSpace):
        outside = _outside(space, architecture)
        mutable = sum(len(space.named[name].options) > 1 for name in architecture)
        if rng.random() * mutable < len(outside):
            return _mutate_one_of(outside, space, architecture, rng)
    prefix, part, kind = cells[int(rng.integers(len(cells)))]
    if identity and rng.random() < identity:
        return architecture
    changes = _input_change if part.topology != "dense" and rng.random() < 0.5 else _operation_change
    here = f"{prefix}/{kind}" if prefix else kind
    changed = changes(part, architecture, here, rng) or _operation_change(part, architecture, here, rng)
    changed = changed or _input_change(part, architecture, here, rng)
    if not changed:
        return mutate_decision(space, architecture, rng)
    return _changed(space, architecture, changed, rng)


def cell_parts(space: Space) -> dict[str, CellSpace]:
    """The spaces of cells within a space, by their prefix ("" when it is one itself)."""
    if isinstance(space, CellSpace):
        return {"": space}
    parts = space.parts if isinstance(space, JoinedSpace) else {}
    return {name: part for name, part in parts.items() if isinstance(part, CellSpace)}


def _outside(space: JoinedSpace, architecture: Architecture) -> list[str]:
    """Active decisions with several options that belong to no cell."""
    parts = cell_parts(space).items()
    cells = {f"{prefix}/{name}" if prefix else name for prefix, part in parts for name in part.named}
    return [name for name in architecture if name not in cells and len(space.named[name].options) > 1]


def _operation_change(
    part: CellSpace, architecture: Architecture, here: str, rng: np.random.Generator
) -> dict[str, Option]:
    if len(part.candidates) < 2:
        return {}
    if part.topology == "dense":
        node, state = part.edges[int(rng.integers(len(part.edges)))]
        name = f"{here}/edge_{node}_{state}"
    else:
        place = int(rng.integers(2 * part.nodes))
        name = f"{here}/node_{place // 2 + part.inputs}/op_{place % 2 + 1}"
    return {name: other(part.candidates, architecture[name], rng)}


def _input_change(
    part: CellSpace, architecture: Architecture, here: str, rng: np.random.Generator
) -> dict[str, Option]:
    if part.topology == "dense" or (part.topology == "distinct" and part.nodes < 2):
        return {}
    if part.topology == "repeat":
        node, slot = int(rng.integers(part.nodes)) + part.inputs, int(rng.integers(2)) + 1
        name = f"{here}/node_{node}/input_{slot}"
        return {name: other(tuple(range(node)), architecture[name], rng)}
    # The first node has two states to take two of: only later ones can change.
    node, slot = int(rng.integers(1, part.nodes)) + part.inputs, int(rng.integers(2))
    name = f"{here}/node_{node}"
    states = [int(state) for state in str(architecture[f"{name}/inputs"]).split(",")]
    operations = [architecture[f"{name}/op_{i}"] for i in (1, 2)]
    free = [state for state in range(node) if state not in states]
    states[slot] = free[int(rng.integers(len(free)))]
    # An operation stays with its edge, and edges are named in the order of their states.
    order = sorted((0, 1), key=lambda i: states[i])
    return {
        f"{name}/inputs": ",".join(str(states[i]) for i in order),
        **{f"{name}/op_{place}": operations[i] for place, i in enumerate(order, 1)},
    }
