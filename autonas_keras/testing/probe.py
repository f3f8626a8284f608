"""What the suites of layers run a layer with: every option once, weights that stand nowhere else, one trace of all."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Architecture, Space


def every_option(space: Space, seed: int = 0) -> list[Architecture]:
    """A few architectures in which every option of every choice occurs: each the one of 40 with most that is missing.

    Raises:
        ValueError: When 1,000 random architectures are without one of them.
    """
    rng, found = np.random.default_rng(seed), []
    missing = {(name, option) for name, choice in space.named.items() for option in choice.options}
    for _ in range(25):
        drawn = [space.sample(rng) for _ in range(40)]
        best = max(drawn, key=lambda architecture: len(missing & set(architecture.items())))
        if missing & set(best.items()):
            found.append(best)
            missing -= set(best.items())
        if not missing:
            return found
    raise ValueError(f"Expected every option in one of 1,000 random architectures, got none with {sorted(missing)}.")


def shake(layer: keras.layers.Layer) -> None:
    """Give scales, offsets and moving statistics values that stand nowhere else."""
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        if (weight.trainable and len(weight.shape) == 1) or "moving" in weight.name:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))


class Run(NamedTuple):
    """What one call of a probe gives: outputs, loss, gradients by weight, and the ids of the statistics it moved."""

    predicted: np.ndarray
    trained: np.ndarray
    loss: float
    slopes: list[tuple[Any, np.ndarray]]
    moved: set[int]


class Probe:
    """A layer in float64, and one trace of all that it does: it predicts, trains and gives gradients."""

    def __init__(self, case: Any) -> None:
        self.case, self.traces = case, 0
        self.layer = case.built(dtype="float64")
        chosen = case.choose(self.layer, case.options[-1])
        signature = [
            tf.TensorSpec((None, *common_sides(case.sizes)), tf.float64),
            {name: tf.TensorSpec(value.shape, value.dtype) for name, value in chosen.items()},
        ]
        self.step = tf.function(self._step, input_signature=signature, autograph=False)

    def _step(self, x: tf.Tensor, chosen: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        self.traces += 1
        weights = [weight.value for weight in self.layer.trainable_weights]
        predicted = self.layer(x, training=False, **chosen)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            y = self.layer(x, training=True, **chosen)
            # Of normalised features the sum and the sum of squares are constant.
            loss = tf.reduce_sum(tf.sin(y))
        return predicted, y, loss, tape.gradient(loss, weights, unconnected_gradients="zero")

    def run(self, option: Any, x: np.ndarray, moved: dict[int, np.ndarray] | None = None) -> Run:
        """Compute an option, with other trainable weights if they are given by their ids, and bring all weights back."""
        chosen = self.case.choose(self.layer, option)
        weights, statistics = self.layer.trainable_weights, self.layer.non_trainable_weights
        before = {id(weight): weight.numpy() for weight in (*weights, *statistics)}
        for weight in weights:
            if moved is not None:
                weight.assign(moved[id(weight)])
        predicted, trained, loss, slopes = self.step(tf.constant(x), chosen)
        different = {id(w) for w in statistics if not np.array_equal(w.numpy(), before[id(w)])}
        for weight in (*weights, *statistics):
            if id(weight) in different or moved is not None:
                weight.assign(before[id(weight)])
        arrays = [(w, np.array(g)) for w, g in zip(weights, slopes, strict=True)]
        return Run(predicted.numpy(), trained.numpy(), float(loss), arrays, different)


@functools.lru_cache(maxsize=2)
def shared_probe(case: Any) -> Probe:
    """The probe of a class of tests; two are kept, since tests of a class follow one another."""
    return Probe(case())


def heard(slopes: Sequence[tuple[Any, np.ndarray]]) -> set[int]:
    """Which weights get a gradient."""
    return {id(weight) for weight, slope in slopes if np.any(slope)}


def common_sides(sizes: Sequence[tuple[int, ...]]) -> tuple[int | None, ...]:
    """The sides that all sizes have in common, None for those that differ."""
    return tuple(found.pop() if len(found := set(sides)) == 1 else None for sides in zip(*sizes, strict=True))
