"""A whole space of cells as one Keras layer whose operations share their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.network import cell_channels, cell_kind
from autonas_keras.layers.operations import operation_model
from autonas_keras.layers.weights import initialize_weights
from autonas_keras.spaces import canonical
from autonas_keras.supernets.kernels import Statistics, convolve, shift
from autonas_keras.supernets.merged import CellPlan, mixed_cell, shared_cell
from autonas_keras.supernets.mixture import MixtureLayer
from autonas_keras.supernets.switch import dtype_policy

MOMENTUM = 0.9


@keras.utils.register_keras_serializable(package="autonas_keras")
class CellSupernet(MixtureLayer):
    """The network of a cell space in which every edge is the weighted sum of all candidate operations.

    The weights of the sum are ``softmax(alpha)`` over the operations of an edge, one alpha for each cell type, shared
    by all cells of that type; ``select`` puts a single architecture in its place. Input (batch, height, width,
    channels), output the features of the last cell.

    Args:
        space: A cell space, or its configuration.
        partial_channels: Every operation sees one of this many parts of the channels, edges are normalised by weights
            of their own, beta; 1 for all channels. Source: Xu et al., "PC-DARTS", ICLR 2020, equations 1 to 4.
        sampling: "softmax" for the plain mixture, or "gumbel": every step draws one operation for each edge, with the
            gradient of the relaxed draw. Source: Dong, Yang, "GDAS", CVPR 2019, equations 3 to 5.
        temperature: First and last temperature of "gumbel", linear in the progress of the training.
        seed: Seed of all initial weights and draws.

    Raises:
        ValueError: When the channels of a cell cannot be divided by ``partial_channels``.

    Reference: Liu et al., "DARTS", ICLR 2019, equation 2.
    """

    # Shapes

    def _plans(self) -> list[CellPlan]:
        space = self.space
        dense = space.topology == "dense"
        return [
            CellPlan(
                operations=tuple(canonical(name) for name in space.operations),
                inputs=space.inputs,
                nodes=space.nodes,
                strides=2 if self.kind(index) == "reduction" else 1,
                channels=cell_channels(space, index),
                partial=self.partial_channels,
                pool_norm=not dense,
                last_only=dense,
            )
            for index in range(space.cells)
        ]

    def kind(self, index: int) -> str:
        """Which of the searched cells stands at ``index``."""
        return cell_kind(self.space, index)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        for _ in self.space.reductions:
            height = None if height is None else -(-height // 2)
            width = None if width is None else -(-width // 2)
        last = self._plans()[-1]
        return (batch, height, width, last.channels * (1 if last.last_only else last.nodes))

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    # Weights

    def build(self, input_shape: Sequence[int | None]) -> None:
        space, self._seeds = self.space, iter(range(1_000_000))
        self.plans = self._plans()
        self._build_mixture()
        stem = space.channels * (1 if space.topology == "dense" else 3)
        channels = input_shape[-1]
        if channels is None:
            raise ValueError("Expected an input with a known number of channels, got None; give the input its shape.")
        self._stem = self._kernel("stem", (3, 3, int(channels), stem))
        self._stem_scale = self._add("stem_gamma", (stem,), "ones")
        self._stem_shift = self._add("stem_beta", (stem,), "zeros")
        self._cells: list[dict[str, Any]] = []
        shapes = [stem] * space.inputs
        before = False
        for index, plan in enumerate(self.plans):
            weights: dict[str, Any] = {"kernels": [], "edges": {}}
            moving = 0
            name = f"cell_{index}"
            if space.topology == "dense":
                if index in space.reductions:
                    half, full = shapes[-1], plan.channels
                    weights["residual"] = [
                        self._kernel(f"{name}_residual_a", (3, 3, half, full)),
                        self._kernel(f"{name}_residual_b", (3, 3, full, full)),
                        self._kernel(f"{name}_residual_shortcut", (1, 1, half, full)),
                    ]
                    moving += 2 * full
                shapes = [plan.channels]
            else:
                weights["inputs"] = []
                for side, channels in enumerate(shapes):
                    parts = [plan.channels]
                    if side == 0 and before:
                        parts = [plan.channels // 2, plan.channels - plan.channels // 2]
                    weights["inputs"].append(
                        [self._kernel(f"{name}_input_{side}_{i}", (1, 1, channels, p)) for i, p in enumerate(parts)]
                    )
                    moving += plan.channels
                before = index in space.reductions
                shapes = [shapes[-1], plan.channels * plan.nodes]
            for key, shape in plan.variables().items():
                weights["kernels"].append(self._kernel(f"{name}_{key.replace('/', '_')}", shape, key))
            moving += sum(channels for _, _, channels in plan.statistics())
            weights["moving"] = self._moving(f"{name}_moving", moving)
            self._custom_edges(index, plan, weights)
            self._cells.append(weights)
        self._stem_moving = self._moving("stem_moving", stem)
        if space.topology == "dense":
            self._last_scale = self._add("last_gamma", (shapes[-1],), "ones")
            self._last_shift = self._add("last_beta", (shapes[-1],), "zeros")
            self._last_moving = self._moving("last_moving", shapes[-1])
        super().build(input_shape)

    def _custom_edges(self, index: int, plan: CellPlan, weights: dict[str, Any]) -> None:
        for source in plan.sources:
            for node in plan.targets(source):
                for operation in plan.custom:
                    shape = (None, None, plan.width)
                    with dtype_policy(self.dtype_policy):
                        model = operation_model(
                            operation, shape, plan.width, plan.stride(source), affine=False, pool_norm=plan.pool_norm
                        )
                    key = f"cell_{index}_edge_{node}_{source}_{operation}"
                    initialize_weights(
                        model, int(np.random.SeedSequence([self.seed, *key.encode()]).generate_state(1)[0])
                    )
                    setattr(self, f"_{key}", model)
                    weights["edges"][source, node, operation] = model

    def _moving(self, name: str, size: int) -> keras.Variable:
        start = np.stack([np.zeros(size), np.ones(size)]).astype("float32")
        return self._add(name, (2, size), keras.initializers.Constant(start), trainable=False)

    def _kernel(self, name: str, shape: tuple[int, ...], key: str = "") -> keras.Variable:
        """A kernel, uniform within 1 / sqrt(fan in), counting the inputs that one of its outputs really sees."""
        fan = shape[0] * shape[1] * (1 if "depthwise" in key else shape[2])
        rng = np.random.default_rng([self.seed, 2, next(self._seeds)])
        start = rng.uniform(-(fan**-0.5), fan**-0.5, shape).astype("float32")
        return self._add(name, shape, keras.initializers.Constant(start))

    def extract(self, architecture: Mapping[str, Any], input_shape: tuple[int, int, int]) -> keras.Model:
        """The network of an architecture as a model of stock Keras layers with the weights it has in here."""
        from autonas_keras.supernets.transfer import extract

        return extract(self, architecture, input_shape)

    # Computation

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        draw = bool(training)
        training = draw or self._batch_statistics
        x = tf.cast(tf.convert_to_tensor(inputs), self.compute_dtype)
        statistics = Statistics(tf.convert_to_tensor(self._stem_moving), training)
        x = statistics.normalise(convolve(x, self._read(self._stem)), tf.convert_to_tensor(self._stem_scale))
        x += self._read(self._stem_shift)
        self._update(self._stem_moving, statistics)
        mixtures = {kind: self.mixture_tensor(kind, draw) for kind in self.space.cell_types}
        if draw and self.sampling == "gumbel":
            self._draws.assign(self._draws + 1)
        bypasses = {kind: self._bypass(kind) for kind in self.space.cell_types}
        states = [x] * self.space.inputs
        for index, (plan, weights) in enumerate(zip(self.plans, self._cells, strict=True)):
            kind = self.kind(index)
            statistics = Statistics(tf.convert_to_tensor(weights["moving"]), training)
            entered = self._enter(plan, weights, states, statistics)
            y = self._mix(plan, weights, entered, mixtures[kind], bypasses[kind], statistics)
            states = [y] if self.space.inputs == 1 else [states[-1], y]
        if self.space.topology == "dense":
            statistics = Statistics(tf.convert_to_tensor(self._last_moving), training)
            y = statistics.normalise(states[-1], tf.convert_to_tensor(self._last_scale))
            self._update(self._last_moving, statistics)
            return tf.nn.relu(y + self._read(self._last_shift))
        return states[-1]

    def _read(self, variable: keras.Variable) -> tf.Tensor:
        value = tf.cast(tf.convert_to_tensor(variable), self.compute_dtype)
        return tf.stop_gradient(value) if self._frozen else value

    def _update(self, variable: keras.Variable, statistics: Statistics) -> None:
        if statistics.training and not self._frozen:
            variable.assign(variable * MOMENTUM + statistics.batch() * (1 - MOMENTUM))

    def _enter(
        self, plan: CellPlan, weights: dict[str, Any], states: list[tf.Tensor], statistics: Statistics
    ) -> list[tf.Tensor]:
        """The input states with the channels of the cell: ReLU-conv-BN, FactorizedReduce, or the residual block."""
        if "residual" in weights:
            a, b, shortcut = (self._read(kernel) for kernel in weights["residual"])
            x = states[-1]
            y = statistics.normalise(convolve(tf.nn.relu(x), a, 2))
            y = statistics.normalise(convolve(tf.nn.relu(y), b))
            return [y + convolve(tf.nn.avg_pool2d(x, 2, 2, "SAME"), shortcut)]
        if self.space.topology == "dense":
            return states
        entered = []
        for x, kernels in zip(states, weights["inputs"], strict=True):
            x = tf.nn.relu(x)
            if len(kernels) == 2:
                even, odd = (self._read(kernel) for kernel in kernels)
                y = tf.concat([convolve(x, even, 2), convolve(shift(x), odd, 2)], axis=-1)
            else:
                y = convolve(x, self._read(kernels[0]))
            entered.append(statistics.normalise(y))
        return entered

    def _mix(
        self,
        plan: CellPlan,
        weights: dict[str, Any],
        states: list[tf.Tensor],
        mixture: tf.Tensor,
        bypass: tf.Tensor,
        statistics: Statistics,
    ) -> tf.Tensor:
        moving, first = weights["moving"], statistics.used
        if plan.custom:
            named = {name: self._read(k) for name, k in zip(plan.variables(), weights["kernels"], strict=True)}

            def custom(source: int, node: int, operation: str, x: tf.Tensor) -> tf.Tensor:
                return weights["edges"][source, node, operation](x, training=statistics.training)

            y = mixed_cell(plan, states, named, mixture, bypass, statistics, custom)
            self._update(moving, statistics)
            return y
        cell = shared_cell(plan, statistics.training, self._frozen, self.compute_dtype)
        kernels = [tf.cast(tf.convert_to_tensor(kernel), self.compute_dtype) for kernel in weights["kernels"]]
        y, batch = cell(states, kernels, mixture, bypass, tf.convert_to_tensor(moving)[:, first:])
        if statistics.training and not self._frozen:
            both = tf.concat([statistics.batch(), batch], axis=1)
            moving.assign(moving * MOMENTUM + both * (1 - MOMENTUM))
        return y
