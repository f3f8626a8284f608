"""Strategies as KerasTuner oracles, and KerasTuner's own made durable."""

from autonas_keras.oracles.asha import Asha
from autonas_keras.oracles.given import Given
from autonas_keras.oracles.host import BayesianOptimization, Greedy, Hyperband
from autonas_keras.oracles.named import (
    NSGA2,
    EpsilonGreedy,
    Genetic,
    LocalSearch,
    Predictor,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
)
from autonas_keras.oracles.saving import DurableOracle
from autonas_keras.oracles.strategy import StrategyOracle

__all__ = [
    "NSGA2",
    "Asha",
    "BayesianOptimization",
    "DurableOracle",
    "EpsilonGreedy",
    "Genetic",
    "Given",
    "Greedy",
    "Hyperband",
    "LocalSearch",
    "Predictor",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "StrategyOracle",
]
