"""Strategies as KerasTuner oracles."""

from autonas_keras.oracles.given import Given
from autonas_keras.oracles.host import BayesianOptimization, Greedy, Hyperband, RandomSearch
from autonas_keras.oracles.saving import DurableOracle

__all__ = ["BayesianOptimization", "DurableOracle", "Given", "Greedy", "Hyperband", "RandomSearch"]
