"""What the networks of a graph cost, and the strongest architecture within limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from autonas_keras.blocks import Graph
from autonas_keras.evaluation import JoinedCosts, LatencyTable, meets, model_costs
from autonas_keras.spaces import Architecture, CellSpace, Option, Space

LEAST = 1e-12  # weight that an option has at least, and one that is for mixtures only


class GraphCosts(JoinedCosts):
    """The costs of every architecture of a graph, out of one built network.

    Args:
        graph: A graph whose searched blocks were built.
        model: The network of ``architecture``.
        architecture: A point of ``graph.space``.
        latency: The table that tells "latency_ms" too, of the network around the only searched block. What stands in
            front of that, such as a normalisation, is not timed.

    Raises:
        ValueError: When the table is of another network than the graph's.
    """

    def __init__(
        self,
        graph: Graph,
        model: keras.Model,
        architecture: Mapping[str, Option],
        latency: LatencyTable | None = None,
    ) -> None:
        blocks = {block.name: (block.built_space, block.input_shape or ()) for block in graph.searched}
        super().__init__(blocks, model_costs(model), architecture, latency)


def check_feasible(costs: JoinedCosts, space: Space, limits: Mapping[str, float]) -> None:
    """Refuse limits that no architecture meets.

    Raises:
        ValueError: With the nearest feasible value.
    """
    least = costs.least()
    for name, limit in limits.items():
        if name in least and least[name] > limit:
            raise ValueError(
                f"Expected limits that some architecture meets, got {name} <= {limit:,}; the nearest that is feasible "
                f"is {name} <= {least[name]:,}, or take a space of smaller networks."
            )
    if limits:
        found = _lighten(space.default(), space, costs, limits, lambda architecture: 0.0)
        if not meets(costs.of(found), limits):
            nearest = ", ".join(f"{name} <= {costs.of(found)[name]:,.6g}" for name in limits)
            got = ", ".join(f"{name} <= {limit:,}" for name, limit in limits.items())
            raise ValueError(
                f"Expected limits that some architecture meets at once, got {got}; the nearest that is feasible is "
                f"{nearest}, or take a space of smaller networks."
            )


def strongest_within(
    start: Architecture,
    space: Space,
    costs: JoinedCosts,
    limits: Mapping[str, float],
    strengths: Mapping[str, Mapping[str, np.ndarray]],
) -> Architecture:
    """The strongest architecture found within limits, from the strongest of all downwards.

    Decisions are changed one at a time, those first that save most for the strength they give up; then as long as one
    more change makes it stronger within the limits.

    Args:
        start: The strongest architecture, a point of ``space``.
        space: The joined space of the graph.
        costs: What its networks cost.
        limits: Upper bounds that some architecture meets.
        strengths: For each block the mixture weights: of a space of cells for each cell type of shape (edges,
            operations), of another for each choice of shape (1, options).
    """

    def strength(architecture: Mapping[str, Option]) -> float:
        point, total = space.architecture(architecture), 0.0
        for name, tables in strengths.items():
            part = space.parts[name]  # type: ignore[attr-defined]
            found = point.scope(name, part)
            for kind, mask in _masks(part, found).items():
                if kind in tables:
                    total += float((mask * np.log(np.maximum(tables[kind], LEAST))).sum())
            total += sum(option in part.mixture_only for option in found.values()) * math.log(LEAST)
        return total

    if meets(costs.of(start), limits):
        return start
    current = _lighten(start, space, costs, limits, strength)
    if not meets(costs.of(current), limits):
        current = _lighten(space.default(), space, costs, limits, strength)
    while True:
        value = strength(current)
        better = [
            (strength(other), other)
            for other in space.neighbours(current)
            if other in space and meets(costs.of(other), limits)
        ]
        gain, best = max(better, key=lambda pair: pair[0], default=(-math.inf, current))
        if gain <= value + 1e-12:
            return current
        current = best


def _masks(space: Space, architecture: Architecture) -> Mapping[str, np.ndarray]:
    """One for what an architecture takes, in tables as ``strongest_within`` takes them."""
    if isinstance(space, CellSpace):
        return space.mask(architecture)
    return {
        name: np.array([[taken == option for option in space.named[name].options]], float)
        for name, taken in architecture.items()
    }


def _lighten(start: Architecture, space: Space, costs: JoinedCosts, limits: Mapping[str, float], strength: Any) -> Any:
    """Take the changes that save most for what they give up, until the limits are met or nothing saves any more."""
    current = start
    while (beyond := excess(costs.of(current), limits)) > 0:
        value = strength(current)
        options = []
        for other in space.neighbours(current):
            saved = beyond - excess(costs.of(other), limits)
            if saved > 0:
                options.append((min(saved, beyond) / (max(value - strength(other), 0.0) + 1e-6), other))
        if not options:
            break
        current = max(options, key=lambda pair: pair[0])[1]
    return current


def excess(costs: Mapping[str, float], limits: Mapping[str, float]) -> float:
    """By how much the limits are passed, as the sum of the shares of each; 0 within them."""
    return sum(max(0.0, costs[name] / limit - 1) for name, limit in limits.items())
