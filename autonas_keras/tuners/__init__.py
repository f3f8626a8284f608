"""Methods by name, and the AutoKeras tuners that carry them out."""

from __future__ import annotations

from autonas_keras.spaces import close_names
from autonas_keras.tuners.asha import Asha, AshaTuner
from autonas_keras.tuners.auto import Choice, Facts, choose, read_choice, write_choice
from autonas_keras.tuners.base import SearchTuner
from autonas_keras.tuners.bignas import BigNas
from autonas_keras.tuners.clock import Clock, check_time_limit
from autonas_keras.tuners.darts import Darts, DartsTuner
from autonas_keras.tuners.enas import Enas
from autonas_keras.tuners.ofa import Ofa
from autonas_keras.tuners.project import SEARCHED, Project, check_project_name, check_removable
from autonas_keras.tuners.published import Published
from autonas_keras.tuners.settings import Method, changed
from autonas_keras.tuners.shared import SharedTuner, Specialized
from autonas_keras.tuners.spos import Spos
from autonas_keras.tuners.strategies import (
    EpsilonGreedy,
    Evolution,
    Genetic,
    LocalSearch,
    Predictor,
    Random,
    Reinforce,
    StrategyMethod,
)
from autonas_keras.tuners.trials import Bayesian, Greedy, Hyperband, TrialTuner

METHODS = (
    Darts,
    Spos,
    Enas,
    Ofa,
    BigNas,
    Evolution,
    Genetic,
    Reinforce,
    LocalSearch,
    Predictor,
    EpsilonGreedy,
    Random,
    Greedy,
    Bayesian,
    Hyperband,
    Asha,
    Published,
)
TUNERS: dict[str, type[Method]] = {method.name: method for method in METHODS}


def get_method(tuner: str | Method | type[Method], **settings: object) -> Method:
    """The method of a name, class or object, with settings changed.

    Raises:
        ValueError: When the name is unknown (close names are given).
        TypeError: When it is none of these, or has no such setting.
    """
    if isinstance(tuner, str):
        if tuner not in TUNERS:
            raise ValueError(f"Expected the name of a tuner, got {tuner!r}{close_names(tuner, TUNERS)}.")
        tuner = TUNERS[tuner]
    if isinstance(tuner, type) and issubclass(tuner, Method):
        tuner = tuner()
    if not isinstance(tuner, Method):
        raise TypeError(f"Expected a tuner by name, or one of autonas_keras.tuners, got {tuner!r}.")
    return changed(tuner, dict(settings))


__all__ = [
    "SEARCHED",
    "TUNERS",
    "Asha",
    "AshaTuner",
    "Bayesian",
    "BigNas",
    "Choice",
    "Clock",
    "Darts",
    "DartsTuner",
    "Enas",
    "EpsilonGreedy",
    "Evolution",
    "Facts",
    "Genetic",
    "Greedy",
    "Hyperband",
    "LocalSearch",
    "Method",
    "Ofa",
    "Predictor",
    "Project",
    "Published",
    "Random",
    "Reinforce",
    "SearchTuner",
    "SharedTuner",
    "Specialized",
    "Spos",
    "StrategyMethod",
    "TrialTuner",
    "check_project_name",
    "check_removable",
    "check_time_limit",
    "choose",
    "get_method",
    "read_choice",
    "write_choice",
]
