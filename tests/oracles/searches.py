"""Searches of a few milliseconds a trial, and the way to kill them; run as a program so that it can fork."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import keras_tuner

from autonas_keras import oracles
from tests.forks import forked

TRIALS = 30
SETTINGS: dict[str, dict[str, Any]] = {
    "RandomSearch": {},
    "RegularizedEvolution": {"population_size": 6, "sample_size": 3},
    "Genetic": {"population_size": 6, "parents": 3},
    "LocalSearch": {"starts": 4},
}


def declare(hp: Any) -> None:
    """A space of every kind of hyperparameter, of which a part shows only when a trial goes there."""
    kind = hp.Choice("kind", ["mlp", "cnn", "none"])
    with hp.conditional_scope("kind", ["mlp"]):
        if kind == "mlp":
            hp.Int("units", 8, 64, step=8)
    with hp.conditional_scope("kind", ["cnn"]):
        if kind == "cnn":
            hp.Int("units", 4, 16, sampling="log")
            hp.Boolean("pooled")
    rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Float("dropout", 0.0, 0.5, step=0.1)
    hp.Fixed("version", 3)
    if "late" in hp.values or rate > 0.03:
        hp.Choice("late", ["a", "b"], default="b")


def worth(values: dict[str, Any]) -> float:
    """A number that depends on the values only; some fail."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()
    if digest[0] < 50:
        raise ValueError("no such network")
    return float("nan") if digest[1] < 30 else int.from_bytes(digest[2:6], "big") / 2**32


class FastTuner(keras_tuner.Tuner):
    """Trials of five milliseconds, and a line in a file when one starts."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        write_line(Path(self.project_dir), trial.trial_id)
        declare(trial.hyperparameters)
        time.sleep(0.005)
        return {"score": worth(trial.hyperparameters.values)}


def write_line(project: Path, line: str) -> None:
    with (project / "log").open("a") as file:
        file.write(f"{line}\n")


def search(name: str, folder: str, seed: int = 0) -> Any:
    """A search to its end, or from where it was."""
    oracle = getattr(oracles, name)(
        objective=keras_tuner.Objective("score", "max"),
        max_trials=TRIALS,
        max_retries_per_trial=1,
        max_consecutive_failed_trials=6,
        seed=seed,
        **SETTINGS[name],
    )
    oracle.verbose = 0
    with contextlib.redirect_stdout(io.StringIO()):
        tuner = FastTuner(oracle, declare, directory=folder, project_name="search")
        tuner.search()
    return tuner


def story(folder: Path) -> list[Any]:
    """What a search did, as its files say: trials in the order of their start, and that of their ends."""
    state = json.loads((folder / "search" / "oracle.json").read_text())
    trials = []
    for trial_id in state["start_order"]:
        trial = json.loads((folder / "search" / f"trial_{trial_id}" / "trial.json").read_text())
        trials.append([trial_id, trial["hyperparameters"]["values"], trial["status"], trial["score"], trial["runs"]])
    assert len(trials) == len(list((folder / "search").glob("trial_*"))), "a folder of a trial that nobody knows"
    assert state["ongoing_trials"] == {}, "a trial that is left running"
    strategy = {key: value for key, value in state["strategy"]["state"].items() if key != "rng"}
    return [trials, state["end_order"], strategy]


def check_files(project: Path) -> None:
    """Every file that was written is whole."""
    for file in (project / "oracle.json", *project.glob("trial_*/trial.json")):
        if file.exists():
            json.loads(file.read_text())


def check_runs(project: Path, retried: set[str]) -> None:
    """No trial ran again but one that was under way at a kill, or is retried."""
    seen: set[str] = set()
    last = None
    for line in (project / "log").read_text().splitlines():
        if line == "killed":
            seen.discard(last or "")
            continue
        assert line not in seen or line in retried, f"{line} ran twice"
        seen.add(line)
        last = line


def killed_search(name: str, folder: Path, seed: int, rng: random.Random, longest: float) -> int:
    """Run a search, killing it after up to ``longest`` seconds again and again; the number of kills.

    The longest time grows with the kills, so that a busy machine ends too.
    """
    kills = 0
    (folder / "search").mkdir(parents=True)
    while True:
        child = forked(lambda: search(name, str(folder), seed))
        end = time.monotonic() + rng.uniform(0, longest * (1 + kills / 10))
        done, code = 0, 0
        while not done and time.monotonic() < end:
            time.sleep(0.001)
            done, code = os.waitpid(child, os.WNOHANG)
        if done:
            assert code == 0, "the search raised"
            return kills
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        check_files(folder / "search")
        write_line(folder / "search", "killed")


def main(name: str, folder: Path, kills: int) -> int:
    """Kill searches ``kills`` times at least, compare each with the one that was never killed; the number of kills."""
    rng, total, number = random.Random(name), 0, 0
    while total < kills:
        whole, cut = folder / f"whole_{number}", folder / f"cut_{number}"
        search(name, str(whole), number)
        total += killed_search(name, cut, number, rng, 0.25)
        told = story(whole)
        assert story(cut) == told, f"{cut} differs from {whole}"
        check_runs(cut / "search", {trial[0] for trial in told[0] if trial[4] > 1})
        number += 1
    return total


if __name__ == "__main__":
    gc.freeze()  # what is imported is no garbage, and stays shared with the children
    print(json.dumps({name: main(name, Path(sys.argv[1]) / name, int(sys.argv[2])) for name in sys.argv[3:]}))
