"""The NASNet controller: a recurrent network that learns by policy gradients which architectures are good.

Reference: Zoph, Le, "Neural Architecture Search with Reinforcement Learning", ICLR 2017, section 3.2 (REINFORCE);
Zoph, Vasudevan, Shlens, Le, "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018, appendix
A.2 (PPO); Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonas_keras.checks import check_count, check_decay, check_positive
from autonas_keras.spaces import Architecture, Option, Space
from autonas_keras.strategies.adam import Adam, pack, unpack
from autonas_keras.strategies.advantages import MovingMoments, normal_scores, surrogate_weights
from autonas_keras.strategies.base import Reward, Strategy
from autonas_keras.strategies.lstm import ControllerNetwork, Rollout

ALGORITHMS = ("reinforce", "ppo")
NORMALIZATIONS = ("rank", "deviation", None)
BLOCK = 16  # architectures drawn at a time, which costs little more than one
FREE = 4  # known rewards that are learned from for one proposal
WINDOW = 1000  # rewards among which a new one is ranked


class Sample(NamedTuple):
    """One architecture to learn from; ``log_prob`` is from when it was drawn, None when it was not drawn here."""

    code: list[int]
    reward: float
    log_prob: float | None


class Reinforce(Strategy):
    """An LSTM samples the decisions one after another and learns from rewards by REINFORCE or PPO.

    After every ``batch_size`` rewards the parameters ascend the mean of ``advantage * log_prob + entropy_weight *
    entropy`` ("ppo": the clipped surrogate in place of the first term, ``epochs`` times). The advantage is the
    normalised reward less its moving average. What is drawn again and known already is learned from for free; the
    further a proposal takes, the more uniformly is drawn, so a controller that has settled still finds new
    architectures. Failed architectures are not learned from: what they are worth is unknown. With a ``prior`` the
    objective loses ``prior_weight`` times the divergence of the decisions from it, as ENAS keeps the rate of its skip
    inputs at 0.4.

    The defaults suit some hundred evaluations. NASNet had 100 units, a learning rate of 3.5e-4 and batches of 20 for
    20,000. ENAS, where a reward is the accuracy on one minibatch, has 64 units, a rate of 3.5e-3 and ``batch_size=1,
    normalize=None, entropy_weight=1e-4, baseline_decay=0.99, tanh_constant=1.1, beta_1=0, epsilon=1e-3, unique=False``.

    Args:
        space: What is searched.
        algorithm: "reinforce" or "ppo".
        units: Width of the LSTM.
        learning_rate: Step size of Adam.
        batch_size: Rewards from one update to the next.
        entropy_weight: Weight of the entropy bonus; rewards that are normalised deviate by about 1.
        baseline_decay: Decay of the moving average; a new reward is in it before its advantage is taken.
        normalize: "rank": the normal score of a reward's rank among the last 1000, which no increasing function of the
            rewards changes and outliers do not disturb; "deviation": rewards over their moving standard deviation;
            None: rewards as they are.
        clip: Largest change of a probability, as a share, that PPO rewards.
        epochs: Passes of PPO over a batch; REINFORCE makes one.
        temperature: Divides the logits of the network.
        tanh_constant: Logits are ``tanh_constant * tanh(logits)``, so no option becomes certain; None for plain logits.
        prior: Probabilities that the options of some choices should have, by the names of these choices.
        prior_weight: Weight of the sum over these choices of the Kullback-Leibler divergence of their probabilities
            from the prior.
        beta_1: Decay of Adam's mean.
        beta_2: Decay of Adam's squares.
        epsilon: Adam's epsilon.
        **kwargs: ``seed``, ``unique``, ``limits`` and ``costs`` as ``Strategy`` takes them.

    Raises:
        ValueError: When a name is unknown or a number out of range.

    Reference: Williams, Machine Learning 8, 1992, equation 11; Schulman et al., arXiv 1707.06347, equation 7.
    """

    def __init__(
        self,
        space: Space,
        algorithm: str = "reinforce",
        *,
        units: int = 64,
        learning_rate: float = 0.02,
        batch_size: int = 10,
        entropy_weight: float = 0.1,
        baseline_decay: float = 0.95,
        normalize: str | None = "rank",
        clip: float = 0.2,
        epochs: int = 3,
        temperature: float = 1.0,
        tanh_constant: float | None = 2.5,
        prior: Mapping[str, Sequence[float]] | None = None,
        prior_weight: float = 0.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        **kwargs: Any,
    ) -> None:
        super().__init__(space, **kwargs)
        self.algorithm = _check_one_of("algorithm", algorithm, ALGORITHMS)
        self.normalize = _check_one_of("normalize", normalize, NORMALIZATIONS)
        self.batch_size, self.epochs = check_count("batch_size", batch_size), check_count("epochs", epochs)
        self.entropy_weight = 0.0 if entropy_weight == 0 else check_positive("entropy_weight", entropy_weight)
        self.prior = {name: [float(share) for share in shares] for name, shares in (prior or {}).items()}
        self.prior_weight = 0.0 if prior_weight == 0 else check_positive("prior_weight", prior_weight)
        self.baseline_decay, self.clip = check_decay("baseline_decay", baseline_decay), check_positive("clip", clip)
        self.network = ControllerNetwork(
            space, units, rng=self.rng, temperature=temperature, tanh_constant=tanh_constant, prior=self.prior
        )
        self.optimizer = Adam(self.network.parameters.size, learning_rate, beta_1, beta_2, epsilon)
        self.baseline = MovingMoments(self.baseline_decay)
        self._drawn: deque[tuple[list[int], float]] = deque()
        self._asked = 0  # suggestions since the last proposal
        self._heat = 0  # doublings of the temperature of draws
        self._last: tuple[Architecture, list[int], float] | None = None
        self._under_way: dict[str, float] = {}
        self._batch: list[Sample] = []
        self._window: deque[float] = deque(maxlen=WINDOW)

    def begin(
        self, history: Sequence[tuple[Mapping[str, Option], float]], state: Mapping[str, Any] | None = None
    ) -> None:
        """Begin with the network of an earlier controller; without one, propose the best of the earlier search first.

        Its baseline and the moments of its optimizer stay behind: they are of other rewards.

        Raises:
            ValueError: When the earlier controller is of another size.
        """
        if state is None or "parameters" not in state:
            super().begin(history)
            return
        try:
            parameters = unpack(state["parameters"], self.network.parameters)
        except ValueError as error:
            raise ValueError(
                f"Expected an earlier controller of {self.network.units} units on this space, got one of another size; "
                "give both searches the same units."
            ) from error
        self.network.parameters[:] = parameters

    # Probabilities

    def log_prob(self, architecture: Mapping[str, Any]) -> float:
        """Natural logarithm of the probability with which the controller draws ``architecture`` now."""
        return float(self._evaluate([self.space.encode(architecture).tolist()]).log_prob[0])

    def entropy(self, samples: int = 64) -> float:
        """Entropy of the controller in nats, estimated from fresh samples that leave its generator alone."""
        rng = np.random.default_rng(0)
        return float(self.network.sample(rng, check_count("samples", samples)).entropy.mean())

    def _evaluate(self, codes: list[list[int]]) -> Rollout:
        return self.network.evaluate(np.array(codes))

    # Proposals

    def _suggest(self) -> Architecture:
        if not self._drawn:
            # Up when a whole block brought nothing new, and down again step by step.
            self._heat = min(self._heat + 1, 30) if self._asked >= BLOCK else max(self._heat - 1, 0)
            rollout = self.network.sample(self.rng, BLOCK, 2.0**self._heat)
            self._drawn.extend(zip(rollout.codes.tolist(), rollout.log_prob.tolist(), strict=True))
        self._asked += 1
        code, log_prob = self._drawn.popleft()
        architecture = self.space.decode(code)
        self._last = architecture, code, log_prob
        return architecture

    def _proposed(self, architecture: Architecture) -> None:
        # What the base found by looking through the space was not drawn here.
        if self._last is not None and self._last[0] is architecture:
            self._under_way[self.code(architecture)] = self._last[2]
        self._asked = 0

    def _repeat(self, architecture: Architecture, reward: Reward | None) -> None:
        drawn = self._last is not None and self._last[0] is architecture  # not what a warm-up suggested
        if isinstance(reward, float) and drawn and self._asked <= FREE and not self._heat:
            assert self._last is not None
            self._take_in(Sample(self._last[1], reward, self._last[2]))

    # Learning

    def _learn(self, architecture: Architecture, reward: Reward | None) -> None:
        log_prob = self._under_way.pop(self.code(architecture), None)
        if isinstance(reward, float):
            self._window.append(reward)
            self._take_in(Sample(self.space.encode(architecture).tolist(), reward, log_prob))

    def _take_in(self, sample: Sample) -> None:
        self._batch.append(sample)
        if len(self._batch) >= self.batch_size:
            batch, self._batch = self._batch, []
            self._update(batch)
            self._drawn.clear()  # these were drawn by the network as it was

    def _update(self, batch: list[Sample]) -> None:
        """Ascend the objective of one batch."""
        codes = [sample.code for sample in batch]
        advantages = self._advantages([sample.reward for sample in batch])
        if self.algorithm == "reinforce":
            rollout = self._evaluate(codes)
            self._ascend(rollout, advantages)
            return
        old: np.ndarray | None = None
        for _ in range(self.epochs):
            rollout = self._evaluate(codes)
            if old is None:
                now = rollout.log_prob.tolist()
                old = np.array([s.log_prob if s.log_prob is not None else p for s, p in zip(batch, now, strict=True)])
            self._ascend(rollout, surrogate_weights(rollout.log_prob, old, advantages, self.clip))

    def _ascend(self, rollout: Rollout, weights: np.ndarray) -> None:
        count = len(weights)
        gradient = self.network.gradient(
            rollout, weights / count, self.entropy_weight / count, -self.prior_weight / count
        )
        self.optimizer.ascend(self.network.parameters, gradient)

    def _advantages(self, rewards: list[float]) -> np.ndarray:
        """Normalised rewards less their moving average, which takes them in first."""
        values = normal_scores(rewards, self._window) if self.normalize == "rank" else rewards
        for value in values:
            self.baseline.add(value)
        found = np.array(values) - self.baseline.mean
        if self.normalize == "deviation":
            found /= self.baseline.deviation or 1.0
        return found

    # State

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "algorithm": self.algorithm,
            "units": self.network.units,
            "learning_rate": self.optimizer.learning_rate,
            "batch_size": self.batch_size,
            "entropy_weight": self.entropy_weight,
            "baseline_decay": self.baseline_decay,
            "normalize": self.normalize,
            "clip": self.clip,
            "epochs": self.epochs,
            "temperature": self.network.temperature,
            "tanh_constant": self.network.tanh_constant,
            "prior": self.prior,
            "prior_weight": self.prior_weight,
            "beta_1": self.optimizer.beta_1,
            "beta_2": self.optimizer.beta_2,
            "epsilon": self.optimizer.epsilon,
        }

    def _get(self) -> dict[str, Any]:
        return {
            "parameters": pack(self.network.parameters),
            "optimizer": self.optimizer.get_state(),
            "baseline": self.baseline.get_state(),
            "window": list(self._window),
            "batch": [list(sample) for sample in self._batch],
            "drawn": [list(pair) for pair in self._drawn],
            "under_way": dict(self._under_way),
            "asked": self._asked,
            "heat": self._heat,
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        drawn = deque((self._checked(code), float(p)) for code, p in state["drawn"])
        batch = [Sample(self._checked(c), float(r), p if p is None else float(p)) for c, r, p in state["batch"]]
        window = deque((float(reward) for reward in state["window"]), maxlen=WINDOW)
        under_way = {self.code(self.decode(code)): float(p) for code, p in state["under_way"].items()}
        asked, heat = int(state["asked"]), int(state["heat"])
        parameters = unpack(state["parameters"], self.network.parameters)
        self.optimizer.set_state(state["optimizer"])
        self.baseline.set_state(state["baseline"])
        self.network.parameters[:] = parameters
        self._drawn, self._batch, self._window, self._under_way = drawn, batch, window, under_way
        self._asked, self._heat, self._last = asked, heat, None

    def _checked(self, code: list[int]) -> list[int]:
        if self.space.encode(self.space.decode(code)).tolist() != code:
            raise ValueError(f"{code!r} is no architecture")
        return code


def _check_one_of(name: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise ValueError(f"Expected {name} to be one of {known}, got {value!r}.")
    return value
