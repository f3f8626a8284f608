"""KerasTuner's chief and workers, with oracles of this package wired to a server and a client that know who lives.

KerasTuner's own do not notice that a worker or the chief is gone, and let a worker delete the chief's folder. Two
methods of its tuners are replaced, for oracles of this package only, and only where its variables name a chief.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.src.distribute import utils

from autonas_keras.files import write_atomically

_FILE = "ended.json"


def role() -> str:
    """What this process is: "chief", "worker", or "alone" when KerasTuner's variables name no chief.

    Raises:
        RuntimeError: When only some of the variables are set.
    """
    if not utils.has_chief_oracle():
        return "alone"
    return "chief" if utils.is_chief_oracle() else "worker"


def install(kind: Any) -> None:
    """Let KerasTuner's tuners use our server and client for oracles of a kind, from now on in this process."""
    if role() == "alone" or hasattr(BaseTuner, "_autonas_keras"):
        return
    BaseTuner._autonas_keras = True
    begin, run = BaseTuner.__init__, BaseTuner.search

    @functools.wraps(begin)
    def __init__(self: Any, oracle: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(oracle, kind) or role() != "worker":
            begin(self, oracle, *args, **kwargs)
            return
        from autonas_keras.oracles.worker import Client

        overwrite = bool(kwargs.pop("overwrite", False))  # what is there may be the chief's already
        begin(self, oracle, *args, **kwargs)
        self.oracle = Client(oracle, overwrite)

    @functools.wraps(run)
    def search(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.oracle, kind) and role() == "chief":
            from autonas_keras.oracles.server import serve

            if "verbose" in kwargs:
                self.oracle.verbose = kwargs["verbose"]
            self.save()
            return serve(self.oracle)
        try:
            return run(self, *args, **kwargs)
        finally:
            if isinstance(getattr(self.oracle, "_oracle", None), kind):
                self.oracle.rest()

    BaseTuner.__init__, BaseTuner.search = __init__, search


def write_end(folder: str, oracle: Any, final: bool) -> None:
    """Say in the folder of a search that it ended.

    Args:
        folder: The project's.
        oracle: That of the search.
        final: Whether a chief that is started again has nothing left to do.
    """
    write_atomically(Path(folder) / _FILE, json.dumps({"max_trials": oracle.max_trials, "final": final}))


def read_end(folder: str, oracle: Any) -> dict[str, Any] | None:
    """What ``write_end`` said of a search of so many trials; None when it goes on, or is to go on."""
    try:
        found = json.loads((Path(folder) / _FILE).read_text())
    except (OSError, ValueError):
        return None
    return found if found.get("max_trials") == oracle.max_trials else None


def remove_end(folder: str) -> None:
    """Say that the search goes on."""
    (Path(folder) / _FILE).unlink(missing_ok=True)
