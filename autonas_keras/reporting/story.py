"""The story of a search as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies import pareto_front

Curves = Mapping[str, Sequence[float | None]]  # what was reported after each epoch, by name
COSTS = ("params", "flops", "latency_ms")


@dataclass(frozen=True)
class Trial:
    """A network that was trained, or was to be.

    Attributes:
        name: Its id.
        status: "COMPLETED", "FAILED", "RUNNING" and others of KerasTuner.
        score: Value of the objective, None when there is none.
        metrics: Values by name, in the epoch that it is judged by.
        decisions: Hyperparameters.
        architecture: Its architecture in the notation of the space, None when nothing is searched.
        costs: "params", "flops" and what else was counted.
        seconds: How long it took.
        full: Value of the objective after a full training, where the trial itself was cheaper.
        curves: What it reported after each epoch.
        reason: Why it failed, in a sentence, None when it did not.
        message: All that is known about the failure, such as a traceback.
    """

    name: str
    status: str
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    decisions: Mapping[str, Any] = field(default_factory=dict)
    architecture: str | None = None
    costs: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    full: float | None = None
    curves: Curves = field(default_factory=dict)
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Candidate:
    """A network that a supernet judged without training it."""

    architecture: str
    score: float
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Mixture:
    """Weights of options over the epochs of a training: alphas of edges, or the probabilities of a controller.

    Attributes:
        title: What learnt them.
        rows: Names of the edges or choices.
        options: Names of the options of each row.
        values: Weights by epoch, row and option.
    """

    title: str
    rows: Sequence[str]
    options: Sequence[Sequence[str]]
    values: Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Trust:
    """Networks that were judged cheaply and trained in full.

    Attributes:
        measure: What the cheap judgement is.
        pairs: Name, cheap and full value of each, which are better in the same direction.
    """

    measure: str
    pairs: Sequence[tuple[str, float, float]]


@dataclass
class Story:
    """All that the folder of a search says, in the order in which a page tells it."""

    name: str
    finished: bool = False
    written: float | None = None  # when a file of the folder was changed last, in seconds since 1970
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)  # phases, versions and what else the search noted
    objective: str = ""
    direction: str = "max"
    space: Space | None = None
    found: Architecture | None = None
    found_by: str = ""
    decisions: Mapping[str, Any] = field(default_factory=dict)
    layers: Sequence[Mapping[str, Any]] = ()
    trials: Sequence[Trial] = ()
    candidates: Sequence[Candidate] = ()
    trainings: Mapping[str, Curves] = field(default_factory=dict)  # of supernets and the final network, by title
    mixtures: Sequence[Mixture] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    trusts: Sequence[Trust] = ()
    why: str = ""  # why the method was chosen, where nobody named one
    problems: Sequence[str] = ()  # files that could not be read

    @property
    def sign(self) -> int:
        """1 when larger objectives are better, else -1."""
        return 1 if self.direction == "max" else -1

    @property
    def completed(self) -> list[Trial]:
        """The trials that have a score, in their order."""
        return [trial for trial in self.trials if trial.score is not None and trial.status == "COMPLETED"]

    @property
    def failed(self) -> list[Trial]:
        """The trials that failed."""
        return [trial for trial in self.trials if trial.reason is not None]

    @property
    def best(self) -> Trial | None:
        """The completed trial with the best score, that of a full training where there are some."""
        in_full = [trial for trial in self.completed if trial.full is not None]
        if in_full:
            return max(in_full, key=lambda t: self.sign * (t.full or 0.0))
        return max(self.completed, key=lambda t: self.sign * (t.score or 0.0), default=None)

    @property
    def one_shot(self) -> bool:
        """Whether a supernet was searched, whose only trial has the metrics of the supernet."""
        return bool(self.candidates) or any(title.startswith("Search") for title in self.trainings)

    @property
    def quality(self) -> str:
        """The metric that networks are shown by beside their costs: the accuracy where there is one."""
        return "val_accuracy" if any("val_accuracy" in trial.metrics for trial in self.trials) else self.objective


def best_so_far(values: Sequence[float], sign: int) -> list[float]:
    """The best of the values up to each of them."""
    found: list[float] = []
    for value in values:
        found.append(value if not found or sign * value > sign * found[-1] else found[-1])
    return found


def front_of(points: Sequence[tuple[float, float]], sign: int) -> list[int]:
    """Indices of the points (cost, value) that no other beats for the same cost or less, the cheapest first."""
    if not points:
        return []
    front = pareto_front([(sign * value, -cost) for cost, value in points])
    kept: dict[tuple[float, float], int] = {}
    for index in front:
        kept.setdefault(points[index], index)  # of equal networks one is enough
    return sorted(kept.values(), key=lambda index: points[index])


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, the mean of their places for equal values."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = [0.0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[start]]:
            for place in order[start:end]:
                found[place] = (start + 1 + end) / 2
            start = end
    return found


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's rank correlation; None for fewer than three pairs, or where all of a side are equal."""
    if len(pairs) < 3:
        return None
    left, right = ranks([a for a, _ in pairs]), ranks([b for _, b in pairs])
    middle = (len(pairs) + 1) / 2
    spread = [math.sqrt(sum((rank - middle) ** 2 for rank in side)) for side in (left, right)]
    if not spread[0] or not spread[1]:
        return None
    return sum((a - middle) * (b - middle) for a, b in zip(left, right, strict=True)) / (spread[0] * spread[1])
