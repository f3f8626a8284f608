"""What all strategies share: proposals within limits, not twice, by one generator, and state as JSON."""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from autonas_keras.spaces import Architecture, Option, Space
from autonas_keras.strategies.mutation import mutate_decision
from autonas_keras.strategies.pareto import compromise
from autonas_keras.strategies.vote import Scorer, make_warm_up

DRAWS = 500  # suggestions in a row that may be dropped before what is left is looked for without the strategy
REFUSALS = 200  # of these, so many may be dropped for being beyond the limits
LISTED = 100_000  # spaces up to this size are looked through point by point
CLIMBS, STEPS = 4, 500  # in larger ones, so many walks towards the limits of so many steps

Reward = float | tuple[float, ...]
Costs = Callable[[Architecture], Mapping[str, float]]


class Strategy(ABC):
    """Says which architecture comes next, and learns from what it was worth.

    Example::

        strategy = RegularizedEvolution(space, seed=0)
        while (architecture := strategy.propose()) is not None:
            strategy.observe(architecture, accuracy(architecture))

    Several proposals may be under way at once, and come back in any order or never.

    Args:
        space: What is searched.
        seed: Seed of everything drawn; None takes one from the system.
        unique: Whether an architecture is proposed once only. What a subclass learns from repeats, it learns from the
            reward that is known.
        limits: Upper bounds by name of what ``costs`` counts; nothing beyond them is proposed.
        costs: Function that counts costs of an architecture, such as {"params": 1e6}.
        scorer: Function of a list of architectures that says cheaply, by one or more numbers for each, which are better.
        warmup: So many first proposals are those that the scorer ranks best in a random sample.
        warmup_sample: Architectures of that sample; five times as many when None.

    Raises:
        ValueError: When limits are given without costs, or name a cost that ``costs`` does not count, or a warm-up
            without a scorer.
        TypeError: When ``space`` is not a Space.
    """

    objectives = 1  # numbers in a reward; 0 for any number
    takes_over = 5  # of an earlier search, so many of the best architectures are proposed first

    def __init__(
        self,
        space: Space,
        *,
        seed: int | None = None,
        unique: bool = True,
        limits: Mapping[str, float] | None = None,
        costs: Costs | None = None,
        scorer: Scorer | None = None,
        warmup: int = 0,
        warmup_sample: int | None = None,
    ) -> None:
        if not isinstance(space, Space):
            raise TypeError(f"Expected a Space to search, got {type(space).__name__}.")
        check_seed(seed)
        self.space, self.seed, self.unique = space, seed, bool(unique)
        self.limits, self.costs = check_limits(limits, costs), costs
        self.scorer, self.warmup, self.warmup_sample = scorer, warmup, warmup_sample
        self._warm_up = make_warm_up(scorer, warmup, warmup_sample)
        self._first: list[str] = []  # codes that an earlier search gave, the next to propose first
        self.rng = np.random.default_rng(seed)
        # What was proposed or observed, by its code: None while under way, () when it failed.
        self._known: dict[str, Reward | None] = {}
        self._architectures: dict[str, Architecture] = {}
        self._attempt = 0  # suggestions that the proposal under way has dropped
        self._size = space.size
        self._codes: list[str] | None = None
        self._over: tuple[Costs | None, dict[str, float], set[str]] = (None, {}, set())
        self._nearest: tuple[float, dict[str, float]] | None = None

    # The interface

    def propose(self) -> Architecture | None:
        """The next architecture, or None when nothing is left to propose.

        Raises:
            ValueError: When no architecture within the limits was found; the nearest that was is named.
        """
        if self.unique and len(self._known) >= self._size:
            return None
        refused: list[Architecture] = []
        for self._attempt in range(DRAWS):
            architecture = self._given() or self._suggest()
            if architecture is None:
                return None
            code = self.code(architecture)
            if self.unique and code in self._known:
                self._repeat(architecture, self._known[code])
            elif self.within(architecture):
                return self._take(architecture, code)
            else:
                refused.append(architecture)
                if len(refused) == REFUSALS:
                    break
        return self._left(refused)

    def observe(self, architecture: Mapping[str, Option], reward: float | Sequence[float] | None) -> None:
        """Learn that ``architecture`` was worth ``reward``; larger is better, None or what is not finite: it failed.

        Raises:
            ValueError: When it is no point of the space, or the reward has the wrong number of objectives.
        """
        if not isinstance(architecture, Architecture) or architecture.space is not self.space:
            architecture = self.space.architecture(architecture)
        value = self._reward(reward)
        code = self.code(architecture)
        self._known[code] = () if value is None else value
        self._architectures[code] = architecture
        self._learn(architecture, value)

    def begin(
        self, history: Sequence[tuple[Mapping[str, Option], float]], state: Mapping[str, Any] | None = None
    ) -> None:
        """Take over what an earlier search on this space found, before anything is proposed.

        The best architectures of it are proposed first: what they are worth here is another matter. A strategy that
        learns more of it says so.

        Args:
            history: Architectures and what they were worth there, larger is better; what is not finite is left out.
            state: ``get_state`` of the strategy of that search.

        Raises:
            ValueError: When an architecture is no point of the space, or the state is of another kind or size.
        """
        ranked = sorted((pair for pair in history if math.isfinite(pair[1])), key=lambda pair: pair[1], reverse=True)
        codes = [self.code(self.space.architecture(architecture)) for architecture, _ in ranked]
        self._first = list(dict.fromkeys(codes))[: self.takes_over]

    @property
    def history(self) -> list[tuple[Architecture, Reward]]:
        """What was observed and did not fail, each architecture once with its last reward."""
        return [(self._architectures[code], reward) for code, reward in self._known.items() if reward not in (None, ())]  # type: ignore[misc]

    @property
    def best(self) -> Architecture | None:
        """The architecture of the largest reward, the first of equal ones; None before the first observation.

        With several objectives it is the one of the Pareto front that comes nearest to the best value of each.
        """
        history = self.history
        if not history:
            return None
        if self.objectives == 1:
            return max(history, key=lambda pair: pair[1])[0]
        return history[compromise([reward for _, reward in history])][0]  # type: ignore[misc]

    def get_state(self) -> dict[str, Any]:
        """All that a new object with the same arguments needs to go on, as JSON knows it."""
        return {
            "strategy": type(self).__name__,
            "space": self._fingerprint(),
            "rng": self.rng.bit_generator.state,
            "known": [[code, list(r) if isinstance(r, tuple) else r] for code, r in self._known.items()],
            **({"first": list(self._first)} if self._first else {}),
            **({} if self._warm_up is None else {"warm_up": self._warm_up.get_state()}),
            **self._get(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``get_state`` gave.

        Raises:
            ValueError: When the state is not that of such a strategy on this space; then nothing changes.
        """
        before = self.get_state()
        try:
            if state["strategy"] != type(self).__name__ or state["space"] != self._fingerprint():
                raise ValueError(f"it is of {state['strategy']} on another space or with other options")
            self._restore(state)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self._restore(before)
            raise ValueError(
                f"Expected the state of a {type(self).__name__} on this space, got another one ({error})."
            ) from error

    # What a subclass says; only the first has to be said

    @abstractmethod
    def _suggest(self) -> Architecture | None:
        """Any architecture; repeats and those beyond the limits are dropped, and it is asked again."""

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:  # noqa: B027
        """Take in one observation; None: it failed."""

    def _repeat(self, architecture: Architecture, reward: Reward | None) -> None:  # noqa: B027
        """A suggestion was made before; ``reward`` is None when unknown and () when it failed."""

    def _proposed(self, architecture: Architecture) -> None:  # noqa: B027
        """An architecture leaves ``propose``."""

    def _get(self) -> dict[str, Any]:
        """State beyond the generator and what is known."""
        return {}

    def _set(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """The inverse of ``_get``."""

    # Codes

    def code(self, architecture: Mapping[str, Option]) -> str:
        """The architecture as a short text, its option indices; ``decode`` turns it back."""
        found = []
        for name, choice in self.space.named.items():
            found.append(str(choice.options.index(architecture[name])) if name in architecture else "")
        return ".".join(found)

    def decode(self, code: str) -> Architecture:
        """The architecture of a ``code``."""
        if code not in self._architectures:
            self._architectures[code] = self.space.decode([int(part or -1) for part in code.split(".")])
        return self._architectures[code]

    def knows(self, code: str) -> bool:
        """Whether the architecture of a ``code`` was proposed or observed."""
        return code in self._known

    # Inner life

    def _given(self) -> Architecture | None:
        """What an earlier search or the warm-up wants to be proposed next, None when nothing is left of it."""
        if self._first:
            return self.decode(self._first.pop(0))
        return None if self._warm_up is None else self._warm_up.suggest(self)

    def _take(self, architecture: Architecture, code: str) -> Architecture:
        self._known.setdefault(code, None)
        self._architectures[code] = architecture
        self._proposed(architecture)
        return architecture

    def within(self, architecture: Architecture) -> bool:
        """Whether the architecture is within the limits."""
        return not self.limits or self._excess(architecture) == 0

    def _excess(self, architecture: Architecture) -> float:
        """By how much the limits are passed, as the sum of the shares of each."""
        if not self.limits:
            return 0.0
        assert self.costs is not None
        found = self.costs(architecture)
        for name in self.limits:
            if name not in found:
                raise ValueError(f"Expected costs that count the limited {name!r}, got {sorted(found)}.")
        values = {name: float(found[name]) for name in self.limits}
        excess = sum(0.0 if values[name] <= limit else values[name] / limit - 1 for name, limit in self.limits.items())
        excess = math.inf if math.isnan(excess) else excess
        if excess > 0 and (self._nearest is None or excess < self._nearest[0]):
            self._nearest = excess, values
        return excess

    def _left(self, refused: list[Architecture]) -> Architecture | None:
        """One of the points that are left, after suggestions found none."""
        found = self._listed() if self._size <= LISTED else self._climbed(refused)
        if found is not None:
            return self._take(found, self.code(found))
        if self._nearest is not None and not any(self.within(self.decode(code)) for code in self._known):
            asked = ", ".join(f"{name} <= {limit:,.6g}" for name, limit in self.limits.items())
            nearest = ", ".join(f"{name} <= {value:,.6g}" for name, value in self._nearest[1].items())
            raise ValueError(
                f"Expected limits that some architecture meets, got {asked}; the nearest feasible value found is {nearest}."
            )
        return None

    def _listed(self) -> Architecture | None:
        """A point of a small space that may be proposed, uniformly."""
        if self._codes is None:
            self._codes = [self.code(architecture) for architecture in self.space.enumerate()]
        if self._over[0] is not self.costs or self._over[1] != self.limits:
            self._over = self.costs, dict(self.limits), set()
        over = self._over[2]
        # The draw depends on what is known only, so that it is the same after a resume; `over` saves counting again.
        codes = [code for code in self._codes if not (self.unique and code in self._known)]
        for index in self.rng.permutation(len(codes)).tolist():
            if codes[index] not in over:
                architecture = self.decode(codes[index])
                if self.within(architecture):
                    return architecture
                over.add(codes[index])
        return None

    def _climbed(self, refused: list[Architecture]) -> Architecture | None:
        """A point of a large space that may be proposed, from the nearest refused one by mutations that cost less."""
        for climb in range(CLIMBS):
            starts = refused if refused and not climb else [self.space.sample(self.rng)]
            excess, architecture = min(((self._excess(a), a) for a in starts), key=lambda pair: pair[0])
            for _ in range(STEPS):
                if excess == 0 and not (self.unique and self.code(architecture) in self._known):
                    return architecture
                changed = mutate_decision(self.space, architecture, self.rng)
                found = self._excess(changed)
                if found <= excess:
                    excess, architecture = found, changed
        return None

    def _reward(self, reward: float | Sequence[float] | None) -> Reward | None:
        if reward is None:
            return None
        try:
            if isinstance(reward, (str, bytes)):
                raise TypeError
            if self.objectives == 1:
                number = float(reward)  # type: ignore[arg-type]
                return number if math.isfinite(number) else None
            values = tuple(np.asarray(reward, dtype=float).tolist())
        except (TypeError, ValueError) as error:
            numbers = "one number" if self.objectives == 1 else "several numbers"
            raise ValueError(f"Expected {numbers} as the reward, got {reward!r}.") from error
        expected = self.objectives or next((len(r) for r in self._known.values() if isinstance(r, tuple) and r), 0)
        if len(values) < 2 or (expected and len(values) != expected):
            raise ValueError(f"Expected a reward of {expected or 'several'} objectives, got {reward!r}.")
        return values if all(map(math.isfinite, values)) else None

    def _fingerprint(self) -> int:
        return zlib.crc32(repr([(choice.name, choice.options, under) for choice, under in self.space.walk()]).encode())

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.rng.bit_generator.state = state["rng"]
        self._architectures, self._known = {}, {}
        for code, reward in state["known"]:
            if self.code(self.decode(code)) != code:
                raise ValueError(f"{code!r} names no architecture")
            value = self._reward(reward) if reward != [] else ()
            if value is None and reward is not None:
                raise ValueError(f"{reward!r} is no reward")
            self._known[code] = value
        self._first = [self.code(self.decode(code)) for code in state.get("first", [])]
        if self._warm_up is not None:
            self._warm_up.set_state(state["warm_up"], self)
        self._set(state)

    def fresh(self, space: Space, seed: int | None) -> Self:
        """A new strategy of the same settings on another space."""
        return type(self)(space, **{**self.settings(), "seed": seed})

    def settings(self) -> dict[str, Any]:
        """The arguments other than the space, by name; a subclass adds its own."""
        return {
            "seed": self.seed,
            "unique": self.unique,
            "limits": dict(self.limits) or None,
            "costs": self.costs,
            "scorer": self.scorer,
            "warmup": self.warmup,
            "warmup_sample": self.warmup_sample,
        }


def check_seed(seed: Any) -> None:
    """Refuse what is not a seed.

    Raises:
        ValueError: When it is neither None nor an integer that is not negative.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
        raise ValueError(f"Expected seed to be an integer that is not negative, or None, got {seed!r}.")


def check_limits(limits: Mapping[str, float] | None, costs: Costs | None) -> dict[str, float]:
    """The limits as a dictionary.

    Raises:
        ValueError: When a limit is not a positive number, or there is nothing that counts it.
    """
    if limits is not None and not isinstance(limits, Mapping):
        raise ValueError(f"Expected limits to be numbers by name, got {limits!r}.")
    found = dict(limits or {})
    for name, limit in found.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, float, np.number)) or not limit > 0:
            raise ValueError(f"Expected the limit of {name!r} to be a positive number, got {limit!r}.")
    if found and costs is None:
        raise ValueError(f"Expected costs, a function that counts {sorted(found)}, with limits, got None.")
    return found
