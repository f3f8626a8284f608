"""One side of the comparison of search steps, in a process of its own, so that its peak memory can be read.

``python -m benchmarks.step_side plain`` prints the figures as JSON; then a step is timed for each line it reads.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from autonas_keras.spaces import CellSpace  # noqa: E402
from autonas_keras.supernets import CellSupernet  # noqa: E402
from autonas_keras.supernets.plain import PlainCellSupernet  # noqa: E402
from autonas_keras.training import BilevelModel, light_graphs  # noqa: E402

SPACE = CellSpace.darts(cells=8, channels=16)
BATCH = 16


class PlainMixture(PlainCellSupernet):
    """The textbook supernet with the alphas of its own that DARTS learns."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        shape = (len(self.space.edges), len(self.space.operations))
        self.alphas = {
            kind: self.add_weight(shape=shape, initializer="zeros", name=f"alpha_{kind}")
            for kind in self.space.cell_types
        }

    @property
    def architecture_weights(self) -> list[keras.Variable]:
        """The alphas."""
        return list(self.alphas.values())

    def call(self, x: Any, training: bool | None = None) -> Any:  # type: ignore[override]
        """Features of images, operations weighted by softmax(alpha)."""
        return super().call(x, {k: keras.ops.softmax(alpha, axis=-1) for k, alpha in self.alphas.items()}, training)

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        """As without the weights."""
        return super().compute_output_shape(input_shape)


def build(side: str) -> BilevelModel:
    """The compiled model of a side: "plain", "merged", or "second" for the merged one by second order."""
    inputs = keras.Input((32, 32, 3))
    layer = PlainMixture(SPACE) if side == "plain" else CellSupernet(SPACE, seed=0)
    outputs = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(layer(inputs)))
    model = BilevelModel(inputs, outputs)
    model.compile(
        keras.optimizers.SGD(0.025, momentum=0.9),
        keras.optimizers.Adam(3e-4, beta_1=0.5),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        order=2 if side == "second" else 1,
        weight_decay=3e-4,
        alpha_weight_decay=1e-3,
        clip_norm=5.0,
    )
    return model


def nodes(graph: tf.Graph) -> int:
    """Nodes of a graph and of all functions in it, each counted once."""
    definition = graph.as_graph_def()
    return len(definition.node) + sum(len(function.node_def) for function in definition.library.function)


def main(side: str) -> None:
    """Build, trace and run the first step; then time a step for each line of the standard input."""
    rng = np.random.default_rng(0)
    batches = tuple(
        (
            tf.constant(rng.standard_normal((BATCH, 32, 32, 3)).astype("float32")),
            tf.constant(rng.integers(0, 10, BATCH)),
        )
        for _ in range(2)
    )
    start = time.perf_counter()
    model = build(side)
    step = tf.function(model.train_step, autograph=False)
    with light_graphs():
        concrete = step.get_concrete_function(batches)
        traced = time.perf_counter() - start
        {name: float(value) for name, value in step(batches).items()}
        started = time.perf_counter() - start
        print(json.dumps({"start_up": started, "build_and_trace": traced, "nodes": nodes(concrete.graph)}), flush=True)
        for _ in sys.stdin:
            begin = time.perf_counter()
            {name: float(value) for name, value in step(batches).items()}
            seconds = time.perf_counter() - begin
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({"step": seconds, "peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
