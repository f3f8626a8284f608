"""synflow, nwot and jacob_cov of every cell of NAS-Bench-201, in one traced graph.

To build 15,625 Keras models takes hours. Here one graph with untrained weights that all cells share computes the cell
that is said, so that a cell takes some milliseconds; the scores are those of ``autonas_keras.evaluation.zero_cost``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autonas_keras.evaluation.zero_cost import jacobian_score, log_determinant

NONE, SKIP, CONV_1X1, CONV_3X3, AVG_POOL = range(5)  # as the table codes operations
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
CELLS = 3  # one for each width
Tensor = Any


class AllCells:
    """The untrained network of any cell: a stem, three cells of doubling width with a reduction between, a classifier.

    Args:
        x: A minibatch of images (samples, height, width, 3).
        channels: Of the first cell.
        seed: Seed of the weights.
    """

    def __init__(self, x: np.ndarray, channels: int = 8, seed: int = 0) -> None:
        self._x = tf.constant(x, tf.float32)
        self._rng = np.random.default_rng(seed)
        widths = [channels * 2**cell for cell in range(CELLS)]
        weights = {"stem": self._kernel(3, 3, channels)}
        for cell, width in enumerate(widths):
            if cell:
                weights[f"{cell} first"] = self._kernel(3, width // 2, width)
                weights[f"{cell} second"] = self._kernel(3, width, width)
                weights[f"{cell} shortcut"] = self._kernel(1, width // 2, width)
            for edge in range(len(EDGES)):
                weights[f"{cell} {edge} {CONV_1X1}"] = self._kernel(1, width, width)
                weights[f"{cell} {edge} {CONV_3X3}"] = self._kernel(3, width, width)
        weights["classifier"] = self._kernel(1, widths[-1], 10)[0, 0]
        self._weights = {name: tf.constant(value) for name, value in weights.items()}
        self._absolute = {name: tf.constant(np.abs(value).astype("float64")) for name, value in weights.items()}
        self._from_data, self._from_ones = tf.function(self._data_scores), tf.function(self._flow)

    def scores(self, operations: Sequence[int]) -> tuple[float, float, float]:
        """synflow, nwot and jacob_cov of the cell with these operations on its six edges."""
        route = tf.constant(list(operations), tf.int32)
        gradient, kernel = self._from_data(route)
        flow = max(float(self._from_ones(route)), np.finfo(float).tiny)
        rows = gradient.numpy().reshape(len(gradient), -1).astype(float)
        return float(np.log(flow)), log_determinant(kernel.numpy().astype(float)), jacobian_score(rows)

    def _kernel(self, size: int, read: int, given: int) -> np.ndarray:
        bound = 1 / np.sqrt(size * size * read)
        return self._rng.uniform(-bound, bound, (size, size, read, given)).astype("float32")

    def _data_scores(self, route: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(self._x)
            logits, kernel = self._network(self._x, route, self._weights, _normalised, _agreement)
            total = tf.reduce_sum(logits)
        return tape.gradient(total, self._x), kernel

    def _flow(self, route: Tensor) -> Tensor:
        values = list(self._absolute.values())
        ones = tf.ones((1, *self._x.shape[1:]), tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(values)
            logits, _ = self._network(ones, route, self._absolute, tf.identity, _nothing)
            total = tf.reduce_sum(logits)
        gradients = tape.gradient(total, values, unconnected_gradients="zero")
        products = [tf.reduce_sum(tf.abs(v * g)) for v, g in zip(values, gradients, strict=True)]
        return tf.add_n(products)

    @staticmethod
    def _network(
        x: Tensor, route: Tensor, weights: Mapping[str, Tensor], norm: Any, code: Any
    ) -> tuple[Tensor, Tensor]:
        """The logits, and what ``code`` gives summed over the rectifiers."""
        kernel = _nothing(x)
        state = norm(_convolved(x, weights["stem"]))
        for cell in range(CELLS):
            if cell:
                middle = norm(_convolved(tf.nn.relu(state), weights[f"{cell} first"], 2))
                kernel += code(state) + code(middle)
                shortcut = _convolved(tf.nn.avg_pool2d(state, 2, 2, "SAME"), weights[f"{cell} shortcut"])
                state = norm(_convolved(tf.nn.relu(middle), weights[f"{cell} second"])) + shortcut
            states = [state, *[tf.zeros_like(state)] * 3]
            for edge, (node, source) in enumerate(EDGES):

                def branch(operation: int, y: Tensor = states[source], edge: int = edge, cell: int = cell) -> Any:
                    if operation in (CONV_1X1, CONV_3X3):
                        return norm(_convolved(tf.nn.relu(y), weights[f"{cell} {edge} {operation}"])), code(y)
                    if operation == AVG_POOL:
                        return tf.nn.avg_pool2d(y, 3, 1, "SAME"), _nothing(y)
                    return (tf.zeros_like(y) if operation == NONE else tf.identity(y)), _nothing(y)

                branches = [lambda operation=operation, branch=branch: branch(operation) for operation in range(5)]
                added, codes = tf.switch_case(route[edge], branches)
                states[node] = states[node] + tf.ensure_shape(added, state.shape)
                kernel += codes
            state = states[-1]
        last = norm(state)
        kernel += code(last)
        return tf.reduce_mean(tf.nn.relu(last), (1, 2)) @ weights["classifier"], kernel


def _convolved(x: Tensor, kernel: Tensor, strides: int = 1) -> Tensor:
    return tf.nn.conv2d(x, kernel, strides, "SAME")


def _normalised(x: Tensor) -> Tensor:
    ones, zeros = tf.ones(x.shape[-1]), tf.zeros(x.shape[-1])
    return tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, epsilon=1e-5, is_training=True)[0]


def _agreement(x: Tensor) -> Tensor:
    """For each two samples the rectifiers that are on for both or off for both."""
    code = tf.reshape(tf.cast(x > 0, tf.float32), (x.shape[0], -1))
    on = tf.reduce_sum(code, 1)
    return 2 * tf.matmul(code, code, transpose_b=True) - on[:, None] - on[None] + float(code.shape[1])


def _nothing(x: Tensor) -> Tensor:
    return tf.zeros((x.shape[0], x.shape[0]))
