"""The strategies of one reward by the names that tuners and command lines know them by."""

from __future__ import annotations

from autonas_keras.strategies.base import Strategy
from autonas_keras.strategies.controller import Reinforce
from autonas_keras.strategies.evolution import RegularizedEvolution
from autonas_keras.strategies.genetic import Genetic
from autonas_keras.strategies.greedy import EpsilonGreedy
from autonas_keras.strategies.local_search import LocalSearch
from autonas_keras.strategies.predictor import Predictor
from autonas_keras.strategies.random import RandomSearch

STRATEGIES: dict[str, type[Strategy]] = {
    "random": RandomSearch,
    "evolution": RegularizedEvolution,
    "genetic": Genetic,
    "epsilon_greedy": EpsilonGreedy,
    "local_search": LocalSearch,
    "reinforce": Reinforce,
    "predictor": Predictor,
}
