"""Which architecture comes next."""

from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.coarse import CoarseToFine, coarse_grid
from autonas_keras.strategies.controller import Reinforce
from autonas_keras.strategies.evolution import RegularizedEvolution
from autonas_keras.strategies.genetic import Genetic
from autonas_keras.strategies.greedy import EpsilonGreedy
from autonas_keras.strategies.local_search import LocalSearch
from autonas_keras.strategies.mutation import mutate_cell, mutate_decision, mutate_each
from autonas_keras.strategies.named import STRATEGIES
from autonas_keras.strategies.nsga2 import NSGA2
from autonas_keras.strategies.pareto import crowding_distance, non_dominated_sort, pareto_front
from autonas_keras.strategies.predicted import PredictedWorth, evolve_predicted
from autonas_keras.strategies.predictor import Predictor
from autonas_keras.strategies.random import RandomSearch
from autonas_keras.strategies.rewards import mnasnet_reward
from autonas_keras.strategies.search import SearchResult, search
from autonas_keras.strategies.vote import Scorer, rank_vote

__all__ = [
    "NSGA2",
    "STRATEGIES",
    "CoarseToFine",
    "EpsilonGreedy",
    "Genetic",
    "LocalSearch",
    "PredictedWorth",
    "Predictor",
    "Scorer",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "Reward",
    "SearchResult",
    "Strategy",
    "coarse_grid",
    "crowding_distance",
    "evolve_predicted",
    "mnasnet_reward",
    "mutate_cell",
    "mutate_decision",
    "mutate_each",
    "non_dominated_sort",
    "pareto_front",
    "rank_vote",
    "search",
]
