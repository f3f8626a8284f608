"""The time that a search may take, kept through kills."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autonas_keras.files import write_atomically

FILE = "clock.json"
BEAT = 1.0  # seconds between two times that the time used is written down


def check_time_limit(value: Any) -> float:
    """The limit as a number.

    Raises:
        ValueError: When it is not a positive number of seconds.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:  # NaN is neither
        raise ValueError(f"Expected time_limit to be a positive number of seconds, got {value!r}.")
    return float(value)


class Clock:
    """How much of a time limit is used, by earlier processes of the search too.

    Only differences of a clock that never goes back count, so the time of day may jump.

    Args:
        limit: Seconds for everything.
        folder: Folder of the search, which keeps the time used; None keeps nothing.
        start: When this process began, on the clock of ``now``; now when None.
        now: A clock that never goes back.
        follows: Whether another process keeps the clock, whose file says what is used.

    Attributes:
        phases: For each part of the search when it began and ended, in seconds used; the end is None while it runs.
        plans: What was planned by measurement, so that a search that goes on does not plan again.
    """

    def __init__(
        self,
        limit: float,
        folder: str | Path | None,
        start: float | None = None,
        now: Callable[[], float] = time.monotonic,
        follows: bool = False,
    ) -> None:
        self.limit = check_time_limit(limit)
        self._file, self._now = None if folder is None else Path(folder) / FILE, now
        self._start = now() if start is None else start
        known = {} if self._file is None else _read(self._file)
        self._before = float(known.get("used", 0.0))
        self.phases: dict[str, list[float | None]] = known.get("phases", {})
        self.plans: dict[str, Any] = known.get("plans", {})
        self._lock = threading.Lock()
        self._follows, self._looked = follows, -math.inf

    def used(self) -> float:
        """Seconds used so far."""
        if self._follows and self._file is not None and self._now() - self._looked >= BEAT / 2:
            self._looked, known = self._now(), _read(self._file)
            if known.get("used", self._before) != self._before:  # else the chief stands still, or has not begun
                self._before, self._start = float(known["used"]), self._now()
        if self._follows:
            return self._before + min(BEAT, self._now() - self._start)
        return self._before + self._now() - self._start

    def left(self, share: float = 1.0) -> float:
        """Seconds until ``share`` of the limit is used; negative afterwards."""
        return share * self.limit - self.used()

    @property
    def closing(self) -> float:
        """Seconds that are kept for what follows the last training: to save the network."""
        return min(5.0, 1.0 + 0.02 * self.limit)

    def final_left(self) -> float:
        """Seconds that are left for trainings."""
        return self.left() - self.closing

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Write down when a part of the search began, the first time, and when it ended; a part that a later one followed
        had ended by then."""
        begin, end = self.phases.get(name, [self.used(), None])
        over = end is not None and list(self.phases)[-1] != name
        self.phases[name] = [begin, end if over else None]
        self.save()
        yield
        if not over:
            self.phases[name][1] = self.used()
        self.save()

    def gone(self, name: str) -> float:
        """Share of the time from the beginning of a phase to the end of all trainings that is gone."""
        begin = self.phases.get(name, [None])[0]
        if begin is None:
            return 0.0
        whole = self.limit - self.closing - begin
        return 1.0 if whole <= 0 else min(1.0, max(0.0, (self.used() - begin) / whole))

    def plan(self, name: str, make: Callable[[], Any]) -> Any:
        """What was planned under this name before, or what ``make`` plans now, as JSON knows it."""
        if name not in self.plans:
            self.plans[name] = make()
            self.save()
        return self.plans[name]

    # The file

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write the time used down every second inside, so that a kill loses no more."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                self.save()

        thread = threading.Thread(target=beat, name="autonas_keras clock", daemon=True)
        self.save()
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.save()

    def save(self) -> None:
        """Write down what is used, begun and planned; the folder may be gone or full, the search will tell."""
        if self._file is None or self._follows:
            return
        with self._lock:
            state = {"limit": self.limit, "used": self.used(), "phases": dict(self.phases), "plans": dict(self.plans)}
            try:
                write_atomically(self._file, json.dumps(state), sync=False)
            except OSError:
                pass


def kept_plans(folder: str | Path) -> dict[str, Any]:
    """What was planned in a search that had a limit, nothing when it never had one."""
    return _read(Path(folder) / FILE).get("plans", {})


def _read(file: Path) -> dict[str, Any]:
    """What a file says; one that is missing or not whole says nothing."""
    try:
        known = json.loads(file.read_text())
        used = float(known["used"])
        return known if math.isfinite(used) and used >= 0 else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
