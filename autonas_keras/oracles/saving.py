"""KerasTuner oracles whose state survives a kill at any moment.

KerasTuner writes its files in place and one after the other: a kill leaves a torn file, or files that disagree. Here
each file is switched at once, and what disagrees is mended when a search is loaded again. Nothing waits for the disk:
that would cost more than all else between two trials.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import trial as trial_module

from autonas_keras.checks import check_count
from autonas_keras.files import write_atomically
from autonas_keras.oracles import distributed, failures
from autonas_keras.oracles.gradients import forget_gradients, gradient_registry
from autonas_keras.oracles.hyperparameters import Translation, settle
from autonas_keras.oracles.locks import locked
from autonas_keras.oracles.within import Excess, Within
from autonas_keras.strategies import RandomSearch

ASKED = 5_000  # proposals that may be too much for one that is not
DRAWS = 500  # proposals that may be refused in a row before an oracle gives up
PAUSE = 0.5  # seconds before a tuner may ask again that there is nothing for yet
STATUS = trial_module.TrialStatus
DONE = (STATUS.COMPLETED, STATUS.FAILED)
BAD_STATE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class DurableOracle(keras_tuner.Oracle):
    """What oracles of this package share.

    Whole files, mended on reload; any seed, 0 too; a lock that an exception lets go; trials that failed or reported
    what is not finite are retried from the start or counted, and too many in a row end the search; what TensorFlow
    keeps of a trial is forgotten at its end.

    Args:
        *args: As the oracle it is mixed into takes them.
        seed: Any integer; None draws one, without touching a global generator.
        **kwargs: As the oracle it is mixed into takes them.

    Raises:
        ValueError: When a number of trials or retries is not an integer in range.
    """

    # What KerasTuner keeps in an oracle.
    trials: dict[str, Any]
    ongoing_trials: dict[str, Any]
    start_order: list[str]
    end_order: list[str]
    seed: int

    def __init__(self, *args: Any, seed: int | None = None, **kwargs: Any) -> None:
        seed = int(np.random.default_rng().integers(1, 2**31)) if seed is None else check_count("seed", seed, least=0)
        # KerasTuner takes 0 for "none given" and draws from Python's global generator.
        super().__init__(*args, seed=seed or 2**31, **kwargs)
        for name, least in (("max_trials", 1), ("max_retries_per_trial", 0), ("max_consecutive_failed_trials", 1)):
            if name != "max_trials" or self.max_trials is not None:
                check_count(name, getattr(self, name), least)
        self.excess: Excess | None = None  # how far values are beyond what may be tried, 0 for those that may be
        self._nothing_within: tuple[int, int] | None = None  # trials and hyperparameters when none was left
        self.asks = ASKED  # how often it is asked for one proposal
        self.expired: Callable[[], bool] | None = None  # whether the time for trials is up
        self.overdue: Callable[[], bool] | None = None  # whether that of trials under way is, and nobody waits for them
        self._lock = threading.RLock()
        self._depth, self._unsaved, self._written = 0, False, ""
        self._forgiven = self._given_up_at = 0  # ends of trials before which failures in a row no longer count
        self._told = 0  # failures that were reported
        self._gradients: set[str] = set()
        self.pause = PAUSE
        distributed.install(DurableOracle)

    # What KerasTuner calls

    def create_trial(self, tuner_id: str) -> Any:
        """The next trial of a tuner; IDLE, after a pause, while others may still need what it could do."""
        with self._transaction():
            over = self.expired is not None and self.expired()
            if tuner_id not in self.ongoing_trials and (over or (not self._retry_queue and self._failing())):
                trial = self._stopped()
                self.tuner_ids.discard(tuner_id)
            else:
                trial = self._next_trial(tuner_id)
            if trial.status == STATUS.STOPPED and self.ongoing_trials:
                # A trial under way may have to be run again, and the tuner that runs it may be gone by then.
                trial.status = STATUS.IDLE
                self.tuner_ids.add(tuner_id)
            elif trial.status == STATUS.STOPPED:
                self._conclude()
            elif trial.status == STATUS.RUNNING and len(self.ongoing_trials) == 1:
                self._gradients = set(gradient_registry())
        if trial.status == STATUS.IDLE:
            time.sleep(self.pause)
        return trial

    def _next_trial(self, tuner_id: str) -> Any:
        """The next trial, as KerasTuner makes it."""
        return super().create_trial(tuner_id)

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Any:
        """Take in the metrics of a trial."""
        with self._transaction():
            name = self.objective.name
            if hasattr(self.objective, "objectives") and self.objective.has_value(metrics):
                metrics = {**metrics, name: self.objective.get_value(metrics)}
            return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial: Any) -> None:
        """Take in that a trial ended; a second time nothing happens."""
        with self._transaction():
            trial_id = trial.trial_id
            known = self.trials[trial_id]
            if trial_id in self.end_order:
                return
            if trial_id in self._retry_queue:  # it ran on while this process was loaded again
                self._retry_queue.remove(trial_id)
            # Between processes KerasTuner rounds numbers to 32 bits.
            trial.hyperparameters.values.update(known.hyperparameters.values)
            super().end_trial(trial)
            self._unsaved = True  # KerasTuner saves before it takes the trial off the list of those under way
            self._ended(self.trials[trial_id])
            if not self.ongoing_trials:
                forget_gradients(self._gradients)

    def _ended(self, trial: Any) -> None:
        """What a subclass learns from a trial that ended or is to be run again."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """As the oracle it is mixed into; what ``excess`` refuses is drawn again, and no trial of it is made."""
        for _ in range(DRAWS):
            response = super().populate_space(trial_id)
            values = response.get("values")
            if self.excess is None or (values is not None and self.excess(values) <= 0):
                return response
            if values is None:
                break
            self._tried_so_far.add(self._compute_values_hash(values))
        values = self._random_within()
        return {"status": STATUS.STOPPED if values is None else STATUS.RUNNING, "values": values}

    def _random_within(self) -> dict[str, Any] | None:
        """Values that may be tried, found from random ones by changes that bring them nearer; None for none."""
        now = len(self.trials), len(self.hyperparameters.space)
        if self.excess is None or not now[1] or self._nothing_within == now:
            return None
        seed = int(np.random.SeedSequence([self.seed, len(self.trials)]).generate_state(1)[0])
        translation = Translation(self.hyperparameters)
        found = Within(RandomSearch(translation.space, seed=seed), translation, self.excess, self.asks)
        for _ in range(DRAWS):
            architecture = found.propose()
            values = None if architecture is None else translation.values(architecture)
            if values is None:
                break
            if not self._duplicate(values):
                return values
        self._nothing_within = now
        return None

    def _record_values(self, trial: Any) -> None:
        """Remember the values that a trial tries, those of the active hyperparameters only."""
        settle(trial.hyperparameters)
        tried = self._compute_values_hash(trial.hyperparameters.values)
        self._tried_so_far.add(tried)
        before = self._id_to_hash[trial.trial_id]
        self._id_to_hash[trial.trial_id] = tried
        if before != tried:  # new hyperparameters appeared in it
            self._tried_so_far.discard(before)

    # Failures

    def score_trial(self, trial: Any) -> None:
        """Score a trial; what is not a finite number makes it fail."""
        name = self.objective.name
        if trial.metrics.exists(name):
            super().score_trial(trial)
            if trial.score is not None and math.isfinite(trial.score):
                return
            trial.message = f"{name} was {trial.score}"
        else:
            trial.message = f"{name} was not reported"
        trial.score, trial.best_step = math.nan, 0

    def _retry(self, trial: Any) -> bool:
        again = super()._retry(trial)
        if trial.status != STATUS.COMPLETED:
            trial.score, trial.best_step = None, 0
        if again:
            # A trial that runs again must not keep what it reported before.
            trial.metrics = type(trial.metrics)()
        return again

    def _check_consecutive_failures(self) -> None:
        """KerasTuner raises here, before it saves and for every trial that ends later; ``create_trial`` looks instead."""

    def _failing(self) -> bool:
        most = self.max_consecutive_failed_trials
        last = self.end_order[self._forgiven :][-most:]
        return len(last) == most and all(self.trials[trial_id].status == STATUS.FAILED for trial_id in last)

    def failures(self) -> dict[str, list[str]]:
        """The ids of the trials that failed, by reason, the most frequent first."""
        return failures.failures(self.trials)

    def _stopped(self) -> Any:
        hyperparameters = self.hyperparameters.copy()
        hyperparameters.values = {}
        return trial_module.Trial(hyperparameters, trial_id=f"{len(self.trials)}", status=STATUS.STOPPED)

    def _conclude(self) -> None:
        """Say at the end of a search what failed; one that is started again afterwards counts failures anew."""
        if self._failing() and self._given_up_at != len(self.end_order):
            self._given_up_at = len(self.end_order)
            self._unsaved = True
        failed = sum(map(len, self.failures().values()))
        if failed != self._told:
            self._told = failed
            print(failures.report(self.trials))
            if self._failing():
                print(f"The search ends: the last {self.max_consecutive_failed_trials} trials failed in a row.")

    # Files

    def get_state(self) -> dict[str, Any]:
        return {
            **super().get_state(),
            "oracle": type(self).__name__,
            "objective": self._objective_fact(),
            "given_up_at": self._given_up_at,
        }

    def _objective_fact(self) -> list[list[str]]:
        each = getattr(self.objective, "objectives", [self.objective])
        return [[one.name, one.direction] for one in each]

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``get_state`` gave, with the trials already loaded.

        Raises:
            ValueError: When it is not the state of such an oracle; then nothing changes.
        """
        before = dict(vars(self))
        try:
            name = state.get("oracle", type(self).__name__)
            if name != type(self).__name__:
                raise ValueError(f"it is that of {name}")
            objective = state.get("objective", self._objective_fact())
            if objective != self._objective_fact():
                raise ValueError(f"its objective is {objective}, not {self._objective_fact()}")
            super().set_state(state)
            self._forgiven = self._given_up_at = int(state.get("given_up_at", 0))
            self._restore(state)
        except BAD_STATE as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise ValueError(
                f"Expected the state of a {type(self).__name__} oracle, got another ({_told(error)})."
            ) from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        """What a subclass keeps beyond KerasTuner's state."""

    def save(self) -> None:
        with locked(self, self._lock):
            if self._depth:
                self._unsaved = True
                return
            text, file = json.dumps(self.get_state()), self._get_oracle_fname()
            if text != self._written or not os.path.exists(file):
                write_atomically(file, text, sync=False)
                self._written = text
            self._unsaved = False

    def _save_trial(self, trial: Any) -> None:
        folder = self._get_trial_dir(trial.trial_id)
        state = {**trial.get_state(), "runs": self._run_times[trial.trial_id]}
        write_atomically(os.path.join(folder, "trial.json"), json.dumps(state), sync=False)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold the lock, and save once at the end what is to be saved."""
        with locked(self, self._lock):
            self._depth += 1
            try:
                yield
            except Exception:
                self._leave()
                raise
            except BaseException:  # what interrupts anywhere may leave halves
                self._depth -= 1
                raise
            self._leave()

    def _leave(self) -> None:
        self._depth -= 1
        if not self._depth and self._unsaved:
            self.save()

    def _set_project_dir(self, directory: str, project_name: str) -> None:
        super()._set_project_dir(directory, project_name)
        # KerasTuner loads a project only when the file of its tuner is there, which it writes in place and after the
        # first trial. It holds nothing but {}.
        folder = Path(directory) / project_name
        file = folder / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        begun = file if distributed.role() == "worker" else folder / "oracle.json"
        if begun.exists() and not _is_json(file):
            write_atomically(file, "{}")

    def reload(self) -> None:
        """Load the project, and bring its files to one story after a kill between two of them.

        Raises:
            ValueError: When a file is not one that this oracle wrote; nothing is changed then.
        """
        before = dict(vars(self))
        file = Path(self._get_oracle_fname())
        try:
            self.trials, runs = {}, {}
            for file in sorted(Path(self._project_dir).glob("trial_*/trial.json")):
                state = json.loads(file.read_text())
                trial = trial_module.Trial.from_state(state)
                self.trials[trial.trial_id], runs[trial.trial_id] = trial, int(state.get("runs", 0))
            self.trials = dict(sorted(self.trials.items(), key=lambda pair: int(pair[0])))
            file = Path(self._get_oracle_fname())
            self.set_state(json.loads(file.read_text()))
            unknown = [trial_id for trial_id in self.trials if trial_id not in set(self.start_order)]
            for trial_id in unknown:
                del self.trials[trial_id]
            self._mend(runs)
        except (*BAD_STATE, OSError) as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise ValueError(
                f"Expected {file} to be a whole file of a {type(self).__name__} search, got another "
                f"({_told(error.__cause__ or error)}); restore it, choose another project_name, or pass overwrite=True "
                "to start over."
            ) from error
        for trial_id in unknown:
            shutil.rmtree(self._get_trial_dir(trial_id))

    def _mend(self, runs: Mapping[str, int]) -> None:
        """Take in what trials say that the state does not know yet.

        Args:
            runs: How often each trial was run, as its own file says.
        """
        self.start_order = [trial_id for trial_id in self.start_order if trial_id in self.trials]
        self.end_order = [trial_id for trial_id in self.end_order if trial_id in self.trials]
        ended, again, kept = set(self.end_order), [], self._kept_by_workers()
        for trial_id, trial in self.trials.items():
            self._run_times[trial_id] = max(self._run_times[trial_id], runs[trial_id])
            if trial_id in kept.values():
                continue
            if trial.status not in DONE:
                trial.metrics = type(trial.metrics)()
                trial.score, trial.best_step = None, 0
                again.append(trial_id)
            elif trial_id not in ended:
                self.update_space(trial.hyperparameters)
                self._record_values(trial)
                self.end_order.append(trial_id)
                self._ended(trial)
        self._retry_queue = again[::-1]  # the last one is taken first
        self.ongoing_trials = {tuner_id: self.trials[trial_id] for tuner_id, trial_id in kept.items()}

    def _kept_by_workers(self) -> dict[str, str]:
        """The trials, by tuner, that went on in other processes while this one, a chief, was not there."""
        if distributed.role() != "chief":
            return {}
        return {
            tuner_id: trial.trial_id
            for tuner_id, trial in self.ongoing_trials.items()
            if trial.status == STATUS.RUNNING and tuner_id != os.environ["KERASTUNER_TUNER_ID"]
        }


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except (OSError, ValueError):
        return False
    return True


def _told(error: BaseException) -> str:
    """An error in a few words."""
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    return str(error).rstrip(".") or type(error).__name__
