"""Search guided by a model of what architectures are worth.

Reference: White, Neiswanger, Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
Search", AAAI 2021, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autonas_keras.checks import check_count, check_share
from autonas_keras.spaces import Architecture, Option, Space
from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.encoding import Encoder
from autonas_keras.strategies.mutation import mutate_cell
from autonas_keras.strategies.surrogate import ACQUISITIONS, acquire, make_surrogate, targets
from autonas_keras.strategies.vote import rank_vote, told

# In larger spaces the luckiest of many independent draws is too often far from good: expected improvement found better
# architectures there, and Thompson sampling found more optima of published tables.
DRAWN = 1_000_000
FARTHEST = 3.0  # standard deviations that what a scorer says counts as at most


class Predictor(Strategy):
    """Random architectures first; then a model predicts which of many candidates is best.

    Candidates are mutations of the best so far and random architectures. Rewards are standardised, so that their scale
    does not matter, and a failed architecture is only not proposed again. The cost of a step does not grow
    with the history beyond looking for its best.

    Args:
        space: What is searched.
        predictor: "gp" (Gaussian process), "forest" (random forest), "linear" (Bayesian ridge regression), or any
            object with ``fit(x, y)`` and ``predict(x)``; copies of it are fitted to bootstrap samples, unless its
            ``predict`` takes ``return_std``.
        encoding: "auto", "one_hot", "adjacency" or "path", as ``Encoder`` has them.
        acquisition: "thompson", "ei" or "ucb"; None takes "thompson" in spaces of up to a million architectures, and
            "ei" in larger ones.
        initial: Random architectures that are observed before the model is asked.
        candidates: Random architectures that the model compares for each proposal; a space of no more is compared whole.
        mutations: Mutations that it compares beside them.
        parents: Number of best architectures that are mutated.
        beta: Weight of the standard deviation in "ucb".
        most: Most observations that the model is fitted to: half the best, half the latest of the others.
        every: Observations between two fits; None leaves it to the predictor (1, and 5 for forests and objects).
        features: Whether the model is told what ``scorer`` says of an architecture too; it is asked once for each
            candidate, so where that takes time, let there be fewer.
        screen: Share of the candidates that the model compares, those that ``scorer`` ranks best; 1 compares all.
        **kwargs: As ``Strategy`` takes them.

    Raises:
        ValueError: When a name is unknown, a number not positive or no probability, or there is no scorer for features.
    """

    def __init__(
        self,
        space: Space,
        predictor: Any = "gp",
        encoding: str = "auto",
        acquisition: str | None = None,
        initial: int = 20,
        candidates: int = 2000,
        mutations: int = 300,
        parents: int = 10,
        beta: float = 1.0,
        most: int = 400,
        every: int | None = None,
        features: bool = False,
        screen: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(space, **kwargs)
        self.features, self.screen = bool(features), check_share("screen", screen)
        if self.screen == 0:
            raise ValueError("Expected screen to be above 0, got 0; nothing would be left to compare.")
        if self.scorer is None and (self.features or self.screen < 1):
            raise ValueError("Expected a scorer, a function of architectures, with features or screen, got None.")
        if acquisition is not None and acquisition not in ACQUISITIONS:
            raise ValueError(f"Expected an acquisition of {ACQUISITIONS} or None, got {acquisition!r}.")
        if isinstance(beta, bool) or not isinstance(beta, (int, float)) or not 0 <= beta < float("inf"):
            raise ValueError(f"Expected beta to be a number that is not negative, got {beta!r}.")
        self.predictor, self.acquisition, self.beta = predictor, acquisition, float(beta)
        self.encoding, self.every = encoding, every if every is None else check_count("every", every)
        self.initial = check_count("initial", initial, 2)
        self.candidates, self.mutations = check_count("candidates", candidates), check_count("mutations", mutations, 0)
        self.parents, self.most = check_count("parents", parents), check_count("most", most, 2)
        self._encoder = Encoder(space, encoding)
        whole = list(space.enumerate()) if space.size <= self.candidates else []
        self._whole = self._encoder.indices(whole)
        self._seed = int(self.rng.integers(2**31))
        self._earlier: dict[str, float] = {}  # by code, what an earlier search tells the model
        self._told: dict[bytes, np.ndarray] = {}  # what the scorer said, by encoder indices
        self._start()

    def _start(self) -> None:
        # Every observation in its order, with its encoder indices; one that came twice stands twice.
        self._log: list[tuple[str, float]] = []
        self._indices: list[np.ndarray] = []
        self._fitted = 0  # how many of them the model has seen
        self._surrogate: Any = make_surrogate(self.predictor)
        self._best = -np.inf
        self._ready = False
        self._queue: list[np.ndarray] | None = None

    def begin(
        self, history: Sequence[tuple[Mapping[str, Option], float]], state: Mapping[str, Any] | None = None
    ) -> None:
        """Let the model learn from what an earlier search on this space found, so that none are drawn at random.

        Rewards of different searches are compared by their standing within their own. What is observed here counts
        instead of what was observed there.
        """
        super().begin(history)
        history = [pair for pair in history if math.isfinite(pair[1])]
        codes = [self.code(self.space.architecture(architecture)) for architecture, _ in history]
        values = targets([reward for _, reward in history]).tolist() if history else []
        self._earlier = dict(zip(codes, values, strict=True))

    def _suggest(self) -> Architecture:
        if len(self._log) < (1 if len(self._earlier) > 1 else self.initial):
            return self.space.sample(self.rng)
        if self._queue is None:
            self._queue = self._ranked()
        while self._queue:
            architecture = self.space.decode(self._queue.pop())
            known = self.unique and self.code(architecture) in self._known
            # What is beyond the limits is passed by: often all that is thought best is too large.
            if not known and self.within(architecture):
                return architecture
        return self.space.sample(self.rng)

    def _proposed(self, architecture: Architecture) -> None:
        self._queue = None

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        if reward is not None:
            self._log.append((self.code(architecture), float(reward)))  # type: ignore[arg-type]
            self._indices.append(self._encoder.indices([architecture])[0])

    def _ranked(self) -> list[np.ndarray]:
        """Indices of candidates, those of the one to propose last."""
        every = self.every or self._surrogate.every
        due = not self._fitted or len(self._log) - self._fitted >= every
        if due or not self._ready:
            self._fit(len(self._log) if due else self._fitted)
        found = self._whole if len(self._whole) else self._drawn()
        if self.screen < 1:
            votes = rank_vote(self._said(found))
            found = found[np.argsort(-votes, kind="stable")[: max(1, round(self.screen * len(found)))]]
        mean, deviation = self._surrogate.predict(self._columns(found))
        acquisition = self.acquisition or ("thompson" if self.space.size <= DRAWN else "ei")
        wanted = acquire(acquisition, mean, deviation, self._best, self.beta, self.rng)
        return list(found[np.argsort(wanted, kind="stable")])

    def _drawn(self) -> np.ndarray:
        """Indices of mutations of the best so far and of random architectures, each once."""
        parents = self._top()
        mutated = [mutate_cell(self.space, parents[i % len(parents)], self.rng) for i in range(self.mutations)]
        drawn = self._encoder.draw(self.candidates, self.rng)
        return np.unique(np.concatenate([self._encoder.indices(mutated), drawn]), axis=0)

    def _top(self) -> list[Architecture]:
        """The best architectures so far, each once."""
        rewards = np.array([reward for _, reward in self._log])
        count = min(2 * self.parents, len(rewards))  # some may stand there twice
        best = np.argpartition(-rewards, count - 1)[:count]
        best = best[np.lexsort((best, -rewards[best]))]
        return [self.decode(code) for code in dict.fromkeys(self._log[i][0] for i in best)][: self.parents]

    def _fit(self, count: int) -> None:
        """Fit the model to the first ``count`` observations."""
        rewards = np.array([reward for _, reward in self._log[:count]])
        rows = np.arange(count)
        if count > self.most:
            best = np.zeros(count, dtype=bool)
            best[np.argpartition(-rewards, self.most // 2)[: self.most // 2]] = True
            rows = np.union1d(rows[best], rows[~best][-(self.most - self.most // 2) :])
        y = targets(rewards[rows])
        indices = np.array([self._indices[i] for i in rows])
        if self._earlier:
            y = self._beside_earlier(y, [self._log[i][0] for i in rows])
        highest = float(y.max())
        seen = {code for code, _ in self._log[:count]}
        if earlier := {code: value for code, value in self._earlier.items() if code not in seen}:
            y = np.concatenate([y, list(earlier.values())])
            indices = np.concatenate([indices, self._encoder.indices([self.decode(code) for code in earlier])])
        if self.features:
            said = self._said(indices)
            self._middle, self._spread = said.mean(axis=0), np.maximum(said.std(axis=0), 1e-9)
        x = self._columns(indices)
        self._surrogate.fit(x, y, (self._seed + count) % 2**31, count)
        self._best, self._fitted, self._ready = highest, count, True

    def _beside_earlier(self, y: np.ndarray, codes: Sequence[str]) -> np.ndarray:
        """What was observed, on the scale of the earlier search: by what both know, which is its best."""
        both = [place for place, code in enumerate(codes) if code in self._earlier]
        if not both:
            return y
        there, here = np.array([self._earlier[codes[place]] for place in both]), y[both]
        scale = there.std() / here.std() if min(there.std(), here.std()) > 1e-9 else 1.0
        return np.round(there.mean() + scale * (y - here.mean()), 9)

    def _columns(self, indices: np.ndarray) -> np.ndarray:
        """What the model is told of architectures, shape (architectures, columns)."""
        encoded = self._encoder.encode(indices)
        if not self.features:
            return encoded
        scaled = np.clip((self._said(indices) - self._middle) / self._spread, -FARTHEST, FARTHEST)
        return np.concatenate([encoded, scaled], axis=1)

    def _said(self, indices: np.ndarray) -> np.ndarray:
        """What the scorer says of architectures, shape (architectures, proxies); it is asked once for each."""
        new = {row.tobytes(): row for row in indices if row.tobytes() not in self._told}
        if new:
            assert self.scorer is not None
            said = told(self.scorer, [self.space.decode(row) for row in new.values()])
            self._told.update(zip(new, said, strict=True))
        return np.stack([self._told[row.tobytes()] for row in indices])

    def settings(self) -> dict[str, Any]:
        names = ["predictor", "encoding", "acquisition", "initial", "candidates", "mutations", "parents"]
        names += ["beta", "most", "every", "features", "screen"]
        return {**super().settings(), **{name: getattr(self, name) for name in names}}

    def _get(self) -> dict[str, Any]:
        return {
            "log": [list(pair) for pair in self._log],
            "fitted": self._fitted,
            "model_seed": self._seed,
            "surrogate": self._surrogate.get_state(),
            **({"earlier": dict(self._earlier)} if self._earlier else {}),
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        self._start()
        self._log = [(str(code), float(reward)) for code, reward in state["log"]]
        self._indices = list(self._encoder.indices([self.decode(code) for code, _ in self._log]))
        self._fitted, self._seed = int(state["fitted"]), int(state["model_seed"])
        if not 0 <= self._fitted <= len(self._log):
            raise ValueError(f"{self._fitted} of {len(self._log)} observations fitted")
        self._surrogate.set_state(state["surrogate"])
        self._earlier = {self.code(self.decode(code)): float(v) for code, v in state.get("earlier", {}).items()}
