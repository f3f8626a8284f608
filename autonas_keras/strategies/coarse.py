"""A grid of architectures whose decisions of a kind go together, then mutations of the best of them.

Reference: Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020, section 3.3
("coarse-to-fine architecture selection").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonas_keras.checks import check_count, check_share
from autonas_keras.spaces import Architecture, Choice, Option, Space
from autonas_keras.strategies.base import Strategy
from autonas_keras.strategies.mutation import mutate_each


class CoarseToFine(Strategy):
    """First a coarse grid, then mutations of the best architectures so far.

    In the grid all choices of a kind, such as the kernels of all blocks, take options of the same rank. Choices are of a
    kind whose names end in the same word.

    Args:
        space: What is searched.
        most: Most architectures of the grid; of a larger one so many are drawn.
        parents: The best so many are mutated.
        mutation_rate: Probability that a mutant changes a decision, for each.
        **kwargs: ``seed``, ``unique``, ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When a number is out of its range.
    """

    def __init__(
        self, space: Space, most: int = 200, parents: int = 5, mutation_rate: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(space, **kwargs)
        self.most, self.parents = check_count("most", most), check_count("parents", parents)
        self.mutation_rate = check_share("mutation_rate", mutation_rate)
        self._grid = coarse_grid(space, self.most, np.random.default_rng([self.seed or 0, 1]))
        self._tried = 0

    def _suggest(self) -> Architecture:
        while self._tried < len(self._grid):
            self._tried += 1
            if self.within(self._grid[self._tried - 1]):
                return self._grid[self._tried - 1]
        best = sorted(self.history, key=lambda pair: pair[1], reverse=True)[: self.parents]
        if not best:
            return self.space.sample(self.rng)
        parent = best[int(self.rng.integers(len(best)))][0]
        return mutate_each(self.space, parent, self.rng, self.mutation_rate)

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "most": self.most,
            "parents": self.parents,
            "mutation_rate": self.mutation_rate,
        }

    def _get(self) -> dict[str, Any]:
        return {"tried": self._tried}

    def _set(self, state: Mapping[str, Any]) -> None:
        self._tried = int(state["tried"])


def coarse_grid(space: Space, most: int, rng: np.random.Generator) -> list[Architecture]:
    """The architectures whose choices of a kind take options of the same rank, each once.

    Args:
        space: The space.
        most: Most of them; of a larger grid so many are drawn, its two corners among them.
        rng: Draws them.
    """
    kinds: dict[str, list[Choice]] = {}
    for name, choice in space.named.items():
        kinds.setdefault(name.rsplit("/", 1)[-1], []).append(choice)
    levels = [max(len(choice.options) for choice in choices) for choices in kinds.values()]
    count = int(np.prod(levels, dtype=object))
    places = range(count) if count <= most else _drawn(count, most, rng)
    found: dict[Architecture, None] = {}
    for place in places:
        decisions: dict[str, Option] = {}
        for choices, size in zip(kinds.values(), levels, strict=True):
            place, level = divmod(place, size)
            share = level / max(1, size - 1)
            decisions |= {c.name: c.options[int(share * (len(c.options) - 1) + 0.5)] for c in choices}
        found[space.complete(decisions, rng)] = None
    return list(found)


def _drawn(count: int, most: int, rng: np.random.Generator) -> list[int]:
    """So many different places below ``count``, which may be larger than any integer of numpy; first and last among them."""
    corners = (0, count - 1)[:most]
    found = set(corners)
    while len(found) < most:
        # Many more bits than the count has, so that every digit is drawn.
        found.add(int.from_bytes(rng.bytes(count.bit_length() // 8 + 8), "little") % count)
    return sorted(found)
