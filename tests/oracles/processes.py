"""A chief and workers as processes of this machine, and what may happen to them; run as a program so that it can fork.

Forked children share the imports, which take some seconds; nothing of TensorFlow or gRPC runs before the fork.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras_tuner

from autonas_keras import oracles
from tests.forks import forked

TRIALS = 12
LEASE = 1.0  # seconds
KILLS = 6  # in the chaos


class Raising(oracles.RandomSearch):
    """Raises when it is asked for its seventh trial."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if int(trial_id) == 6:
            raise ArithmeticError("singular matrix")
        return super().populate_space(trial_id)


class RaisingAtTheEnd(oracles.RandomSearch):
    """Raises when it is told of the end of its fourth trial."""

    def score_trial(self, trial: Any) -> None:
        if trial.trial_id == "03":
            raise ArithmeticError("no score")
        super().score_trial(trial)


ORACLES: dict[str, Any] = {
    "random": oracles.RandomSearch,
    "halving": partial(oracles.Asha, max_epochs=4, factor=2),
    "raising": Raising,
    "raising at the end": RaisingAtTheEnd,
}


def declare(hp: Any) -> None:
    kind = hp.Choice("kind", ["wide", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        if kind == "deep":
            hp.Int("layers", 2, 9)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Choice("scale", [0.1, 0.7])


class Sleeper(keras_tuner.Tuner):
    """Trials of some milliseconds, and a line in a file when one starts; it may stay in one for ever."""

    stay: tuple[str, ...] = ()  # trials that do not end; "*" for every one

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        with (Path(self.directory) / "log").open("a") as file:
            file.write(f"{trial.trial_id} {self.tuner_id} {os.getpid()}\n")
        declare(trial.hyperparameters)
        assert trial.hyperparameters.values["scale"] in (0.1, 0.7)
        time.sleep(0.03)
        while {"*", trial.trial_id} & set(self.stay):
            time.sleep(0.1)
        if trial.trial_id == "02":
            raise ValueError("no such network")
        return {"score": trial.hyperparameters.values["rate"] / 3}


class Cast:
    """The processes of one search.

    Args:
        folder: An empty folder.
        oracle: A name of ORACLES.
    """

    longest = 200.0  # seconds that all may take

    def __init__(self, folder: Path, oracle: str = "random") -> None:
        self.folder, self.oracle = folder, oracle
        self.folder.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.running: dict[int, str] = {}
        self.codes: dict[str, int] = {}
        self.begin, self.kills = time.monotonic(), 0

    def start(self, name: str, tuner: str | None = None, **options: Any) -> int:
        """Fork a process; its output and what it found are in files of ``name``."""
        sys.stdout.flush()
        child = os.fork()
        if child:
            self.running[child] = name
            return child
        code = 1
        try:
            os.setsid()
            with (self.folder / f"{name}.log").open("w") as log:
                os.dup2(log.fileno(), 1), os.dup2(log.fileno(), 2)
            self._play(name, tuner or name, **options)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _play(self, name: str, tuner: str, stay: tuple[str, ...] = (), overwrite: bool = False) -> None:
        os.environ.update(self.variables(tuner), AUTONAS_KERAS_LEASE=str(LEASE))
        objective = keras_tuner.Objective("score", "max")
        oracle = ORACLES[self.oracle](objective=objective, max_trials=TRIALS, seed=0)
        found = Sleeper(oracle, declare, directory=self.folder, project_name="search", overwrite=overwrite)
        found.stay = stay
        found.search()
        best = found.oracle.get_best_trials(1)[0]
        told = {"id": best.trial_id, "score": best.score, "values": best.hyperparameters.values}
        (self.folder / f"{name}.json").write_text(json.dumps(told))

    def variables(self, tuner: str) -> dict[str, str]:
        address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(self.port)}
        return {"KERASTUNER_TUNER_ID": tuner, **address}

    def kill(self, process: int) -> None:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        del self.running[process]

    def until(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait; only with a number of seconds it need not come true."""
        begin = time.monotonic()
        while not done() and (seconds is None or time.monotonic() < begin + seconds):
            if time.monotonic() > self.begin + self.longest:
                logs = {path.name: path.read_text()[-2000:] for path in self.folder.glob("*.log")}
                raise TimeoutError(f"{self.running} still run: {json.dumps(logs, indent=1)}")
            for process in list(self.running):
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    self.codes[self.running.pop(process)] = os.waitstatus_to_exitcode(status)
            time.sleep(0.02)

    def finish(self) -> dict[str, Any]:
        """Wait for all, and tell what happened."""
        try:
            self.until(lambda: not self.running)
        finally:
            for process in list(self.running):
                self.kill(process)
        project = self.folder / "search"
        state = json.loads((project / "oracle.json").read_text())
        trials = [json.loads(path.read_text()) for path in sorted(project.glob("trial_*/trial.json"))]
        return {
            "codes": self.codes,
            "kills": self.kills,
            "seconds": time.monotonic() - self.begin,
            "ended": state["end_order"],
            "left": [list(state["ongoing_trials"]), state["retry_queue"]],
            "trials": {one["trial_id"]: [one["status"], one["score"], one["message"]] for one in trials},
            "values": {one["trial_id"]: one["hyperparameters"]["values"] for one in trials},
            "best": {path.stem: json.loads(path.read_text()) for path in self.folder.glob("*.json")},
            "runs": self.runs(),
            "logs": {path.stem: path.read_text(errors="replace") for path in self.folder.glob("*.log")},
        }

    def runs(self) -> list[list[str]]:
        """Id of the trial, of the worker and of the process, for every trial that was started."""
        log = self.folder / "log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def in_trial(self, process: int, count: int = 1) -> Callable[[], bool]:
        return lambda: sum(run[2] == str(process) for run in self.runs()) >= count

    def ended(self, count: int) -> Callable[[], bool]:
        def enough() -> bool:
            file = self.folder / "search" / "oracle.json"
            return file.exists() and len(json.loads(file.read_text())["end_order"]) >= count

        return enough


# What may happen


def peace(cast: Cast) -> None:
    for name in ("chief", "one", "two"):
        cast.start(name)


def loss(cast: Cast) -> None:
    """A worker is killed in a trial and never replaced."""
    cast.start("chief")
    dying = cast.start("dying", stay=("*",))
    cast.until(cast.in_trial(dying))
    cast.start("one")
    cast.until(cast.ended(3))
    cast.kill(dying)


def same_id(cast: Cast) -> None:
    """A worker is killed in a trial and replaced under its id."""
    cast.start("chief")
    dying = cast.start("dying", "two", stay=("*",))
    cast.until(cast.in_trial(dying))  # before another worker, which may have done all by then
    cast.start("one")
    cast.kill(dying)
    cast.start("two")


def other_id(cast: Cast) -> None:
    """The only worker is killed in a trial and replaced under another id."""
    cast.start("chief")
    dying = cast.start("dying", stay=("03",))
    cast.until(cast.in_trial(dying, 4))
    cast.kill(dying)
    cast.start("two")


def chief(cast: Cast) -> None:
    """The chief is killed while two workers are in trials, and restarted."""
    first = cast.start("first", "chief")
    slow = cast.start("slow", stay=("*",))
    cast.until(cast.in_trial(slow))
    cast.start("one")
    cast.until(cast.ended(4))
    cast.kill(first)
    time.sleep(LEASE / 2)
    cast.start("chief")
    time.sleep(LEASE * 2)
    cast.kill(slow)


def killer(cast: Cast) -> None:
    """A trial takes every worker with it."""
    cast.start("chief")
    for number in range(3):
        name = f"dying{number}"
        dying = cast.start(name, "one" if number < 2 else None, stay=("01",))
        cast.until(lambda process=dying: ["01", str(process)] in [[run[0], run[2]] for run in cast.runs()])
        cast.kill(dying)
    cast.start("two")


def gone(cast: Cast) -> None:
    """The chief is killed and never restarted."""
    first = cast.start("first", "chief")
    cast.start("one"), cast.start("two")
    cast.until(cast.ended(3))
    cast.kill(first)


def late(cast: Cast) -> None:
    """A worker comes when all is over; it is told to overwrite."""
    chief = cast.start("chief")
    cast.start("one")
    cast.until(lambda: chief not in cast.running)
    cast.start("late")


def overwriting(cast: Cast) -> None:
    """All processes run the same script, which says overwrite=True."""
    for name in ("chief", "one"):
        cast.start(name, overwrite=True)
    cast.until(cast.ended(3))
    cast.start("two", overwrite=True)


def chaos(cast: Cast, seed: int = 0) -> None:
    """Now the chief, now a worker is killed, and restarted, a worker under its id or another."""
    rng, number = random.Random(seed), 0
    playing = {cast.start(f"{id}.0", id): id for id in ("chief", "one", "two")}
    while cast.kills < KILLS and set(playing) <= set(cast.running):
        cast.until(lambda: not set(playing) <= set(cast.running), rng.uniform(0.1, 0.6))
        victim = rng.choice(list(playing))
        if victim not in cast.running:
            break
        cast.kill(victim)
        number += 1
        tuner = playing.pop(victim)
        if tuner != "chief" and rng.random() < 0.5:
            tuner = f"other{number}"
        playing[cast.start(f"{tuner}.{number}", tuner)] = tuner
        cast.kills += 1
    # What was killed just before the end finds nothing left to do.


SCENARIOS: dict[str, tuple[Callable[[Cast], None], str]] = {
    "peace": (peace, "random"),
    "loss": (loss, "random"),
    "same id": (same_id, "random"),
    "other id": (other_id, "random"),
    "chief": (chief, "random"),
    "killer": (killer, "random"),
    "gone": (gone, "random"),
    "late": (late, "random"),
    "overwriting": (overwriting, "random"),
    "raising": (peace, "raising"),
    "raising at the end": (peace, "raising at the end"),
    "chaos": (chaos, "random"),
    "halving": (chaos, "halving"),
}


def main(folder: Path, names: list[str], parts: int = 2) -> dict[str, Any]:
    """What happened in each scenario; some run at once, since most of the time is waiting."""
    files = [folder / f"part_{part}.json" for part in range(parts)]
    children = [
        forked(lambda part=part, file=file: file.write_text(json.dumps(play(folder, names[part::parts]))))
        for part, file in enumerate(files)
    ]
    codes = [os.waitpid(child, 0)[1] for child in children]
    assert not any(codes), "a scenario raised"
    return {name: story for file in files for name, story in json.loads(file.read_text()).items()}


def play(folder: Path, names: list[str]) -> dict[str, Any]:
    """What happened in scenarios, one after another."""
    found = {}
    for name in names:
        happen, oracle = SCENARIOS[name]
        cast = Cast(folder / name.replace(" ", "_"), oracle)
        try:
            happen(cast)
            found[name] = cast.finish()
        except BaseException:
            for process in list(cast.running):
                cast.kill(process)
            raise
        counts = Counter(found[name]["ended"])
        print(name, found[name]["codes"], f"{found[name]['seconds']:.1f} s", sum(counts.values()), "ended", flush=True)
    return found


if __name__ == "__main__":
    gc.freeze()  # what is imported is no garbage, and stays shared with the children
    FOLDER = Path(sys.argv[1])
    (FOLDER / "found.json").write_text(json.dumps(main(FOLDER, sys.argv[2:] or list(SCENARIOS))))
