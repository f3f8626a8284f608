"""The recurrent network that samples architectures, its exact log-probabilities and their gradients, in NumPy.

Reference: Zoph, Vasudevan, Shlens, Le, "Learning Transferable Architectures for Scalable Image Recognition",
CVPR 2018, appendix A.2; Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing",
ICML 2018, section 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autonas_keras.checks import check_count, check_positive
from autonas_keras.spaces import Space, close_names

SINGLE = 2**18  # multiplications up to which OpenBLAS takes one thread for a product of matrices


class Step(NamedTuple):
    """What one decision of a batch leaves behind for the backward pass; arrays have a row for each architecture."""

    choice: int
    active: np.ndarray | None  # (batch, 1); None when all are
    source: np.ndarray  # rows of the embedding that were the input
    h: np.ndarray
    c: np.ndarray
    gates: np.ndarray  # input, forget, output and candidate, after their nonlinearities
    squashed: np.ndarray  # tanh of the new cell state
    output: np.ndarray
    logits: np.ndarray  # before the tanh constant, over the temperature
    log_p: np.ndarray
    taken: np.ndarray


@dataclass(frozen=True)
class Rollout:
    """A batch of architectures as the network went through them.

    Attributes:
        codes: Option indices as ``Space.encode`` has them, -1 where inactive; (batch, choices).
        log_prob: Natural logarithm of the probability of each architecture; (batch,).
        entropy: Sum of the entropies of the decisions on its way; (batch,). Their mean over samples estimates the
            entropy of the whole distribution.
        divergence: Sum of the Kullback-Leibler divergences of its decisions from what the network was given as their
            prior, 0 without one; (batch,).
        steps: One for each choice that is active anywhere in the batch.
    """

    codes: np.ndarray
    log_prob: np.ndarray
    entropy: np.ndarray
    divergence: np.ndarray
    steps: tuple[Step, ...]


class ControllerNetwork:
    """An LSTM of one layer that makes the decisions of a space one after another.

    Each choice has output weights and an embedding of its own; the embedding of the option taken is the next input.
    Decisions that are not active are skipped: the state of the LSTM passes them unchanged.

    Example::

        network = ControllerNetwork(space, rng=rng)
        rollout = network.sample(rng, 8)
        optimizer = Adam(network.parameters.size, learning_rate=0.01)
        optimizer.ascend(network.parameters, network.gradient(rollout, advantages / 8))

    Args:
        space: What is sampled.
        units: Width of the LSTM and of the embeddings.
        temperature: Divides the logits; above 1 the samples are more uniform.
        tanh_constant: When given, the logits are squashed to ``tanh_constant * tanh(logits)``.
        prior: Probabilities that the options of some choices should have, by the names of these choices.
        scale: All parameters start uniform in [-scale, scale], the biases of the softmax at 0.
        rng: Generator that draws the initial parameters.
        dtype: Type of the parameters and of all that is computed.

    Attributes:
        parameters: All of them as one vector; write to it in place.

    Raises:
        ValueError: When ``units`` is not a positive integer, or another number is not positive, or a prior is no
            distribution over the options of a choice.
    """

    def __init__(
        self,
        space: Space,
        units: int = 100,
        *,
        rng: np.random.Generator,
        temperature: float = 1.0,
        tanh_constant: float | None = None,
        prior: Mapping[str, Sequence[float]] | None = None,
        scale: float = 0.1,
        dtype: Any = np.float32,
    ) -> None:
        self.space, self.units = space, check_count("units", units)
        self.temperature = check_positive("temperature", temperature)
        self.tanh_constant = None if tanh_constant is None else check_positive("tanh_constant", tanh_constant)
        check_positive("scale", scale)
        self.log_prior = _log_prior(space, prior or {}, dtype)
        self.sizes = [len(choice.options) for choice in space.named.values()]
        self.ends = np.cumsum(self.sizes)
        self.order, self.places = decision_order(space)
        shapes = {
            "embedding": (1 + sum(self.sizes), units),  # row 0 is the input of the first decision
            "kernel": (2 * units, 4 * units),
            "bias": (4 * units,),
            "head": (sum(self.sizes), units),
            "head_bias": (sum(self.sizes),),
        }
        counts = {name: int(np.prod(shape)) for name, shape in shapes.items()}
        self.parameters = rng.uniform(-scale, scale, sum(counts.values())).astype(dtype)
        self._views = {}
        start = 0
        for name, shape in shapes.items():
            self._views[name] = slice(start, start + counts[name]), shape
            start += counts[name]
        self._view(self.parameters, "head_bias")[:] = 0

    def _view(self, vector: np.ndarray, name: str) -> np.ndarray:
        part, shape = self._views[name]
        return vector[part].reshape(shape)

    # Forward

    def sample(self, rng: np.random.Generator, count: int = 1, heat: float = 1.0) -> Rollout:
        """Draw architectures.

        Args:
            rng: What draws.
            count: Number of architectures.
            heat: Above 1 the draws are nearer to uniform (probabilities to the power 1 / heat, for each decision);
                the log-probabilities of the rollout are those without heat.
        """
        codes, draws = np.full((count, len(self.sizes)), -1, np.int64), rng.random((count, len(self.sizes)))
        return self._run(codes, draws, heat)

    def evaluate(self, codes: np.ndarray) -> Rollout:
        """Go through given architectures, rows of ``Space.encode``."""
        return self._run(np.array(codes, np.int64), None)

    def _run(self, codes: np.ndarray, draws: np.ndarray | None, heat: float = 1.0) -> Rollout:
        embedding, kernel, bias, head, head_bias = (self._view(self.parameters, name) for name in self._views)
        batch, units, dtype = len(codes), self.units, self.parameters.dtype
        inputs, recurrent = product(embedding, kernel[:units]) + bias, kernel[units:]
        h, c = np.zeros((batch, units), dtype), np.zeros((batch, units), dtype)
        source, rows = np.zeros(batch, np.int64), np.arange(batch)
        log_prob, entropy, divergence = np.zeros(batch, dtype), np.zeros(batch, dtype), np.zeros(batch, dtype)
        steps = []
        for choice in self.order:
            active = self._active(codes, choice)
            if active is not None and not active.any():
                continue
            gates = product(h, recurrent)
            gates += inputs[source]
            gates[:, : 3 * units] *= 0.5  # the logistic function as a tanh, which does not overflow
            np.tanh(gates, out=gates)
            gates[:, : 3 * units] += 1
            gates[:, : 3 * units] *= 0.5
            i, f, o, g = (gates[:, k * units : (k + 1) * units] for k in range(4))
            new_c = f * c + i * g
            squashed = np.tanh(new_c)
            output = o * squashed
            part = slice(self.ends[choice] - self.sizes[choice], self.ends[choice])
            logits = (output @ head[part].T + head_bias[part]) / dtype.type(self.temperature)
            log_p = self._log_softmax(logits)
            if draws is None:
                taken = np.maximum(codes[:, choice], 0)
            else:
                cumulative = np.cumsum(np.exp(log_p / dtype.type(heat)), axis=1)
                taken = (cumulative[:, :-1] <= draws[:, choice, None] * cumulative[:, -1:]).sum(axis=1)
            steps.append(Step(choice, active, source, h, c, gates, squashed, output, logits, log_p, taken))
            found, spread = log_p[rows, taken], -np.sum(np.exp(log_p) * log_p, axis=1)
            after = part.start + 1 + taken
            if active is None:
                h, c, source = output, new_c, after
                codes[:, choice] = taken
            else:
                h, c = np.where(active, output, h), np.where(active, new_c, c)
                here = active[:, 0]
                source, codes[:, choice] = np.where(here, after, source), np.where(here, taken, -1)
                found, spread = found * here, spread * here
            log_prob, entropy = log_prob + found, entropy + spread
            if choice in self.log_prior:
                gap = self._excess(choice, log_p)[1][:, 0]
                divergence = divergence + (gap if active is None else gap * active[:, 0])
        return Rollout(codes, log_prob, entropy, divergence, tuple(steps))

    def _active(self, codes: np.ndarray, choice: int) -> np.ndarray | None:
        """Which rows make this decision, as a column; None for all."""
        found = np.zeros(len(codes), bool)
        for conditions in self.places[choice]:
            if not conditions:
                return None
            found |= np.all([codes[:, parent] == option for parent, option in conditions], axis=0)
        return found[:, None]

    def _log_softmax(self, logits: np.ndarray) -> np.ndarray:
        if self.tanh_constant is not None:
            logits = logits.dtype.type(self.tanh_constant) * np.tanh(logits)
        shifted = logits - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def _excess(self, choice: int, log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logarithm of the probabilities of options over their prior ones, and its mean: the divergence; (batch, 1)."""
        excess = log_p - self.log_prior[choice]
        return excess, np.sum(np.exp(log_p) * excess, axis=1, keepdims=True)

    # Backward

    def gradient(
        self,
        rollout: Rollout,
        by_log_prob: np.ndarray,
        by_entropy: np.ndarray | float = 0.0,
        by_divergence: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Gradient of ``sum(by_log_prob * log_prob + by_entropy * entropy + by_divergence * divergence)``.

        It is that in the parameters, with the decisions as they were taken.

        The parameters have to be those that ``rollout`` was made with.

        Args:
            rollout: From ``sample`` or ``evaluate``.
            by_log_prob: Weight of the log-probability of each architecture; (batch,).
            by_entropy: Weight of the entropy of each, or of all.
            by_divergence: Weight of the divergence of each from the prior, or of all.
        """
        dtype, units, batch = self.parameters.dtype, self.units, len(rollout.codes)
        weights = [
            np.broadcast_to(np.asarray(weight, dtype), batch)[:, None]
            for weight in (by_log_prob, by_entropy, by_divergence)
        ]
        gradient = np.zeros_like(self.parameters)
        kernel, head = self._view(self.parameters, "kernel"), self._view(self.parameters, "head")
        d_head, d_head_bias = self._view(gradient, "head"), self._view(gradient, "head_bias")
        d_gates = np.empty((len(rollout.steps), batch, 4 * units), dtype)
        dh, dc = np.zeros((batch, units), dtype), np.zeros((batch, units), dtype)
        for number in reversed(range(len(rollout.steps))):
            step = rollout.steps[number]
            part = slice(self.ends[step.choice] - self.sizes[step.choice], self.ends[step.choice])
            d_logits = self._d_logits(step, *weights)
            d_head[part] += d_logits.T @ step.output
            d_head_bias[part] += d_logits.sum(axis=0)
            i, f, o, g = (step.gates[:, k * units : (k + 1) * units] for k in range(4))
            d_output = dh + d_logits @ head[part]
            d_cell = dc + d_output * o * (1 - step.squashed**2)
            here = d_gates[number]
            here[:, :units] = d_cell * g * i * (1 - i)
            here[:, units : 2 * units] = d_cell * step.c * f * (1 - f)
            here[:, 2 * units : 3 * units] = d_output * step.squashed * o * (1 - o)
            here[:, 3 * units :] = d_cell * i * (1 - g**2)
            if step.active is None:
                dh, dc = product(here, kernel[units:].T), d_cell * f
            else:
                here *= step.active
                dh = np.where(step.active, product(here, kernel[units:].T), dh)
                dc = np.where(step.active, d_cell * f, dc)
        self._add_recurrent(gradient, rollout, d_gates)
        return gradient

    def _d_logits(
        self, step: Step, by_log_prob: np.ndarray, by_entropy: np.ndarray, by_divergence: np.ndarray
    ) -> np.ndarray:
        p = np.exp(step.log_p)
        entropy = -np.sum(p * step.log_p, axis=1, keepdims=True)
        found = -p * (by_log_prob + by_entropy * (step.log_p + entropy))
        found[np.arange(len(p)), step.taken] += by_log_prob[:, 0]
        if step.choice in self.log_prior:
            excess, divergence = self._excess(step.choice, step.log_p)
            found += by_divergence * p * (excess - divergence)
        if step.active is not None:
            found *= step.active
        if self.tanh_constant is not None:
            found *= found.dtype.type(self.tanh_constant) * (1 - np.tanh(step.logits) ** 2)
        return found / found.dtype.type(self.temperature)

    def _add_recurrent(self, gradient: np.ndarray, rollout: Rollout, d_gates: np.ndarray) -> None:
        """Gradients of the kernel, the bias and the embedding, over all steps at once."""
        embedding, kernel = self._view(self.parameters, "embedding"), self._view(self.parameters, "kernel")
        flat, d_kernel = d_gates.reshape(-1, 4 * self.units), self._view(gradient, "kernel")
        h = np.concatenate([step.h for step in rollout.steps])
        d_kernel[self.units :] = product(h.T, flat)
        self._view(gradient, "bias")[:] = flat.sum(axis=0)
        # An option may be the input of many steps: their gradients are added up first.
        source = np.concatenate([step.source for step in rollout.steps])
        order = np.argsort(source, kind="stable")
        used, starts = np.unique(source[order], return_index=True)
        d_inputs = np.add.reduceat(flat[order], starts, axis=0)
        d_kernel[: self.units] = product(embedding[used].T, d_inputs)
        self._view(gradient, "embedding")[used] = product(d_inputs, kernel[: self.units].T)


def _log_prior(space: Space, prior: Mapping[str, Sequence[float]], dtype: Any) -> dict[int, np.ndarray]:
    """Logarithms of the prior probabilities by the index of the choice."""
    names = list(space.named)
    found: dict[int, np.ndarray] = {}
    for name, given in prior.items():
        if name not in space.named:
            raise ValueError(f"Expected a prior for choices of the space, got {name!r}{close_names(name, names)}.")
        shares, count = np.array(given, np.float64), len(space.named[name].options)
        if shares.shape != (count,) or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
            raise ValueError(
                f"Expected the prior of {name!r} to be {count} positive probabilities that sum to 1, got {given!r}."
            )
        found[names.index(name)] = np.log(shares).astype(dtype)
    return found


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The matrix product, in blocks of rows that BLAS multiplies in one thread.

    Several threads gain nothing on matrices this small, and wait for one another where training fills the cores.
    """
    rows = max(1, SINGLE // max(1, b.size))
    if len(a) <= rows:
        return a @ b
    return np.concatenate([a[start : start + rows] @ b for start in range(0, len(a), rows)])


def decision_order(space: Space) -> tuple[list[int], list[list[list[tuple[int, int]]]]]:
    """In what order choices are decided, and under which decisions each is active.

    Returns:
        Indices into ``space.named`` so that every choice comes after all that it may depend on; and for each index
        the alternative lists of conditions, pairs of another index and its option index.
    """
    index = {name: i for i, name in enumerate(space.named)}
    places: list[list[list[tuple[int, int]]]] = [[] for _ in index]
    last: dict[int, int] = {}
    # A choice that hangs in several places comes after the last of them, where all its parents are decided.
    for position, (choice, conditions) in enumerate(space.walk()):
        last[index[choice.name]] = position
        places[index[choice.name]].append(
            [(index[name], space.named[name].options.index(option)) for name, option in conditions]
        )
    return sorted(last, key=lambda i: last[i]), places
