"""Elastic step against the static network of that size; asked: <= 1.05 in time, logits equal to 1e-5."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonas_keras.spaces import MobileSpace
from autonas_keras.supernets import PathMobile
from benchmarks.sharing import _steps

SPACE = MobileSpace.bignas(resolutions=())
BATCH, ROUNDS = 64, 30


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """Lines for the largest, the smallest and a random network of each seed."""
    for seed in seeds:
        data = _steps.batch(BATCH, seed)
        start = time.perf_counter()
        layer = PathMobile(SPACE, seed=seed, name="mobile")
        model = _steps.supernet_model(layer)
        _steps.traced_as_in_a_training(model, data)
        start_up = time.perf_counter() - start
        drawn = SPACE.sample(np.random.default_rng(seed))
        for name, architecture in (("largest", SPACE.largest()), ("random", drawn), ("smallest", SPACE.smallest())):
            point = {f"mobile/{choice}": option for choice, option in architecture.items()}
            model.select(point)
            networks = {side: _steps.alone(model, layer, architecture) for side in ("keras", "kernels")}
            difference = _steps.difference(model, networks["keras"], data)
            _steps.step(networks["keras"], data)
            _steps.traced_as_in_a_training(networks["kernels"], data)
            model.set_architectures([[point]])
            figures = _steps.compared({"elastic": model, **networks}, data, ROUNDS)
            yield {
                "seed": seed,
                "network": name,
                "batch": BATCH,
                **figures,
                "start_up": start_up,
                "traces": model.traces,
                "logits_differ": difference,
                "params": networks["keras"].count_params(),
            }
