"""Genetic algorithm: parents by tournament, children by crossover and mutation, and the best survive.

References: Goldberg, "Genetic Algorithms in Search, Optimization and Machine Learning", 1989; Goldberg, Deb, "A
Comparative Analysis of Selection Schemes Used in Genetic Algorithms", FOGA 1991, for tournaments; Syswerda, "Uniform
Crossover in Genetic Algorithms", ICGA 1989.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonas_keras.checks import check_count, check_share
from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.mutation import mutate_each

TRIES = 10  # children in a row that may be dropped before a random architecture takes their place


def one_point(space: Space, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
    """The decisions of ``first`` up to a point, those of ``second`` from there, in the order of the space.

    A decision that only the other parent made is taken from it, one that neither made is drawn.
    """
    names = list(space.named)
    cut = int(rng.integers(1, len(names))) if len(names) > 1 else 1
    return _cross(space, first, second, [place < cut for place in range(len(names))], rng)


def uniform(space: Space, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
    """Each decision from either parent with equal chances.

    A decision that only the other parent made is taken from it, one that neither made is drawn.
    """
    return _cross(space, first, second, (rng.random(len(space.named)) < 0.5).tolist(), rng)


def _cross(
    space: Space, first: Architecture, second: Architecture, from_first: list[bool], rng: np.random.Generator
) -> Architecture:
    taken = {}
    for name, is_first in zip(space.named, from_first, strict=True):
        one, other = (first, second) if is_first else (second, first)
        if name in one:
            taken[name] = one[name]
        elif name in other:
            taken[name] = other[name]
    return space.complete(taken, rng)


CROSSOVERS = {"one_point": one_point, "uniform": uniform}


class Genetic(Strategy):
    """Breeds each generation from the best of what came before it.

    The first generation is random. A generation ends when ``population_size`` results have come in, failed ones
    included; until then what is proposed beyond it is bred from the same parents, so that parallel workers need not
    wait. SPOS is ``Genetic(space, 50, parents=10, mutation_share=0.5, mutation_rate=0.1, tournament=1)`` and
    Once-for-All ``Genetic(space, 100, parents=25, mutation_share=0.5, mutation_rate=0.1, tournament=1)``.

    Args:
        space: What is searched.
        population_size: Results in a generation.
        parents: The best so many of the elite and the last generation may be parents; None: all.
        elites: The best so many live on beside the next generation; None: as many as parents, or one.
        tournament: Candidates drawn with replacement for each parent, of which the best is taken; 1: any.
        mutation_share: Part of a generation that are mutants of one parent; they come first.
        random_share: Part of a generation that is random; the rest are children of two parents.
        mutation_rate: Probability that a mutant changes a decision, for each; None: one decision on average.
        crossover: "uniform" or "one_point".
        mutate_children: Whether children of two parents are mutated too, as in the textbook.
        **kwargs: ``seed``, ``unique``, ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When a number is out of its range, shares add up to more than 1, or the crossover is unknown.

    References: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020,
    algorithm 1; Cai et al., "Once-for-All: Train One Network and Specialize It for Efficient Deployment", ICLR 2020.
    """

    def __init__(
        self,
        space: Space,
        population_size: int = 20,
        parents: int | None = 10,
        elites: int | None = None,
        tournament: int = 2,
        mutation_share: float = 0.5,
        random_share: float = 0.0,
        mutation_rate: float | None = None,
        crossover: str = "uniform",
        mutate_children: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(space, **kwargs)
        self.population_size = check_count("population_size", population_size)
        self.takes_over = max(1, self.population_size // 2)  # the others keep the generation diverse
        self.parents = None if parents is None else check_count("parents", parents)
        self.elites = None if elites is None else check_count("elites", elites, least=0)
        self.tournament = check_count("tournament", tournament)
        self.mutation_share = check_share("mutation_share", mutation_share)
        self.random_share = check_share("random_share", random_share)
        if self.mutation_share + self.random_share > 1:
            raise ValueError(
                f"Expected mutation_share and random_share to add up to at most 1, got {mutation_share + random_share}."
            )
        self.mutation_rate = None if mutation_rate is None else check_share("mutation_rate", mutation_rate)
        if crossover not in CROSSOVERS:
            raise ValueError(f"Expected a crossover of {sorted(CROSSOVERS)}, got {crossover!r}.")
        self.crossover, self.mutate_children = crossover, bool(mutate_children)
        self._elite: list[tuple[Architecture, float]] = []
        self._pool: list[tuple[Architecture, float]] = []
        self._arrived: list[tuple[Architecture, float | None]] = []
        self._bred = 0

    def _suggest(self) -> Architecture:
        if not self._pool or self._attempt >= TRIES:
            return self.space.sample(self.rng)
        place = (self._bred % self.population_size + 0.5) / self.population_size
        if place < self.mutation_share:
            return self._mutant(self._parent())
        if place > 1 - self.random_share:
            return self.space.sample(self.rng)
        first = self._parent()
        child = CROSSOVERS[self.crossover](self.space, first, self._parent(besides=first), self.rng)
        return self._mutant(child) if self.mutate_children else child

    def _parent(self, besides: Architecture | None = None) -> Architecture:
        pool = [member for member in self._pool if member[0] != besides] or self._pool
        # The pool is in the order of its rewards: the winner of a tournament is its first.
        return pool[int(self.rng.integers(len(pool), size=self.tournament).min())][0]

    def _mutant(self, architecture: Architecture) -> Architecture:
        rate = 1 / len(architecture) if self.mutation_rate is None else self.mutation_rate
        return mutate_each(self.space, architecture, self.rng, rate)

    def _proposed(self, architecture: Architecture) -> None:
        self._bred += 1

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        self._arrived.append((architecture, reward))  # type: ignore[arg-type]
        if len(self._arrived) < self.population_size:
            return
        # An architecture that came back again counts once, with its last reward.
        members = dict(self._elite)
        members.update((found, value) for found, value in self._arrived if value is not None)
        ranked = sorted(members.items(), key=lambda member: -member[1])
        self._pool = ranked[: self.parents]
        self._elite = ranked[: (self.parents or 1) if self.elites is None else self.elites]
        self._arrived, self._bred = [], 0

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "population_size": self.population_size,
            "parents": self.parents,
            "elites": self.elites,
            "tournament": self.tournament,
            "mutation_share": self.mutation_share,
            "random_share": self.random_share,
            "mutation_rate": self.mutation_rate,
            "crossover": self.crossover,
            "mutate_children": self.mutate_children,
        }

    def _get(self) -> dict[str, Any]:
        return {
            "bred": self._bred,
            "elite": [[self.code(a), reward] for a, reward in self._elite],
            "pool": [[self.code(a), reward] for a, reward in self._pool],
            "arrived": [[self.code(a), reward] for a, reward in self._arrived],
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        self._bred = int(state["bred"])
        self._elite = [(self.decode(code), float(reward)) for code, reward in state["elite"]]
        self._pool = [(self.decode(code), float(reward)) for code, reward in state["pool"]]
        self._arrived = [
            (self.decode(code), None if reward is None else float(reward)) for code, reward in state["arrived"]
        ]
