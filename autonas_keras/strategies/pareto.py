"""Rewards of several objectives compared: fronts, their order and their spacing. Every objective is maximised.

Reference: Deb, Pratap, Agarwal, Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE
Transactions on Evolutionary Computation 2002, sections III A and III B.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Rewards = Sequence[Sequence[float]] | np.ndarray


def pareto_front(rewards: Rewards) -> list[int]:
    """Indices of the rewards that no other dominates, in their order; equal ones all stand in it.

    Args:
        rewards: Array of shape (points, objectives).

    Raises:
        ValueError: When it has another shape or holds what is not finite.
    """
    table = _table(rewards)
    front: list[int] = []
    # Who dominates a point is larger in the first objective in which they differ: it comes before in this order.
    for index in np.lexsort(-table.T[::-1]).tolist():
        others = table[front]
        if not _dominates(others, table[index]).any():
            front.append(index)
    return sorted(front)


def non_dominated_sort(rewards: Rewards) -> list[list[int]]:
    """The indices in fronts: the first is dominated by none, the next only by those before it, and so on.

    Raises:
        ValueError: When ``rewards`` is no array of shape (points, objectives) or holds what is not finite.
    """
    table = _table(rewards)
    dominates = np.array([_dominates(row, table) for row in table]).reshape(len(table), len(table))
    dominators = dominates.sum(axis=0)
    left = np.ones(len(table), bool)
    fronts = []
    while left.any():
        front = left & (dominators == 0)
        fronts.append(np.flatnonzero(front).tolist())
        left &= ~front
        dominators = dominators - dominates[front].sum(axis=0)
    return fronts


def crowding_distance(rewards: Rewards) -> np.ndarray:
    """How far apart the neighbours of each reward lie in each objective, summed; infinite at the ends.

    Args:
        rewards: Array of shape (points, objectives), usually of one front.

    Returns:
        Array of shape (points,).

    Raises:
        ValueError: When ``rewards`` has another shape or holds what is not finite.
    """
    table = _table(rewards)
    distance = np.zeros(len(table))
    for values in table.T if len(table) else ():
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        width = ordered[-1] - ordered[0]
        distance[order[[0, -1]]] = np.inf
        if width > 0:
            distance[order[1:-1]] += (ordered[2:] - ordered[:-2]) / width
    return distance


def compromise(rewards: Rewards) -> int:
    """Index of the reward on the front that is nearest to the best value of each objective, scaled over the front.

    Raises:
        ValueError: When there is no reward, or ``rewards`` has another shape or holds what is not finite.
    """
    table = _table(rewards)
    front = pareto_front(table)
    if not front:
        raise ValueError("Expected at least one reward, got none.")
    best, worst = table[front].max(axis=0), table[front].min(axis=0)
    distance = (((best - table[front]) / np.where(best > worst, best - worst, 1.0)) ** 2).sum(axis=1)
    return front[int(np.argmin(distance))]


def _dominates(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether the first is nowhere smaller and somewhere larger than the second, row by row."""
    return np.logical_and((first >= second).all(axis=-1), (first > second).any(axis=-1))


def _table(rewards: Rewards) -> np.ndarray:
    table = np.asarray(rewards, dtype=float)
    if table.size == 0:
        return table.reshape(0, 1)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(f"Expected finite rewards of shape (points, objectives), got shape {table.shape}.")
    return table
