"""What a chief does for its workers: trials for those that ask, those of the dead for others, an end for all."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any

from autonas_keras.oracles import wire
from autonas_keras.oracles.distributed import read_end, remove_end, write_end
from autonas_keras.oracles.leases import Leases
from autonas_keras.oracles.saving import STATUS, DurableOracle

CHECK = 0.5  # seconds between two looks at the leases
LINGER = 5.0  # seconds at most for workers to hear that the search is over
LOSSES = 3  # workers that a trial may take with it before it counts as failed


class Chief:
    """Gives trials to workers and takes in what they report; every method may be called from any thread.

    Args:
        oracle: The oracle, loaded; the trials that were under way stay with their workers.
        seconds: How long a worker may be silent.
    """

    def __init__(self, oracle: DurableOracle, seconds: float) -> None:
        self.oracle, self.leases = oracle, Leases(seconds)
        self.error: Exception | None = None  # what the oracle raised
        self._failure = ""  # why there will be no result
        self._open, self._over = False, threading.Event()
        self._known: set[str] = set()  # workers that called
        self._told: set[str] = set()  # those that know that there is nothing more to do
        self._heard = time.monotonic()
        for tuner, trial in oracle.ongoing_trials.items():
            self.leases.grant(trial.trial_id, tuner)

    def open(self) -> None:
        """Give out trials from now on; until then workers are told to wait."""
        folder = self.oracle._project_dir
        end = read_end(folder, self.oracle)
        if end is not None and end["final"] and not self.oracle.ongoing_trials and not self.oracle._retry_queue:
            self._over.set()
        else:
            remove_end(folder)
        self._open = True

    def close(self) -> None:
        """Tell workers from now on that there is nothing for them to do."""
        self._open = True
        self._over.set()

    def wait(self) -> None:
        """Return when the search is over.

        Raises:
            RuntimeError: When the oracle raised before any trial was completed, or the time limit was over before a
                worker began one.
        """
        last = time.monotonic()
        while not self._over.wait(CHECK):
            now = time.monotonic()
            stood = now - last - CHECK
            if stood > self.leases.seconds / 4:  # this process did not run, so nobody could be heard
                self.leases.extend(stood)
            last = now
            self._reap()
            if self.oracle.overdue is not None and self.oracle.overdue():
                self._break_off()
                break
            if now - self._heard > self.leases.seconds:
                self._heard = now
                print(f"No worker has called the chief at {wire.address()} for {self.leases.seconds:g} s.")
        if self.error is None:
            if not self.oracle.trials and self.oracle.overdue is not None and self.oracle.overdue():
                raise RuntimeError(
                    f"Expected a worker at {wire.address()} within the time limit, got none; start workers with the "
                    "chief, and call fit again with a longer time_limit."
                )
            return
        if not any(trial.status == STATUS.COMPLETED for trial in self.oracle.trials.values()):
            told = f"{type(self.error).__name__}: {self.error}"
            raise RuntimeError(f"Expected an oracle that proposes trials, got one that raised {told}.") from self.error
        traceback.print_exception(self.error)

    def fail(self, error: Exception) -> None:
        """Tell workers from now on that this process ends without a result."""
        self._failure = f"The chief ended with {type(error).__name__}: {error}"
        self._told.clear()

    def linger(self) -> None:
        """Wait, not for long, until all workers know."""
        end = time.monotonic() + LINGER
        while self._known - self._told and time.monotonic() < end:
            time.sleep(CHECK / 5)

    # What workers call

    def create_trial(self, tuner: str, process: str | None = None) -> Any:
        """The next trial of a worker; the one that it has when it asks again."""
        self._heard = time.monotonic()
        oracle = self.oracle
        self._known.add(tuner)
        if self._failure:
            self._told.add(tuner)
            raise RuntimeError(self._failure)
        try:
            with oracle._transaction():
                while True:
                    queued = list(oracle._retry_queue)
                    trial = self._next(tuner)
                    if trial.status != STATUS.RUNNING:
                        return trial
                    self.leases.grant(trial.trial_id, tuner, process)
                    if self.leases.losses[trial.trial_id] < LOSSES:
                        self._start(trial, trial.trial_id in queued)
                        return trial
                    self._give_up(trial)
        except Exception as error:
            self._raised(error)
        with oracle._transaction():
            trial = oracle.ongoing_trials.get(tuner) or self._none(tuner)
            if trial.status == STATUS.RUNNING:
                self.leases.grant(trial.trial_id, tuner, process)
            return trial

    def update_trial(
        self,
        trial_id: str,
        metrics: Mapping[str, float],
        step: int = 0,
        tuner: str | None = None,
        process: str | None = None,
    ) -> Any:
        """Take in the metrics of a trial, unless another worker has it by now or the same was reported before."""
        with self.oracle._transaction():
            trial = self.oracle.get_trial(trial_id)
            if self.holds(trial_id, tuner, process) and not _reported(trial, metrics, step):
                trial = self.oracle.update_trial(trial_id, metrics, step=step)
            return trial

    def end_trial(self, trial: Any, tuner: str | None = None, process: str | None = None) -> None:
        """Take in that a trial ended, unless another worker has it by now or it ended before."""
        try:
            with self.oracle._transaction():
                if self.holds(trial.trial_id, tuner, process):
                    self._end(trial)
        except Exception as error:  # its state could not be saved
            self._raised(error)

    def get_trial(self, trial_id: str, tuner: str | None = None, process: str | None = None) -> Any:
        """A trial; that its worker asks for it is the sign that it lives."""
        self.holds(trial_id, tuner, process)
        return self.oracle.get_trial(trial_id)

    def holds(self, trial_id: str, tuner: str | None, process: str | None) -> bool:
        """Whether a trial is that of the worker, which was heard; one that was taken from it too early is given back."""
        self._heard = time.monotonic()
        if self.leases.renew(trial_id, tuner, process):
            return True
        oracle = self.oracle
        with oracle._transaction():
            if tuner is None or trial_id not in oracle._retry_queue or tuner in oracle.ongoing_trials:
                return False
            if not self.leases.restore(trial_id, tuner, process):
                return False
            oracle._retry_queue.remove(trial_id)
            oracle.ongoing_trials[tuner] = oracle.trials[trial_id]
            oracle.tuner_ids.add(tuner)
            oracle.save()
            return True

    # Trials

    def _next(self, tuner: str) -> Any:
        oracle = self.oracle
        if not self._open or self._over.is_set():
            return self._none(tuner)
        if self.error is not None and not oracle._retry_queue and tuner not in oracle.ongoing_trials:
            return self._none(tuner)
        trial = oracle.create_trial(tuner)
        if trial.status == STATUS.STOPPED:
            self._conclude()
            self._told.add(tuner)
        return trial

    def _none(self, tuner: str) -> Any:
        """What a worker is told that gets no trial: to wait, or that the search is over."""
        trial = self.oracle._stopped()
        self._conclude_if_raised()
        if self._over.is_set():
            self._told.add(tuner)
        else:
            trial.status = STATUS.IDLE
        return trial

    def _start(self, trial: Any, queued: bool) -> None:
        """Whoever gets a trial starts it from nothing."""
        if queued or trial.metrics.metrics:
            trial.metrics = type(trial.metrics)()
            trial.score, trial.best_step = None, 0
            self.oracle._save_trial(trial)

    def _end(self, trial: Any) -> None:
        oracle = self.oracle
        try:
            oracle.end_trial(trial)
        except Exception as error:
            self._raised(error)
            known = oracle.trials[trial.trial_id]
            if known.trial_id not in oracle.end_order:
                known.status, known.message = STATUS.FAILED, f"The oracle raised: {type(error).__name__}: {error}"
                known.score = None
                oracle.end_order.append(known.trial_id)
            oracle.ongoing_trials = {t: one for t, one in oracle.ongoing_trials.items() if one is not known}
            oracle._save_trial(known)
            oracle.save()
        finally:
            self.leases.release(trial.trial_id)

    def _give_up(self, trial: Any) -> None:
        trial.status, trial.message = STATUS.FAILED, f"{LOSSES} workers were lost in it"
        self._end(trial)

    def _reap(self) -> None:
        oracle = self.oracle
        for trial_id, tuner in self.leases.expired().items():
            try:
                with oracle._transaction():
                    if trial_id not in self.leases.expired():  # heard in the meantime
                        continue
                    self.leases.withdraw(trial_id)
                    print(f"Worker {tuner} was silent for {self.leases.seconds:g} s; trial {trial_id} goes to another.")
                    oracle.tuner_ids.discard(tuner)
                    self._known.discard(tuner)
                    if self.leases.losses[trial_id] >= LOSSES:
                        self._give_up(oracle.trials[trial_id])
                        continue
                    oracle.ongoing_trials.pop(tuner, None)
                    oracle._retry_queue.append(trial_id)
                    oracle.save()
            except Exception as error:  # its state could not be saved
                self._raised(error)
        self._conclude_if_raised()

    def _break_off(self) -> None:
        """End the search without the trials under way and those that wait to be run again."""
        oracle = self.oracle
        with oracle._transaction():
            late = [trial.trial_id for trial in oracle.ongoing_trials.values()]
            for trial_id in [*late, *oracle._retry_queue]:
                print(f"Trial {trial_id} did not end in time; the search ends without it.")
                known = oracle.trials[trial_id]
                known.status, known.message = STATUS.FAILED, "It did not end within the time limit."
                known.score = None
                oracle.end_order.append(trial_id)
                oracle._save_trial(known)
                self.leases.release(trial_id)
            oracle.ongoing_trials.clear()
            oracle._retry_queue.clear()
            oracle.save()
        self._conclude()

    def _raised(self, error: Exception) -> None:
        """Propose nothing any more: an oracle that raised once may be in any state."""
        if self.error is None:
            self.error = error
            print(f"The oracle raised {type(error).__name__}: {error}; the search ends with the trials under way.")

    def _conclude_if_raised(self) -> None:
        oracle = self.oracle
        if self.error is not None and not (self._over.is_set() or oracle.ongoing_trials or oracle._retry_queue):
            self._conclude()

    def _conclude(self) -> None:
        self._over.set()
        try:
            write_end(self.oracle._project_dir, self.oracle, self.error is None and not self.oracle._failing())
        except OSError as error:
            self._raised(error)


def _reported(trial: Any, metrics: Mapping[str, float], step: int) -> bool:
    """Whether a trial knows these metrics: a worker says it again when it did not hear the answer."""

    def known(name: str, value: float) -> bool:
        history = trial.metrics.get_history(name) if trial.metrics.exists(name) else ()
        return any(one.step == step and value in one.value for one in history)

    return bool(metrics) and all(known(name, value) for name, value in metrics.items())
