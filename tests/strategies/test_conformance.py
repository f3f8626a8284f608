from __future__ import annotations

from typing import Any

from autonas_keras.spaces import Space
from autonas_keras.strategies import (
    NSGA2,
    EpsilonGreedy,
    Genetic,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    Strategy,
)
from autonas_keras.testing.strategies import StrategyTestCase


class TestRandomSearch(StrategyTestCase):
    beats_random = False

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return RandomSearch(space, seed=seed, **kwargs)


class TestRegularizedEvolution(StrategyTestCase):
    nonsense = (
        {"population_size": 0},
        {"sample_size": 0},
        {"sample_size": 9},
        {"identity": 1.5},
        {"population_size": 2.5},
    )

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return RegularizedEvolution(space, seed=seed, **{"population_size": 8, "sample_size": 3, **kwargs})


class TestGenetic(StrategyTestCase):
    nonsense = (
        {"population_size": 0},
        {"parents": 0},
        {"elites": -1},
        {"tournament": 0},
        {"mutation_share": 1.5},
        {"mutation_share": 0.7, "random_share": 0.7},
        {"mutation_rate": -0.1},
        {"crossover": "two_point"},
    )

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return Genetic(space, seed=seed, **{"population_size": 8, "parents": 4, **kwargs})


class TestTextbookGenetic(TestGenetic):
    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        settings = {
            "population_size": 10,
            "parents": None,
            "tournament": 3,
            "mutation_share": 0.0,
            "random_share": 0.1,
            "crossover": "one_point",
            "mutate_children": True,
            "mutation_rate": 0.1,
        }
        return Genetic(space, seed=seed, **{**settings, **kwargs})


class TestEpsilonGreedy(StrategyTestCase):
    nonsense = ({"epsilon": 1.5}, {"epsilon": "often"})

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return EpsilonGreedy(space, seed=seed, **kwargs)


class TestLocalSearch(StrategyTestCase):
    nonsense = ({"starts": 0}, {"improvement": "second"})

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return LocalSearch(space, seed=seed, **kwargs)


class TestLocalSearchForTheBestNeighbour(TestLocalSearch):
    beats_random = False  # it looks at all 90 neighbours before each step

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return LocalSearch(space, seed=seed, **{"starts": 1, "improvement": "best", **kwargs})


class TestNSGA2(StrategyTestCase):
    objectives = 2
    nonsense = (
        {"objectives": 1},
        {"objectives": -2},
        {"population_size": 0},
        {"crossover_rate": 1.5},
        {"mutation_rate": -0.1},
        {"crossover": "two_point"},
    )

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return NSGA2(space, seed=seed, **{"population_size": 10, **kwargs})


class TestNSGA2OfThreeObjectives(TestNSGA2):
    objectives = 3

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return NSGA2(space, seed=seed, **{"population_size": 10, "objectives": 3, **kwargs})


class TestReinforce(StrategyTestCase):
    steps = 17
    nonsense = (
        {"algorithm": "q_learning"},
        {"units": 0},
        {"learning_rate": -1.0},
        {"batch_size": 0},
        {"entropy_weight": -0.1},
        {"baseline_decay": 1.5},
        {"temperature": 0.0},
        {"normalize": "mean"},
    )

    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return Reinforce(space, seed=seed, **{"batch_size": 4, **kwargs})


class TestReinforceByPPO(TestReinforce):
    def strategy(self, space: Space, seed: int | None = 0, **kwargs: Any) -> Strategy:
        return Reinforce(space, seed=seed, **{"algorithm": "ppo", "batch_size": 4, **kwargs})
