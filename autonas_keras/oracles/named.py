"""One oracle for each strategy; their own arguments are those of the strategy of the same name."""

from __future__ import annotations

from autonas_keras import strategies
from autonas_keras.oracles.strategy import StrategyOracle


class RandomSearch(StrategyOracle):
    """Random search without repeats; see ``strategies.RandomSearch``."""

    strategy_class = strategies.RandomSearch


class RegularizedEvolution(StrategyOracle):
    """Ageing evolution: ``population_size``, ``sample_size``, ``identity``; see ``strategies.RegularizedEvolution``."""

    strategy_class = strategies.RegularizedEvolution


class Genetic(StrategyOracle):
    """A genetic algorithm with elitism; see ``strategies.Genetic`` for its settings."""

    strategy_class = strategies.Genetic


class EpsilonGreedy(StrategyOracle):
    """Mutations of the best so far, or with probability ``epsilon`` a random one; see ``strategies.EpsilonGreedy``."""

    strategy_class = strategies.EpsilonGreedy


class LocalSearch(StrategyOracle):
    """Local search with restarts: ``starts``, ``improvement``; see ``strategies.LocalSearch``."""

    strategy_class = strategies.LocalSearch


class NSGA2(StrategyOracle):
    """The Pareto front of a list of objectives; see ``strategies.NSGA2`` for its settings."""

    strategy_class = strategies.NSGA2


class Reinforce(StrategyOracle):
    """The LSTM controller of NASNet, taught by REINFORCE or PPO; see ``strategies.Reinforce`` for its settings."""

    strategy_class = strategies.Reinforce


class Predictor(StrategyOracle):
    """Search guided by a model of the rewards; see ``strategies.Predictor`` for its settings."""

    strategy_class = strategies.Predictor
