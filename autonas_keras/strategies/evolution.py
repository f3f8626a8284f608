"""Regularized (ageing) evolution.

Reference: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019,
algorithm 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from autonas_keras.checks import check_count, check_share
from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.mutation import mutate_cell
from autonas_keras.strategies.vote import best_of


class RegularizedEvolution(Strategy):
    """The best of a random sample of the population has a child, and the oldest of the population dies.

    Args:
        space: What is searched.
        population_size: Architectures alive; so many random ones come first.
        sample_size: Architectures drawn with replacement, the best of which is the parent.
        identity: Probability that a cell stays as it is in a mutation; such a child is proposed only with repeats.
        children: Mutations of the parent, of which the one that ``scorer`` ranks best is proposed.
        **kwargs: As ``Strategy`` takes them.

    Raises:
        ValueError: When there are several children without a scorer, ``sample_size`` is above ``population_size``, a number is not positive or no probability.
    """

    def __init__(
        self,
        space: Space,
        population_size: int = 50,
        sample_size: int = 10,
        identity: float = 0.05,
        children: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(space, **kwargs)
        self.population_size = check_count("population_size", population_size)
        self.sample_size = check_count("sample_size", sample_size)
        self.identity = check_share("identity", identity)
        if self.sample_size > self.population_size:
            raise ValueError(
                f"Expected sample_size to be at most population_size, got {sample_size} of {population_size}."
            )
        self.children = check_count("children", children)
        self.takes_over = max(1, self.population_size // 2)  # the others keep the population diverse
        if self.children > 1 and self.scorer is None:
            raise ValueError(
                f"Expected a scorer, a function that ranks architectures, with children={children}, got None."
            )
        self._population: deque[tuple[Architecture, float]] = deque(maxlen=self.population_size)
        self._started = 0
        self._pair: tuple[Architecture, Architecture] | None = None  # the last child suggested and its parent
        self._parents: dict[str, str] = {}  # codes of the parents of children under way

    def parent_of(self, code: str) -> str | None:
        """The code of the parent of a child under way; None for one that has none."""
        return self._parents.get(code)

    def alive(self) -> set[str]:
        """The codes of the population, and of the parents of children under way."""
        return {self.code(architecture) for architecture, _ in self._population} | set(self._parents.values())

    def _suggest(self) -> Architecture:
        if self._started < self.population_size or not self._population:
            return self.space.sample(self.rng)
        drawn = self.rng.integers(len(self._population), size=self.sample_size).tolist()
        parent = max((self._population[i] for i in drawn), key=lambda member: member[1])[0]
        if self.children == 1 or self.scorer is None:
            child = mutate_cell(self.space, parent, self.rng, self.identity)
        else:
            child = best_of(self.scorer, self._litter(parent))
        self._pair = child, parent
        return child

    def _litter(self, parent: Architecture) -> list[Architecture]:
        """Children of a parent, each once, without those that may not be proposed while there are others."""
        drawn = [mutate_cell(self.space, parent, self.rng, self.identity) for _ in range(self.children)]
        drawn = list(dict.fromkeys(drawn))
        fit = [child for child in drawn if not (self.unique and self.knows(self.code(child))) and self.within(child)]
        return fit or drawn[:1]

    def _proposed(self, architecture: Architecture) -> None:
        self._started += 1
        if self._pair is not None and self._pair[0] is architecture:
            self._parents[self.code(architecture)] = self.code(self._pair[1])

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        self._parents.pop(self.code(architecture), None)
        if reward is not None:
            self._population.append((architecture, reward))  # type: ignore[arg-type]
        elif len(self._population) < self.population_size:
            self._started = max(0, self._started - 1)  # another random one takes its place

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "population_size": self.population_size,
            "sample_size": self.sample_size,
            "identity": self.identity,
            "children": self.children,
        }

    def _get(self) -> dict[str, Any]:
        return {
            "population": [[self.code(a), reward] for a, reward in self._population],
            "started": self._started,
            "parents": dict(self._parents),
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        members = [(self.decode(code), float(reward)) for code, reward in state["population"]]
        pairs = state["parents"].items()
        self._parents = {self.code(self.decode(a)): self.code(self.decode(b)) for a, b in pairs}
        self._population = deque(members, maxlen=self.population_size)
        self._started = int(state["started"])
