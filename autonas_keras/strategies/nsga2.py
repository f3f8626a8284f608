"""NSGA-II: a genetic algorithm that keeps the Pareto front, and keeps it spread.

Reference: Deb, Pratap, Agarwal, Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE
Transactions on Evolutionary Computation 2002, section III.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from autonas_keras.checks import check_count, check_share
from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.genetic import CROSSOVERS, TRIES
from autonas_keras.strategies.mutation import mutate_each
from autonas_keras.strategies.pareto import crowding_distance, non_dominated_sort, pareto_front

Member = tuple[Architecture, tuple[float, ...]]


class NSGA2(Strategy):
    """Searches for the front of several objectives, all of them maximised.

    A generation ends when ``population_size`` results have come in, failed ones included. The population and they
    are sorted into fronts; the best survive, of the last front that finds a place those that stand most apart.

    Args:
        space: What is searched.
        objectives: Numbers in a reward; 0: as many as the first has.
        population_size: Architectures alive; so many random ones come first.
        crossover_rate: Probability that a child has two parents.
        mutation_rate: Probability that each decision of a child changes; None: one decision on average.
        crossover: "uniform" or "one_point".
        **kwargs: ``seed``, ``unique``, ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When a number is out of its range or the crossover is unknown.
    """

    objectives = 0

    def __init__(
        self,
        space: Space,
        objectives: int = 0,
        population_size: int = 40,
        crossover_rate: float = 0.9,
        mutation_rate: float | None = None,
        crossover: str = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(space, **kwargs)
        if check_count("objectives", objectives, least=0) == 1:
            raise ValueError("Expected objectives to be 2 or more, or 0 for any number, got 1.")
        self.objectives = int(objectives)
        self.population_size = check_count("population_size", population_size)
        self.crossover_rate = check_share("crossover_rate", crossover_rate)
        self.mutation_rate = None if mutation_rate is None else check_share("mutation_rate", mutation_rate)
        if crossover not in CROSSOVERS:
            raise ValueError(f"Expected a crossover of {sorted(CROSSOVERS)}, got {crossover!r}.")
        self.crossover = crossover
        self._population: list[Member] = []
        self._arrived: list[tuple[Architecture, tuple[float, ...] | None]] = []
        self._order: list[tuple[int, float]] = []  # front and negative crowding distance of each: smaller is better

    @property
    def front(self) -> list[tuple[Architecture, tuple[float, ...]]]:
        """The architectures observed that no other dominates, with their rewards."""
        history: list[Member] = self.history  # type: ignore[assignment]
        return [history[index] for index in pareto_front([rewards for _, rewards in history])]

    def _suggest(self) -> Architecture:
        if not self._population or self._attempt >= TRIES:
            return self.space.sample(self.rng)
        child = self._parent()
        if self.rng.random() < self.crossover_rate:
            child = CROSSOVERS[self.crossover](self.space, child, self._parent(), self.rng)
        rate = 1 / len(child) if self.mutation_rate is None else self.mutation_rate
        return mutate_each(self.space, child, self.rng, rate)

    def _parent(self) -> Architecture:
        """The better of two by front and then by crowding distance (the crowded comparison)."""
        drawn = self.rng.integers(len(self._population), size=2).tolist()
        return self._population[min(drawn, key=lambda i: self._order[i])][0]

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        self._arrived.append((architecture, reward))  # type: ignore[arg-type]
        if len(self._arrived) < self.population_size:
            return
        # An architecture that came back again counts once, with its last reward.
        members = dict(self._population)
        members.update((found, value) for found, value in self._arrived if value is not None)
        self._arrived = []
        self._survive(list(members.items()))

    def _survive(self, members: list[Member]) -> None:
        ranked: list[tuple[int, float, int]] = []
        for rank, front in enumerate(non_dominated_sort([rewards for _, rewards in members])):
            distances = crowding_distance([members[i][1] for i in front]).tolist()
            ranked += sorted((rank, -distance, i) for distance, i in zip(distances, front, strict=True))
            if len(ranked) >= self.population_size:
                break
        ranked = ranked[: self.population_size]
        self._population = [members[i] for _, _, i in ranked]
        self._order = [(rank, distance) for rank, distance, _ in ranked]

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "objectives": self.objectives,
            "population_size": self.population_size,
            "crossover_rate": self.crossover_rate,
            "mutation_rate": self.mutation_rate,
            "crossover": self.crossover,
        }

    def _get(self) -> dict[str, Any]:
        return {
            "population": [[self.code(a), list(rewards)] for a, rewards in self._population],
            # JSON knows no infinity, the distance of the ends of a front.
            "order": [[rank, distance if math.isfinite(distance) else None] for rank, distance in self._order],
            "arrived": [[self.code(a), None if r is None else list(r)] for a, r in self._arrived],
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        self._population = [(self.decode(code), tuple(map(float, rewards))) for code, rewards in state["population"]]
        self._arrived = [
            (self.decode(code), None if rewards is None else tuple(map(float, rewards)))
            for code, rewards in state["arrived"]
        ]
        self._order = [(int(rank), -math.inf if least is None else float(least)) for rank, least in state["order"]]
        if len(self._order) != len(self._population):
            raise ValueError(f"{len(self._order)} places for {len(self._population)} members")
