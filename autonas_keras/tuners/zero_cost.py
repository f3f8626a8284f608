"""What zero-cost proxies say of the networks of a search, as strategies ask for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autonas_keras.blocks.isolation import forgotten_gradients
from autonas_keras.evaluation.zero_cost import voters
from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture
from autonas_keras.tuners.network import adapt
from autonas_keras.tuners.split import drawn_samples

if TYPE_CHECKING:
    from autonas_keras.tuners.base import SearchTuner

SAMPLES = 64  # of the minibatch, as published


class GraphScorer:
    """Builds the network of an architecture, untrained, and asks synflow, nwot and jacob_cov; each network once.

    What was said is kept in the project, so that a search that goes on asks for nothing again.
    """

    def __init__(self) -> None:
        self._tuner: SearchTuner | None = None
        self._known: dict[str, list[float]] = {}

    def attach(self, tuner: SearchTuner) -> None:
        """Answer for the networks and the data of a tuner from now on."""
        self._tuner = tuner
        self._file = tuner.project.path / "zero_cost.json"
        if self._file.exists():
            self._known = json.loads(self._file.read_text())

    def __call__(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """What the proxies say, shape (architectures, 3)."""
        codes = [architecture.to_json() for architecture in architectures]
        new = {code: a for code, a in zip(codes, architectures, strict=True) if code not in self._known}
        with forgotten_gradients():
            self._known.update({code: self._ask(architecture) for code, architecture in new.items()})
        if new:
            write_atomically(self._file, json.dumps(self._known))
        return np.array([self._known[code] for code in codes])

    def _ask(self, architecture: Architecture) -> list[float]:
        tuner: Any = self._tuner
        hp = tuner.oracle.get_space()
        hp.values = {**hp.values, **tuner.oracle.values(architecture)}
        x = drawn_samples(tuner._data[0], SAMPLES, tuner.seed, 14)
        model = tuner._build_hypermodel(hp)
        adapt(model, x)
        return voters(model, x)
