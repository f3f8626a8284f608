"""Who runs which trial, and how long it may be silent."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

VARIABLE = "AUTONAS_KERAS_LEASE"
DEFAULT = 120.0  # seconds; tracing a large network may keep Python, and so the heartbeat, for a minute
BEATS = 5  # heartbeats in the time of a lease


def lease_seconds() -> float:
    """How long a worker may be silent before its trial is given to another; the environment may say it.

    Raises:
        ValueError: When the variable is not a positive number.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text or DEFAULT)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError(f"Expected {VARIABLE} to be a positive number of seconds, got {text!r}.")
    return seconds


@dataclass
class Lease:
    """A trial in the hands of a worker.

    Attributes:
        tuner: The id of the worker.
        process: The process that has this id now; None while it is not known.
        end: When the lease ends unless the worker is heard before.
    """

    tuner: str
    process: str | None
    end: float

    def held_by(self, tuner: str | None, process: str | None) -> bool:
        """Whether this is the holder; workers of KerasTuner's own do not say who they are and are believed."""
        return tuner is None or (tuner == self.tuner and (None in (process, self.process) or process == self.process))


class Leases:
    """The leases of all trials under way; every method may be called from any thread.

    Args:
        seconds: The time that a lease lasts after its holder was heard.
        clock: Seconds that never go back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.clock = seconds, clock
        self.losses: Counter[str] = Counter()  # how often a worker was lost in a trial
        self._held: dict[str, Lease] = {}
        self._lost: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def grant(self, trial_id: str, tuner: str, process: str | None = None) -> None:
        """Give a trial to a worker; when another process of its id had it, that one was lost."""
        with self._lock:
            old = self._held.get(trial_id)
            if old is not None and not old.held_by(tuner, process):
                self.losses[trial_id] += 1
            self._lost.pop(trial_id, None)
            self._held[trial_id] = Lease(tuner, process, self.clock() + self.seconds)

    def renew(self, trial_id: str, tuner: str | None, process: str | None) -> bool:
        """Note that a worker was heard; whether it holds the trial."""
        with self._lock:
            lease = self._held.get(trial_id)
            if lease is None or not lease.held_by(tuner, process):
                return False
            lease.process = process or lease.process
            lease.end = self.clock() + self.seconds
            return True

    def expired(self) -> dict[str, str]:
        """The workers that were silent for too long, by the trial of each."""
        with self._lock:
            now = self.clock()
            return {trial_id: lease.tuner for trial_id, lease in self._held.items() if lease.end <= now}

    def withdraw(self, trial_id: str) -> None:
        """Take a trial from its holder, who may come back for it until another has it."""
        with self._lock:
            self._lost[trial_id] = self._held.pop(trial_id)
            self.losses[trial_id] += 1

    def restore(self, trial_id: str, tuner: str | None, process: str | None) -> bool:
        """Give a trial back to the worker that it was taken from; whether this is the one."""
        with self._lock:
            lease = self._lost.get(trial_id)
            if lease is None or tuner is None or not lease.held_by(tuner, process):
                return False
            self._held[trial_id] = self._lost.pop(trial_id)
            self._held[trial_id].end = self.clock() + self.seconds
            self.losses[trial_id] -= 1
            return True

    def release(self, trial_id: str) -> None:
        """Forget a trial that ended."""
        with self._lock:
            self._held.pop(trial_id, None)
            self._lost.pop(trial_id, None)

    def extend(self, seconds: float) -> None:
        """Let all leases last longer, by the time in which nobody listened."""
        with self._lock:
            for lease in self._held.values():
                lease.end += seconds
