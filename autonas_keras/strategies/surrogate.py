"""Models that say what an architecture is probably worth, and how sure they are; and what follows for the next one."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

ACQUISITIONS = ("thompson", "ei", "ucb")


class Surrogate(ABC):
    """A regression model with a standard deviation for each prediction."""

    every = 1  # observations between two fits

    @abstractmethod
    def fit(self, x: np.ndarray, y: np.ndarray, seed: int, observed: int) -> None:
        """Fit ``y`` of shape (samples,) to ``x`` of shape (samples, columns).

        Args:
            x: Encoded architectures.
            y: What they are worth, standardised.
            seed: Seed of all randomness; the same arguments give the same model.
            observed: Number of observations so far, of which ``x`` may be a part.
        """

    @abstractmethod
    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation for each row of ``x``, each of shape (rows,)."""

    def get_state(self) -> dict[str, Any]:
        """What the next ``fit`` takes over from earlier ones, as JSON knows it."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """The inverse of ``get_state``."""
        if state:
            raise ValueError(f"Expected no state for {type(self).__name__}, got {sorted(state)}.")


class GaussianProcess(Surrogate):
    """A Gaussian process with a Matern 5/2 kernel; its hyperparameters maximise the marginal likelihood.

    They are looked for anew when a quarter more was observed than last time.

    Reference: Rasmussen, Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1 and section 5.4.
    """

    def __init__(self) -> None:
        self._theta: list[float] | None = None
        self._tuned_at = 0

    def fit(self, x: np.ndarray, y: np.ndarray, seed: int, observed: int) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(3.0, (0.3, 100.0), nu=2.5) + WhiteKernel(0.1, (1e-3, 1.0))
        with warnings.catch_warnings():
            # A hyperparameter at its bound is no trouble, as is an optimiser that stops early.
            warnings.simplefilter("ignore")
            if self._theta is None or 4 * observed >= 5 * self._tuned_at:
                tuned = GaussianProcessRegressor(kernel, alpha=1e-8, random_state=seed).fit(x, y)
                self._theta, self._tuned_at = [float(value) for value in tuned.kernel_.theta], observed
            # From the numbers that are saved, so that a resumed search has the same model to the bit.
            kernel = kernel.clone_with_theta(np.array(self._theta))
            self._model = GaussianProcessRegressor(kernel, alpha=1e-8, optimizer=None).fit(x, y)
        white = self._model.kernel_.k2.noise_level
        self._noise = float(white)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a variance that rounding made negative is set to zero
            mean, deviation = self._model.predict(x, return_std=True)
        # What is uncertain is the worth itself, not another measurement of it.
        return mean, np.sqrt(np.maximum(deviation**2 - self._noise, 0.0))

    def get_state(self) -> dict[str, Any]:
        return {"theta": self._theta, "tuned_at": self._tuned_at}

    def set_state(self, state: Mapping[str, Any]) -> None:
        theta = state["theta"]
        self._theta = None if theta is None else [float(value) for value in theta]
        self._tuned_at = int(state["tuned_at"])


class Forest(Surrogate):
    """A random forest; the deviation is that of its trees."""

    every = 5

    def fit(self, x: np.ndarray, y: np.ndarray, seed: int, observed: int) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self._model = RandomForestRegressor(100, max_features=0.5, random_state=seed, n_jobs=1).fit(x, y)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = np.stack([tree.predict(x) for tree in self._model.estimators_])
        return found.mean(axis=0), found.std(axis=0)


class Linear(Surrogate):
    """Bayesian ridge regression."""

    def fit(self, x: np.ndarray, y: np.ndarray, seed: int, observed: int) -> None:
        from sklearn.linear_model import BayesianRidge

        self._model = BayesianRidge().fit(x, y)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, deviation = self._model.predict(x, return_std=True)
        return mean, np.sqrt(np.maximum(deviation**2 - 1.0 / self._model.alpha_, 0.0))


class Ensemble(Surrogate):
    """Copies of any object with ``fit(x, y)`` and ``predict(x)``, each fitted to a bootstrap sample.

    The deviation is that of the copies. A model whose ``predict`` takes ``return_std`` is fitted once, to all.

    Args:
        model: The object; it is copied, never fitted itself.
        size: Number of copies.
    """

    every = 5

    def __init__(self, model: Any, size: int = 5) -> None:
        self.model, self.size = model, size
        self._own = "return_std" in inspect.signature(model.predict).parameters

    def fit(self, x: np.ndarray, y: np.ndarray, seed: int, observed: int) -> None:
        rng = np.random.default_rng(seed)
        self._models = []
        for _ in range(1 if self._own else self.size):
            rows = np.arange(len(y)) if self._own else rng.integers(len(y), size=len(y))
            model = copy.deepcopy(self.model)
            if hasattr(model, "get_params") and "random_state" in model.get_params():
                model.set_params(random_state=int(rng.integers(2**31)))
            model.fit(x[rows], y[rows])
            self._models.append(model)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self._own:
            mean, deviation = self._models[0].predict(x, return_std=True)
            return np.asarray(mean), np.asarray(deviation)
        found = np.stack([np.asarray(model.predict(x), dtype=float).reshape(len(x)) for model in self._models])
        return found.mean(axis=0), found.std(axis=0)


PREDICTORS: dict[str, type[Surrogate]] = {"gp": GaussianProcess, "forest": Forest, "linear": Linear}


def make_surrogate(predictor: Any) -> Surrogate:
    """The surrogate of a name, or of an object with ``fit`` and ``predict``.

    Raises:
        ValueError: When the name is unknown, or the object lacks a method.
    """
    if isinstance(predictor, str) and predictor in PREDICTORS:
        return PREDICTORS[predictor]()
    if isinstance(predictor, type) or not all(callable(getattr(predictor, name, None)) for name in ("fit", "predict")):
        raise ValueError(
            f"Expected a predictor of {tuple(PREDICTORS)}, or an object with fit(x, y) and predict(x), got {predictor!r}."
        )
    return Ensemble(predictor)


def normal_scores(rewards: Sequence[float] | np.ndarray) -> np.ndarray:
    """The rewards by their ranks alone, as quantiles of a normal distribution, with mean 0 and deviation 1.

    Equal rewards share a rank, and all zeros come back where all are equal. Shape (rewards,).
    """
    _, group, counts = np.unique(np.asarray(rewards, dtype=float), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    normal = NormalDist()
    return _standard(np.array([normal.inv_cdf(float(rank)) for rank in middle / len(group)])[group])


def targets(rewards: Sequence[float] | np.ndarray) -> np.ndarray:
    """What a model is fitted to: the mean of the normal scores and of the rewards clipped at their median.

    Both are standardised, and so is what comes back. How bad the lower half is, which networks that hardly learn
    decide, says nothing about where the best is; how much better the upper half is, does. Shape (rewards,).
    """
    values = np.asarray(rewards, dtype=float)
    values = values / max(float(np.abs(values).max()), np.finfo(float).tiny)  # no overflow below
    found = _standard(normal_scores(values) + _standard(np.maximum(values, np.median(values))))
    # Rewards on another scale round differently; what is proposed must not.
    return np.round(found, 9)


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 1e-12 else np.zeros(len(values))


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """How far a normal variable is expected above ``best``: d z Phi(z) + d phi(z) with z = (mean - best) / d.

    Reference: Jones, Schonlau, Welch, "Efficient Global Optimization", 1998, equation 15.
    """
    safe = np.where(deviation > 0, deviation, 1.0)
    z = (mean - best) / safe
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in z])
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return np.where(deviation > 0, safe * (z * below + density), np.maximum(mean - best, 0.0))


def acquire(
    name: str, mean: np.ndarray, deviation: np.ndarray, best: float, beta: float, rng: np.random.Generator
) -> np.ndarray:
    """How much each candidate asks to be evaluated.

    "thompson" draws each candidate's worth on its own (BANANAS, section 5: independent Thompson sampling), "ei" is the
    expected improvement over ``best``, "ucb" is mean + beta deviation.
    """
    if name == "thompson":
        return mean + deviation * rng.standard_normal(len(mean))
    if name == "ei":
        return expected_improvement(mean, deviation, best)
    return mean + beta * deviation
