"""The part of a tuner that lets several processes search together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autonas_keras.oracles import distributed

POLL = 1.0  # seconds between two looks of a worker for the final network


class Processes:
    """A chief answers its workers, which run trials until the final network is there."""

    oracle: Any  # a DurableOracle, or a worker's client of the chief's
    shared = True  # whether workers can run trials; else the chief runs them, and the workers wait
    _finished: bool
    _is_worker: Callable[[], bool]
    _get_tuner_fname: Callable[[], str]
    _recall_spaces: Callable[[], None]
    _run_trials: Callable[[], None]

    @contextmanager
    def _serving(self) -> Iterator[Any]:
        """Answer workers inside, where this process is a chief."""
        if distributed.role() != "chief":
            yield None
            return
        from autonas_keras.oracles.server import serving

        with serving(self.oracle) as chief:
            yield chief

    def _lead(self, chief: Any) -> None:
        """Let workers run the trials; those that cannot be shared are done."""
        if self.shared:
            chief.open()
            chief.wait()
        else:
            chief.close()

    def join(self) -> None:
        """As a worker, wait until the chief searches, and take over its seed, or until the search is finished."""
        if not self._finished and self._is_worker():
            self.oracle.join()
            if self._is_finished_on_disk():
                self._finish_work()

    def _work(self) -> None:
        """Run trials until the chief has trained the final network."""
        try:
            self._run_trials()
            while not self._is_finished_on_disk():
                time.sleep(POLL)
                self._run_trials()  # a chief that was started again may have some
        finally:
            self.oracle.rest()
        self._finish_work()

    def _finish_work(self) -> None:
        self.oracle = self.oracle.detach()
        self._recall_spaces()
        self._finished = True

    def _is_finished_on_disk(self) -> bool:
        try:
            return bool(json.loads(Path(self._get_tuner_fname()).read_text()).get("finished"))
        except (OSError, ValueError):
            return False
