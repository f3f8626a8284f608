"""What a search takes over from an earlier one on the same space: of other data, another width or another depth."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras

from autonas_keras.evaluation.inherited import SUPERNET
from autonas_keras.files import write_atomically
from autonas_keras.oracles.asha import CONTINUES
from autonas_keras.supernets import PathSupernet
from autonas_keras.training import PathModel
from autonas_keras.tuners.project import SEARCHED, Project

KEPT = "warm_start.json"  # in the folder of the search that took it over
WEIGHTS = "warm_start.keras"
BY_TRIALS = ("evolution", "genetic", "reinforce", "local_search", "predictor", "epsilon_greedy")
BY_WEIGHTS = ("spos", "enas", "ofa", "bignas")
BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)


SEVERAL = "multi_objective"  # what KerasTuner calls a list of objectives


@dataclass(frozen=True)
class WarmStart:
    """What was read of an earlier search.

    Attributes:
        source: Its folder, as the user gave it.
        tuner: The name of its method.
        entries: Its hyperparameters: the options or bounds of each, by name.
        tried: Values of hyperparameters, and what they were worth there, larger is better.
        state: The state of its strategy or controller, None when it had none.
        supernet: Where its shared weights are kept, None when it had none.
        inputs: Shapes of a sample of its inputs, without the samples.
    """

    source: str
    tuner: str
    entries: dict[str, Any]
    tried: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    state: dict[str, Any] | None = None
    supernet: str | None = None
    inputs: list[list[int]] = field(default_factory=list)

    def caution(self, inputs: Sequence[Sequence[int]]) -> str | None:
        """What to say when inputs of another size were searched on: the order of architectures changes with it."""
        for before, now in zip(self.inputs, inputs, strict=False):
            if len(before) > 1 and len(now) > 1 and list(before[:2]) != list(now[:2]):
                there, here = ("x".join(map(str, shape[:2])) for shape in (before, now))
                return (
                    f"The search in {self.source} saw inputs of {there}, this one sees {here}: what was good there is often "
                    "not here. It is worth more after a search on inputs of the same size."
                )
        return None

    def check(self, hp: Any) -> None:
        """Refuse a search on another space.

        Args:
            hp: The hyperparameters of this search, all declared.

        Raises:
            ValueError: With the first hyperparameter that differs.
        """
        wanted = _entries(hp.get_config()["space"])
        for name in [*wanted, *self.entries]:
            if wanted.get(name) != self.entries.get(name):
                raise ValueError(
                    f"Expected warm_start of a search on the same space, with {name!r} of {_short(wanted.get(name))}, "
                    f"got {self.source} with {_short(self.entries.get(name))}; choose another folder, or leave it out."
                )

    def give_weights(self, model: PathModel) -> None:
        """Let supernets begin with the weights of the earlier ones, and other layers where they are the same.

        Raises:
            ValueError: When a supernet is of other sizes, or the file cannot be read.
        """
        if self.supernet is None:
            return
        try:
            known = {layer.name: layer for layer in keras.saving.load_model(self.supernet, compile=False).layers}
        except BROKEN as error:
            raise _broken(self.source, SUPERNET, error) from error
        for layer in model.layers:
            other = known.get(layer.name)
            shapes = [] if other is None else [tuple(weight.shape) for weight in other.weights]
            same = shapes == [tuple(weight.shape) for weight in layer.weights]
            if other is not None and same and not hasattr(layer, "adapt"):
                layer.set_weights(other.get_weights())
            elif isinstance(layer, PathSupernet):
                raise ValueError(
                    f"Expected warm_start of a supernet as large as {layer.name!r} here, got {self.source} with another; "
                    "give both searches the same settings of it, such as search_cells, search_channels or transform."
                )


def warm_start(folder: str | Path, project: Project, tuner: str) -> WarmStart:
    """What ``tuner`` takes over from the search in ``folder``, which is only read.

    What was read is kept in the project of the new search, so that this goes on the same whatever becomes of the folder.

    Raises:
        ValueError: When the tuner starts from nothing, or the folder holds no search that it can start from.
    """
    kept, weights = project.path / KEPT, project.path / WEIGHTS
    if SEARCHED in project.read() and kept.exists():
        known = WarmStart(**json.loads(kept.read_text()))
        # The folder may have been moved, or named from another one.
        return known if known.supernet is None else replace(known, supernet=str(weights))
    if tuner not in (*BY_TRIALS, *BY_WEIGHTS):
        raise ValueError(
            f"Expected a tuner that starts from an earlier search, one of {', '.join((*BY_TRIALS, *BY_WEIGHTS))}, got "
            f"{tuner!r} with warm_start; leave warm_start out."
        )
    if Path(folder).resolve() == project.path.resolve():
        raise ValueError(f"Expected warm_start to be the folder of another search, got that of this one, {folder}.")
    found = read(Path(folder))
    if tuner in BY_WEIGHTS:
        controls = tuner == "enas" and "parameters" in (found.state or {})
        if found.supernet is None and not controls:
            raise ValueError(
                f"Expected warm_start of a search with shared weights for tuner {tuner!r}, got {folder} by tuner "
                f"{found.tuner!r}; choose one by {', '.join(BY_WEIGHTS)}."
            )
        if found.supernet is not None:
            whole = weights.with_name(f".writing.{WEIGHTS}")
            shutil.copyfile(found.supernet, whole)
            os.replace(whole, weights)
            found = replace(found, supernet=str(weights))
    elif not found.tried:
        raise ValueError(
            f"Expected warm_start of a search with a trial that completed, got {folder} without one; choose another."
        )
    write_atomically(kept, json.dumps(asdict(found)))
    return found


def read(folder: Path) -> WarmStart:
    """What the search in a folder has found so far, the best first.

    Raises:
        ValueError: When the folder is missing, foreign, empty of a search or broken.
    """
    if not folder.is_dir():
        raise ValueError(f"Expected warm_start to be the folder of an earlier search, got {folder}, which is none.")
    file = folder / "project.json"
    if not file.exists():
        raise ValueError(
            f"Expected warm_start to be a project of autonas_keras, got {folder} without {file.name}; pass the folder "
            "directory/project_name of an earlier search."
        )
    try:
        facts = json.loads(file.read_text())
        if SEARCHED not in facts or not (folder / "oracle.json").exists():
            raise ValueError(f"Expected warm_start of a search that has begun, got {folder}, which was never fitted.")
        name = facts["tuner"]["name"]
        inputs = [list(shape) for shape in facts[SEARCHED].get("inputs", [])]
        objective = _named(facts["objective"])
        file = folder / "oracle.json"
        oracle = json.loads(file.read_text())
        entries = _entries(oracle["hyperparameters"]["space"])
        tried, continued = [], set()
        for file in sorted(folder.glob("trial_*/trial.json")):
            trial = json.loads(file.read_text())
            if trial["status"] == "COMPLETED" and trial["score"] is not None:
                several = objective == SEVERAL  # whose sum is made as small as can be
                larger = not several and trial["metrics"]["metrics"][objective]["direction"] == "max"
                sign = 1 if larger else -1
                values = dict(trial["hyperparameters"]["values"])
                tried.append((trial["trial_id"], values, sign * float(trial["score"])))
                continued.add(values.get(CONTINUES))
        file = folder / "oracle.json"
        state = (oracle.get("strategy") or {}).get("state")
        controllers = sorted((folder / "search" / "controller").glob("controller_*.json"), key=_number)
        if controllers:
            file = controllers[-1]
            state = json.loads(file.read_text())
        if state is not None:
            state = {key: value for key, value in state.items() if key in ("strategy", "parameters")}
    except BROKEN as error:
        if isinstance(error, ValueError) and str(error).startswith("Expected warm_start"):
            raise
        raise _broken(str(folder), file.name, error) from error
    # Of successive halving the highest rung of an architecture says what it is worth.
    last = sorted(((values, worth) for one, values, worth in tried if one not in continued), key=lambda pair: -pair[1])
    supernet = folder / "search" / SUPERNET
    return WarmStart(str(folder), name, entries, last, state, str(supernet) if supernet.exists() else None, inputs)


def _number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _named(objective: str) -> str:
    """The name of an objective that is given by name or as KerasTuner prints one."""
    if objective.startswith("["):
        return SEVERAL
    match = re.search(r"name=[\"']([^\"']+)", objective)
    return match[1] if match else objective


def _entries(space: Any) -> dict[str, Any]:
    """The options or bounds of hyperparameters by name, whatever their default."""
    found: dict[str, Any] = {}
    for entry in space:
        config = {k: v for k, v in entry["config"].items() if k not in ("default", "name", "conditions", "ordered")}
        found.setdefault(entry["config"]["name"], []).append({"class": entry["class_name"], **config})
    return json.loads(json.dumps(found))


def _short(entries: list[Mapping[str, Any]] | None) -> str:
    if not entries:
        return "nothing"
    entry = entries[0]
    text = str(entry.get("values", entry.get("value", [entry.get("min_value"), entry.get("max_value")])))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _broken(folder: str, name: str, error: Exception) -> ValueError:
    reason = f"it has no {error.args[0]!r}" if isinstance(error, KeyError) else str(error).rstrip(".").split("\n")[0]
    return ValueError(
        f"Expected warm_start to be a whole project of autonas_keras, got {folder}, whose {name} cannot be read "
        f"({reason}); choose another folder."
    )
