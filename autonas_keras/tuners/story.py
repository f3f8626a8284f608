"""What a search writes down about itself while it runs, for the report."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from autonas_keras.blocks import Graph
from autonas_keras.files import write_atomically
from autonas_keras.strategies.lstm import ControllerNetwork
from autonas_keras.training import controller_probabilities

STORY, LAYERS, CONTROLLER = "story.json", "layers.json", "controller.json"
MOMENTS = 50  # of a search at which a controller is looked at, at most about twice as many
PACKAGES = ("tensorflow", "keras", "keras-tuner", "autokeras", "numpy")


class Story:
    """The phases of a search with their seconds, those before a kill included, its versions and its spaces.

    As a context it ends the phase that is open, whatever happened inside.

    Args:
        folder: Folder of the project.
        spent: Seconds of the trainings that a phase has kept in the folder: what it took at least, if it was killed.
    """

    def __init__(self, folder: Path, spent: Callable[[str], float]) -> None:
        self._file, self._spent = folder / STORY, spent
        self._phase: str | None = None
        self._before = self._start = 0.0

    def __enter__(self) -> Story:
        return self

    def __exit__(self, *error: object) -> None:
        self._leave()

    def enter(self, phase: str, **facts: Any) -> None:
        """Begin a phase, or go on with it, and write down what is known now."""
        self._leave()
        known = self._read()
        phases = known.setdefault("phases", {})
        # Who was killed left the phase open, and did not say what it took until then.
        least = self._spent(phase) if known.get("open") == phase else 0.0
        self._phase, self._start = phase, time.perf_counter()
        self._before = phases[phase] = max(float(phases.get(phase, 0.0)), least)
        known.setdefault("begun", time.time())
        self._write({**known, **facts, "open": phase, "versions": versions()})

    def tick(self) -> None:
        """Write down what the open phase took so far."""
        if self._phase is not None:
            known = self._read()
            known.setdefault("phases", {})[self._phase] = self._before + time.perf_counter() - self._start
            self._write(known)

    def _leave(self) -> None:
        if self._phase is not None:
            self.tick()
            self._write({**self._read(), "open": None, "ended": time.time()})
            self._phase = None

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):  # notes that are broken must not end a search
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, known: dict[str, Any]) -> None:
        write_atomically(self._file, json.dumps(known, indent=1), sync=False)


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those that it stands on."""
    found = {"python": sys.version.split()[0]}
    # A checkout need not be installed to be used, and knows its version all the same.
    found["autonas_keras"] = str(getattr(sys.modules.get("autonas_keras"), "__version__", "unknown"))
    return found | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # on the path, not installed
        return "unknown"


def spaces_of(graph: Graph) -> dict[str, Any]:
    """The spaces of the searched blocks, with the sizes of the network that is built, as JSON takes them."""
    return {
        block.name: {"class": type(block.built_space).__name__, "config": block.built_space.get_config()}
        for block in graph.searched
    }


def write_controller(folder: Path, oracle: Any, ended: int) -> None:
    """Keep the probabilities of an oracle's controller, if it has one, after some of the trials that ended."""
    network = getattr(getattr(oracle, "strategy", None), "network", None)
    if not isinstance(network, ControllerNetwork) or ended % max(1, (oracle.max_trials or MOMENTS) // MOMENTS):
        return
    file = folder / CONTROLLER
    known = [entry for entry in json.loads(file.read_text()) if entry["trials"] < ended] if file.exists() else []
    record = {"probabilities": controller_probabilities(network, oracle.seed)}
    write_atomically(file, json.dumps([*known, {"trials": ended, "record": record}]), sync=False)


def write_layers(folder: Path, model: keras.Model) -> None:
    """Keep the layers of a network as a list."""
    rows = [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "shape": [list(output.shape[1:]) for output in keras.tree.flatten(layer.output)],
            "params": layer.count_params() if layer.built else 0,
        }
        for layer in model.layers
    ]
    write_atomically(folder / LAYERS, json.dumps(rows), sync=False)
