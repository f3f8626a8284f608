"""The mixture of all operations of a cell, worked out per source state instead of per edge.

The plain form (``plain.py``) runs every operation on every edge. All edges that leave a state read the same tensor, so
here one ReLU, one pooling with its normalisation, and one (depthwise, grouped) convolution of each kind serve them
all, their channels side by side. A mixture weight multiplies the output of a normalisation, so it is its scale; what
is linear in the state (identity and pooling) becomes one 1x1 convolution with diagonal blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import tensorflow as tf

from autonas_keras.supernets.kernels import Statistics, convolve, depthwise, pointwise, pool, shift

SEPARABLE = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "sep_conv_7x7": 7}
DILATED = {"dil_conv_3x3": 3, "dil_conv_5x5": 5}
PLAIN = {"conv_1x1": 1, "conv_3x3": 3, "conv_5x5": 5}
POOLS = {"max_pool_3x3": "max", "avg_pool_3x3": "avg"}
MERGED = {*SEPARABLE, *DILATED, *PLAIN, *POOLS, "skip_connect", "none"}


@dataclass(frozen=True)
class CellPlan:
    """What is fixed about the mixture of one cell.

    Args:
        operations: Canonical names, the columns of the mixture.
        inputs: Number of input states.
        nodes: Number of nodes.
        strides: 2 in a reduction cell (for the edges from the inputs), else 1.
        channels: Channels of every state.
        partial: Every operation sees ``channels // partial`` channels, the others pass by (PC-DARTS).
        pool_norm: Whether pooling is followed by a normalisation.
        last_only: Whether the last node alone is the output.
    """

    operations: tuple[str, ...]
    inputs: int
    nodes: int
    strides: int
    channels: int
    partial: int = 1
    pool_norm: bool = True
    last_only: bool = False

    @property
    def width(self) -> int:
        """Channels that an operation sees."""
        return self.channels // self.partial

    @property
    def sources(self) -> range:
        """States that edges leave from."""
        return range(self.inputs + self.nodes - 1)

    def targets(self, source: int) -> range:
        """Nodes that read a state."""
        return range(max(source + 1, self.inputs), self.inputs + self.nodes)

    def stride(self, source: int) -> int:
        """Stride of the edges that leave a state."""
        return self.strides if source < self.inputs else 1

    @cached_property
    def order(self) -> tuple[int, ...]:
        """For the edges by source and then by node, their rows in the mixture (which goes by node, then by source)."""
        edges = [(n, s) for n in range(self.inputs, self.inputs + self.nodes) for s in range(n)]
        return tuple(edges.index((node, source)) for source in self.sources for node in self.targets(source))

    @cached_property
    def slices(self) -> dict[int, slice]:
        """For each source its places among the edges in ``order``."""
        start, found = 0, {}
        for source in self.sources:
            found[source] = slice(start, start + len(self.targets(source)))
            start = found[source].stop
        return found

    @property
    def custom(self) -> tuple[str, ...]:
        """Operations that have no merged form and run edge by edge."""
        return tuple(name for name in self.operations if name not in MERGED)

    def edges_of(self, strides: int) -> int:
        """Number of edges with that stride."""
        return sum(len(self.targets(source)) for source in self.sources if self.stride(source) == strides)

    def variables(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the kernels, the edges in ``order`` side by side in the last axis but for depthwise ones."""
        width, edges = self.width, len(self.order)
        shapes: dict[str, tuple[int, ...]] = {}
        for name in self.operations:
            if name in SEPARABLE:
                for stage in (1, 2):
                    shapes[f"{name}/depthwise_{stage}"] = (SEPARABLE[name], SEPARABLE[name], edges * width, 1)
                    shapes[f"{name}/pointwise_{stage}"] = (1, 1, width, edges * width)
            elif name in DILATED:
                shapes[f"{name}/depthwise_1"] = (DILATED[name], DILATED[name], edges * width, 1)
                shapes[f"{name}/pointwise_1"] = (1, 1, width, edges * width)
            elif name in PLAIN:
                shapes[f"{name}/kernel"] = (PLAIN[name], PLAIN[name], width, edges * width)
            elif name == "skip_connect" and self.edges_of(2):
                if width > 1:
                    shapes["skip_connect/even"] = (1, 1, width, self.edges_of(2) * (width // 2))
                shapes["skip_connect/odd"] = (1, 1, width, self.edges_of(2) * (width - width // 2))
        return shapes

    def statistics(self) -> list[tuple[int, str, int]]:
        """The normalisations in the order they are called: (source, name, channels)."""
        found = []
        for source in self.sources:
            size = len(self.targets(source)) * self.width
            for name in self.operations:
                if name in SEPARABLE:
                    found += [(source, f"{name}/1", size), (source, f"{name}/2", size)]
                elif name in DILATED or name in PLAIN or (name == "skip_connect" and self.stride(source) == 2):
                    found.append((source, f"{name}/1", size))
                elif name in POOLS and self.pool_norm:
                    found.append((source, f"{name}/1", self.width))
        return found


def _split(x: tf.Tensor, plan: CellPlan, strides: int | None = None, unit: int = 1) -> dict[int, tf.Tensor]:
    """A kernel cut into those of each source, along the axis that holds the edges."""
    sources = [s for s in plan.sources if strides is None or plan.stride(s) == strides]
    sizes = [len(plan.targets(source)) * unit for source in sources]
    axis = 2 if x.shape.rank == 4 and x.shape[-1] == 1 and x.shape[2] == sum(sizes) else -1
    return dict(zip(sources, tf.split(x, sizes, axis=axis), strict=True))


def mixed_cell(
    plan: CellPlan,
    states: Sequence[tf.Tensor],
    kernels: Mapping[str, tf.Tensor],
    mixture: tf.Tensor,
    bypass: tf.Tensor,
    statistics: Statistics,
    custom: Callable[[int, int, str, tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Output of the mixture of a cell: node j is the sum over states i and operations o of w[ij, o] o(state i).

    Args:
        plan: What is fixed.
        states: Input states, each (batch, height, width, channels).
        kernels: Tensors of ``plan.variables()``.
        mixture: Weights, shape (edges, operations).
        bypass: Weights of the channels that pass by, shape (edges,); unused without partial channels.
        statistics: Where the normalisations keep their statistics.
        custom: Output of an operation without merged form, given source, node, its name and the input.

    Returns:
        (batch, height, width, nodes * channels), the nodes concatenated; or the last node alone.

    Reference: Liu et al., ICLR 2019, equation 2; Xu et al., "PC-DARTS", ICLR 2020, equations 1 and 2.
    """
    width, columns = plan.width, {name: i for i, name in enumerate(plan.operations)}
    weights = tf.gather(mixture, list(plan.order), axis=0)
    pieces = {
        name: _split(kernel, plan, 2 if name.startswith("skip_connect") else None, _unit(name, width))
        for name, kernel in kernels.items()
    }
    nodes: dict[int, list[tf.Tensor]] = {n: [] for n in range(plan.inputs, plan.inputs + plan.nodes)}
    passed: dict[int, list[tf.Tensor]] = {n: [] for n in nodes}
    found = list(states)
    for source in range(plan.inputs + plan.nodes):
        if source >= plan.inputs:
            found.append(_node(plan, nodes[source], passed[source]))
        if source not in plan.sources:
            continue
        own = plan.slices[source]
        state = found[source]
        if plan.partial > 1:
            state, rest = tf.split(state, [width, plan.channels - width], axis=-1)
            rest = tf.nn.max_pool2d(rest, 2, 2, "SAME") if plan.stride(source) == 2 else rest
            for place, node in zip(range(own.start, own.stop), plan.targets(source), strict=True):
                passed[node].append(rest * tf.cast(bypass[plan.order[place]], rest.dtype))
        here = {name: kernel[source] for name, kernel in pieces.items() if source in kernel}
        total = _source(plan, source, state, here, weights[own], columns, statistics)
        parts = tf.split(total, len(plan.targets(source)), axis=-1) if total is not None else []
        for node, part in zip(plan.targets(source), parts, strict=False):
            nodes[node].append(part)
        for name in plan.custom:
            for place, node in zip(range(own.start, own.stop), plan.targets(source), strict=True):
                assert custom is not None
                weight = tf.cast(weights[place, columns[name]], state.dtype)
                nodes[node].append(custom(source, node, name, state) * weight)
    outputs = found[plan.inputs :]
    return outputs[-1] if plan.last_only else tf.concat(outputs, axis=-1)


def _unit(name: str, width: int) -> int:
    """Channels of one edge in a kernel."""
    return {"skip_connect/even": width // 2, "skip_connect/odd": width - width // 2}.get(name, width)


def _node(plan: CellPlan, parts: list[tf.Tensor], passed: list[tf.Tensor]) -> tf.Tensor:
    total = parts[0] if len(parts) == 1 else tf.add_n(parts)
    if plan.partial == 1:
        return total
    total = tf.concat([total, passed[0] if len(passed) == 1 else tf.add_n(passed)], axis=-1)
    # Channels are shuffled so that the next node's operations see others than this one's.
    shape = tf.shape(total)
    grouped = tf.reshape(total, tf.concat([shape[:3], [plan.partial, plan.width]], 0))
    return tf.ensure_shape(tf.reshape(tf.transpose(grouped, (0, 1, 2, 4, 3)), shape), (None, None, None, plan.channels))


def _source(
    plan: CellPlan,
    source: int,
    state: tf.Tensor,
    kernels: Mapping[str, tf.Tensor],
    weights: tf.Tensor,
    columns: Mapping[str, int],
    statistics: Statistics,
) -> tf.Tensor | None:
    """What a state sends to all nodes that read it, their channels side by side; None when that is nothing."""
    count, width, strides = len(plan.targets(source)), plan.width, plan.stride(source)
    scales = tf.repeat(tf.transpose(weights), width, axis=1)
    convolutions = [n for n in plan.operations if n in SEPARABLE or n in DILATED or n in PLAIN]
    if strides == 2 and "skip_connect" in columns:
        convolutions.append("skip_connect")
    active = tf.nn.relu(state) if convolutions else state
    tiled = tf.tile(active, (1, 1, 1, count)) if count > 1 else active
    parts, linear = [], []
    for name in plan.operations:
        if name in SEPARABLE:
            y = depthwise(tiled, kernels[f"{name}/depthwise_1"], strides)
            y = tf.nn.relu(statistics.normalise(pointwise(y, kernels[f"{name}/pointwise_1"])))
            y = pointwise(depthwise(y, kernels[f"{name}/depthwise_2"]), kernels[f"{name}/pointwise_2"])
        elif name in DILATED:
            y = depthwise(tiled, kernels[f"{name}/depthwise_1"], strides, dilation=2)
            y = pointwise(y, kernels[f"{name}/pointwise_1"])
        elif name in PLAIN:
            y = convolve(active, kernels[f"{name}/kernel"], strides)
        elif name == "skip_connect" and strides == 2:
            y = convolve(shift(active), kernels["skip_connect/odd"], 2)
            if width > 1:
                y = _interleave(convolve(active, kernels["skip_connect/even"], 2), y, count)
        else:
            if name in POOLS:
                y = pool(state, POOLS[name], strides)
                linear.append((statistics.normalise(y) if plan.pool_norm else y, weights[:, columns[name]]))
            elif name == "skip_connect":
                linear.append((state, weights[:, columns[name]]))
            continue
        parts.append(statistics.normalise(y, scales[columns[name]]))
    if linear:
        parts.append(_diagonal(linear, width))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else tf.add_n(parts)


def _interleave(even: tf.Tensor, odd: tf.Tensor, count: int) -> tf.Tensor:
    """Both halves of each edge's channels next to each other."""
    if count == 1:
        return tf.concat([even, odd], axis=-1)
    halves = zip(tf.split(even, count, axis=-1), tf.split(odd, count, axis=-1), strict=True)
    return tf.concat([half for pair in halves for half in pair], axis=-1)


def _diagonal(linear: list[tuple[tf.Tensor, tf.Tensor]], width: int) -> tf.Tensor:
    """Weighted sums of states for every edge as one 1x1 convolution whose blocks are multiples of the identity."""
    x = tf.concat([y for y, _ in linear], axis=-1) if len(linear) > 1 else linear[0][0]
    weights = tf.cast(tf.stack([w for _, w in linear]), x.dtype)
    eye = tf.constant(np.eye(width), x.dtype)
    kernel = tf.einsum("ke,cd->kced", weights, eye)
    return convolve(x, tf.reshape(kernel, (1, 1, len(linear) * width, -1)))


@cache
def shared_cell(plan: CellPlan, training: bool, frozen: bool, dtype: str) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """The traced mixture of a cell, one for all cells of that plan in all models of the process.

    It is a pure function of (states, kernels, mixture, bypass, moving statistics) that gives the output and the batch
    statistics. ``frozen``: no gradient reaches the kernels, so that its backward pass does not compute any.
    """
    names = tuple(plan.variables())

    def cell(
        states: list[tf.Tensor], kernels: list[tf.Tensor], mixture: tf.Tensor, bypass: tf.Tensor, moving: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if frozen:
            kernels = [tf.stop_gradient(kernel) for kernel in kernels]
        statistics = Statistics(moving, training)
        y = mixed_cell(plan, states, dict(zip(names, kernels, strict=True)), mixture, bypass, statistics)
        return y, statistics.batch()

    state = tf.TensorSpec((None, None, None, plan.channels), dtype)
    weight = "float64" if dtype == "float64" else "float32"
    size = sum(channels for _, _, channels in plan.statistics())
    rows = len(plan.order)
    signature = (
        [state] * plan.inputs,
        [tf.TensorSpec(shape, dtype) for shape in plan.variables().values()],
        tf.TensorSpec((rows, len(plan.operations)), weight),
        tf.TensorSpec((rows,), weight),
        tf.TensorSpec((2, size), weight),
    )
    with tf.init_scope():
        # Kept whole, the cells of one plan are prepared once for the processor, not each by itself.
        whole = {"_noinline": True}
        function = tf.function(cell, autograph=False, input_signature=signature, experimental_attributes=whole)
        return function.get_concrete_function()
