"""Local search: uphill over the neighbours of an architecture, again and again from random ones.

Reference: White, Nolen, Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autonas_keras.checks import check_count
from autonas_keras.spaces import Architecture, Space
from autonas_keras.strategies.base import Reward, Strategy

IMPROVEMENTS = ("first", "best")


class LocalSearch(Strategy):
    """Climbs from an architecture to better neighbours, and begins anew from random ones when none is better.

    Neighbours are those of ``space.neighbours``, in random order. Without repeats those that are known already are
    compared without being proposed. While the last neighbours are under way the next starts are proposed.

    Args:
        space: What is searched.
        starts: Random architectures before each climb, which begins from the best of them.
        improvement: "first" goes to a better neighbour as soon as one is known, "best" to the best of all of them.
        **kwargs: ``seed``, ``unique``, ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When ``starts`` is not positive or ``improvement`` is unknown.
    """

    def __init__(self, space: Space, starts: int = 5, improvement: str = "first", **kwargs: Any) -> None:
        super().__init__(space, **kwargs)
        self.starts = check_count("starts", starts)
        if improvement not in IMPROVEMENTS:
            raise ValueError(f"Expected an improvement of {IMPROVEMENTS}, got {improvement!r}.")
        self.improvement = improvement
        self._at: tuple[str, float] | None = None
        self._around: set[str] = set()
        self._queue: list[str] = []  # neighbours that are still to be proposed
        self._better: tuple[str, float] | None = None  # the best neighbour that beats where we stand
        self._sent: list[str] = []  # starts under way
        self._back: list[tuple[str, float]] = []  # starts of the next climb

    def _suggest(self) -> Architecture:
        while not self._queue:
            if self._better is not None:
                self._climb(*self._better)
            elif len(self._back) >= self.starts:
                best = max(self._back, key=lambda pair: pair[1])
                self._back = []
                self._climb(*best)
            else:
                return self.space.sample(self.rng)
        return self.decode(self._queue.pop())

    def _proposed(self, architecture: Architecture) -> None:
        code = self.code(architecture)
        if code not in self._around:
            self._sent.append(code)

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        code = self.code(architecture)
        is_start = code in self._sent
        if is_start:
            self._sent.remove(code)
        if reward is None:
            return
        assert isinstance(reward, float)
        if is_start or self._at is None:
            self._back.append((code, reward))
        elif reward > self._at[1]:
            # What nobody asked for, or comes back late, is where to climb when it is better.
            (self._improve if code in self._around else self._climb)(code, reward)

    def _improve(self, code: str, reward: float) -> None:
        if self.improvement == "first":
            self._climb(code, reward)
        elif self._better is None or reward > self._better[1]:
            self._better = code, reward

    def _climb(self, code: str, reward: float) -> None:
        """Stand at an architecture and line up its neighbours."""
        self._at, self._better = (code, reward), None
        near = [self.code(neighbour) for neighbour in self.space.neighbours(self.decode(code))]
        self._around = set(near)
        self._queue = [near[i] for i in self.rng.permutation(len(near)).tolist()]
        if not self.unique:
            return
        values = {name: self._known[name] for name in self._queue if name in self._known}
        self._queue = [name for name in self._queue if name not in values]
        better = {name: value for name, value in values.items() if isinstance(value, float) and value > reward}
        if better:
            best = max(better, key=better.__getitem__)
            self._improve(best, better[best])

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "starts": self.starts, "improvement": self.improvement}

    def _get(self) -> dict[str, Any]:
        return {
            "at": None if self._at is None else list(self._at),
            "queue": list(self._queue),
            "better": None if self._better is None else list(self._better),
            "sent": list(self._sent),
            "back": [list(pair) for pair in self._back],
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        self._at, self._better = (self._pair(state[name]) if state[name] else None for name in ("at", "better"))
        self._queue, self._sent = ([self.code(self.decode(code)) for code in state[name]] for name in ("queue", "sent"))
        self._back = [self._pair(pair) for pair in state["back"]]
        near = [] if self._at is None else self.space.neighbours(self.decode(self._at[0]))
        self._around = {self.code(neighbour) for neighbour in near}

    def _pair(self, pair: list[Any]) -> tuple[str, float]:
        code, reward = pair
        return self.code(self.decode(code)), float(reward)
