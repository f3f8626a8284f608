"""Single-path step against the stand-alone network: 20 blocks of 4 candidates; asked: <= 1.10, one trace, 40 s."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonas_keras.spaces import ChainSpace
from autonas_keras.supernets import PathChain
from benchmarks.sharing import _steps

OPERATIONS = ("mbconv_k3_e3", "mbconv_k3_e6", "mbconv_k5_e3", "mbconv_k5_e6")
SPACE = ChainSpace(OPERATIONS, ((4, 16, 1), (4, 24, 2), (4, 32, 2), (4, 48, 1), (4, 64, 2)), stem=16)
BATCH, ROUNDS = 64, 10


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """A line for each seed, which draws the architecture; Keras's own kernels and ours stand on the other side."""
    for seed in seeds:
        data, architecture = _steps.batch(BATCH, seed), SPACE.sample(np.random.default_rng(seed))
        start = time.perf_counter()
        layer = PathChain(SPACE, seed=seed, name="chain")
        model = _steps.supernet_model(layer)
        points = [{f"chain/{name}": option for name, option in architecture.items()}, model.space.default()]
        model.set_architectures([[points[0]]])
        _steps.traced_as_in_a_training(model, data)
        start_up = time.perf_counter() - start
        # A step of another architecture needs no other trace.
        model.set_architectures([[points[1]], [points[0]]])
        for _ in range(2):
            _steps.step(model, data)
        model.select(points[0])
        networks = {name: _steps.alone(model, layer, architecture) for name in ("keras", "kernels")}
        difference = _steps.difference(model, networks["keras"], data)
        _steps.step(networks["keras"], data)
        _steps.traced_as_in_a_training(networks["kernels"], data)
        model.set_architectures([[points[0]]])
        figures = _steps.compared({"path": model, **networks}, data, ROUNDS)
        yield {
            "seed": seed,
            "batch": BATCH,
            **figures,
            "start_up": start_up,
            "traces": model.traces,
            "logits_differ": difference,
            "params": networks["keras"].count_params(),
        }
