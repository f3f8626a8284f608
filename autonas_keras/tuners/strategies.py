"""Methods that train one network per architecture, which a strategy of this package proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from autonas_keras import oracles
from autonas_keras.blocks import Graph
from autonas_keras.oracles import distributed
from autonas_keras.tuners.inheriting import Inheritance
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.trials import TrialMethod, TrialTuner
from autonas_keras.tuners.zero_cost import GraphScorer

# Settings that say nothing unless they are set.
LATER = ("warmup", "warmup_sample", "children", "inherit", "features", "screen", "candidates", "mutations")


@dataclass(frozen=True)
class StrategyMethod(TrialMethod):
    """A method whose own settings are those of its oracle; None leaves the choice to the number of trials or to it.

    Args:
        warmup: So many first trials are those of a random sample that zero-cost proxies rank best.
        warmup_sample: Architectures of that sample; five times as many when None.
        **others: Those of ``TrialMethod``.
    """

    oracle_class: ClassVar[type[oracles.StrategyOracle]]
    renamed: ClassVar[Mapping[str, str]] = {}  # settings whose names the training of networks takes
    not_of_oracle: ClassVar[tuple[str, ...]] = ()  # settings that say how its networks are trained

    warmup: int = 0
    warmup_sample: int | None = None

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> TrialTuner:
        # A space that is fitted to the images is read from the hyperparameters once they are declared.
        fixed = hypermodel.searched and all(block.fixed for block in hypermodel.searched)
        space = hypermodel.space if fixed else None
        scorer = GraphScorer() if self.asks_scorer else None
        tuner = super().make(hypermodel, project, limits, space=space, scorer=scorer, **kwargs)
        if scorer is not None:
            scorer.attach(tuner)
        return tuner

    @property
    def asks_scorer(self) -> bool:
        """Whether the strategy asks zero-cost proxies."""
        return bool(self.warmup)

    def facts(self) -> dict[str, Any]:
        usual = {entry.name: entry.default for entry in fields(self) if entry.name in LATER}
        return {name: v for name, v in super().facts().items() if name not in usual or v != usual[name]}

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        training = {entry.name for entry in fields(TrialMethod)}
        own = {e.name: getattr(self, e.name) for e in fields(self) if e.name not in (*training, *self.not_of_oracle)}
        own |= {name: value for name, value in self.chosen(kwargs.get("max_trials")).items() if own[name] is None}
        settings = {self.renamed.get(name, name): value for name, value in own.items() if value is not None}
        return self.oracle_class(**settings, **kwargs)

    def chosen(self, max_trials: int | None) -> dict[str, Any]:
        """Settings that nobody said, for a number of trials."""
        return {}


@dataclass(frozen=True)
class Random(StrategyMethod):
    """Architectures drawn at random, none twice."""

    name: ClassVar[str] = "random"
    oracle_class = oracles.RandomSearch


@dataclass(frozen=True)
class Evolution(StrategyMethod):
    """Regularized evolution.

    Args:
        population_size: Architectures alive; a quarter of the trials, at most 50, when None.
        sample_size: Those among which a parent is the best; a fifth of the population when None.
        identity: Probability that a cell stays as it is.
        children: Mutations of a parent, of which the one is trained that zero-cost proxies rank best.
        inherit: Whether a child begins with the weights of its parent where their operations agree; each network is
            then built by itself.
        **others: Those of ``StrategyMethod``.
    """

    name: ClassVar[str] = "evolution"
    not_of_oracle: ClassVar[tuple[str, ...]] = ("inherit",)
    oracle_class = oracles.RegularizedEvolution

    population_size: int | None = None
    sample_size: int | None = None
    identity: float = 0.05
    children: int = 1
    inherit: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inherit and self.share_graph:
            raise ValueError(
                "Expected share_graph of None or False with inherit=True, got True; leave one of them out."
            )

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> TrialTuner:
        if self.inherit and distributed.role() != "alone":
            raise ValueError("Expected one process with inherit=True, got KERASTUNER_ORACLE_IP set; leave inherit out.")
        tuner = super().make(hypermodel, project, limits, **kwargs)
        if self.inherit:
            tuner.inheritance = Inheritance(project.path / "inherited", tuner.oracle)
        return tuner

    @property
    def asks_scorer(self) -> bool:
        return super().asks_scorer or self.children != 1

    def chosen(self, max_trials: int | None) -> dict[str, Any]:
        size = _population(max_trials, 50) if self.population_size is None else self.population_size
        return {"population_size": size, "sample_size": max(min(2, size), size // 5)}


@dataclass(frozen=True)
class Genetic(StrategyMethod):
    """A genetic algorithm with crossover, mutation and elitism.

    Args:
        population_size: Architectures of a generation; a quarter of the trials, at most 20, when None.
        parents: The best so many have children; half of a generation when None.
        mutation_share: Share of the children that are mutations; the others are crossovers.
        mutation_rate: Probability that a decision of a mutation changes; one decision on average when None.
        crossover: "uniform" or "one_point".
    """

    name: ClassVar[str] = "genetic"
    oracle_class = oracles.Genetic

    population_size: int | None = None
    parents: int | None = None
    mutation_share: float = 0.5
    mutation_rate: float | None = None
    crossover: str = "uniform"

    def chosen(self, max_trials: int | None) -> dict[str, Any]:
        size = _population(max_trials, 20) if self.population_size is None else self.population_size
        return {"population_size": size, "parents": max(1, size // 2)}


@dataclass(frozen=True)
class EpsilonGreedy(StrategyMethod):
    """Mutations of the best architecture so far.

    Args:
        epsilon: Probability of a random one in between.
    """

    name: ClassVar[str] = "epsilon_greedy"
    oracle_class = oracles.EpsilonGreedy

    epsilon: float = 0.1


@dataclass(frozen=True)
class LocalSearch(StrategyMethod):
    """Climbing from the best of some random architectures over their neighbours, with restarts.

    Args:
        starts: Random architectures at each start.
        improvement: "first" or "best".
    """

    name: ClassVar[str] = "local_search"
    oracle_class = oracles.LocalSearch

    starts: int | None = None
    improvement: str | None = None


@dataclass(frozen=True)
class Reinforce(StrategyMethod):
    """The LSTM controller of NASNet.

    Args:
        algorithm: "reinforce" or "ppo".
        units: Units of the LSTM.
        controller_learning_rate: Rate of Adam for the controller.
        controller_batch_size: Rewards in an update.
        entropy_weight: Weight of the entropy bonus.
    """

    name: ClassVar[str] = "reinforce"
    oracle_class = oracles.Reinforce
    renamed = {"controller_learning_rate": "learning_rate", "controller_batch_size": "batch_size"}

    algorithm: str | None = None
    units: int | None = None
    controller_learning_rate: float | None = None
    controller_batch_size: int | None = None
    entropy_weight: float | None = None


@dataclass(frozen=True)
class Predictor(StrategyMethod):
    """Search guided by a model of what architectures are worth.

    Args:
        predictor: "gp", "forest" or "linear".
        encoding: How architectures are told to the model: "auto", "one_hot", "adjacency" or "path".
        acquisition: "thompson", "ei" or "ucb"; by the size of the space when None.
        initial: Random architectures first; a fifth of the trials, at most 20, when None.
        features: Whether the model is told what zero-cost proxies say of an architecture too.
        screen: Share of the architectures that the model compares, those that zero-cost proxies rank best; 1 for all.
        candidates: Random architectures that it looks at; 2,000 when None, with proxies, which take a second each, 30.
        mutations: Mutations that it looks at beside them; 300 when None, with proxies 30.
        **others: Those of ``StrategyMethod``.
    """

    name: ClassVar[str] = "predictor"
    oracle_class = oracles.Predictor

    predictor: str | None = None
    encoding: str | None = None
    acquisition: str | None = None
    initial: int | None = None
    features: bool = False
    screen: float = 1.0
    candidates: int | None = None
    mutations: int | None = None

    @property
    def asks_scorer(self) -> bool:
        return super().asks_scorer or self.features or self.screen != 1

    def chosen(self, max_trials: int | None) -> dict[str, Any]:
        asked = self.features or self.screen != 1
        few = {"candidates": 30, "mutations": 30} if asked else {"candidates": None, "mutations": None}
        return {"initial": 20 if max_trials is None else min(20, max(3, max_trials // 5)), **few}


def _population(max_trials: int | None, most: int) -> int:
    """A quarter of the trials, so that a search has some generations."""
    return most if max_trials is None else min(most, max(4, max_trials // 4))
