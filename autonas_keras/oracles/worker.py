"""The oracle of a worker: it asks the chief, says that it lives, and knows when the chief does not."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from keras_tuner.engine import trial as trial_module
from keras_tuner.engine.hyperparameters import HyperParameters
from keras_tuner.errors import FatalRuntimeError
from keras_tuner.src import protos

from autonas_keras.oracles import wire
from autonas_keras.oracles.distributed import read_end
from autonas_keras.oracles.gradients import forget_gradients, gradient_registry
from autonas_keras.oracles.leases import BEATS, VARIABLE, lease_seconds
from autonas_keras.oracles.saving import PAUSE, STATUS, DurableOracle

PATIENCE = 5  # leases in which the chief may be started again
SILENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
RECONNECT = (
    # KerasTuner's channel waits for up to two minutes before it tries again.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
ATTRIBUTES = ("objective", "max_trials", "allow_new_entries", "tune_new_entries", "seed")  # the same in all processes

service = protos.get_service()


class Client:
    """What a worker has in the place of its oracle.

    After the end of the search it answers from the files of the project.

    Args:
        oracle: The worker's own oracle, made by the same script as that of the chief.
        overwrite: Whether the script starts over, so that the files that are there may be those of another search.
    """

    def __init__(self, oracle: DurableOracle, overwrite: bool = False) -> None:
        self._oracle, self._mistrusts = oracle, overwrite
        self.seconds = lease_seconds()
        self.tuner_id = os.environ["KERASTUNER_TUNER_ID"]
        # As KerasTuner's: of processes that train one model together, one reports.
        self.multi_worker, self.should_report = False, True
        self.is_over: Callable[[], bool] = lambda: read_end(oracle._project_dir, oracle) is not None
        channel = grpc.insecure_channel(wire.address(), options=(*wire.OPTIONS, *RECONNECT))
        self._stub = protos.get_service_grpc().OracleStub(channel)
        self._process = uuid.uuid4().hex
        self._heard: float | None = None  # when the chief was heard
        self._stop_beating: threading.Event | None = None
        self._gradients: set[str] = set()
        self._ended = self._read = False

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:
            return getattr(self._oracle, name)
        if not name.startswith("_") and self._ended:
            return getattr(self._files(), name)
        raise AttributeError(f"Expected an attribute that a worker has while it searches, got {name!r}.")

    # What KerasTuner calls

    def create_trial(self, tuner_id: str) -> Any:
        """The next trial; IDLE after a pause; STOPPED when the search is over, also when the chief has gone then."""
        self.rest()
        try:
            note = self._call("CreateTrial", service.CreateTrialRequest(tuner_id=tuner_id))
        except _OverError:
            self._ended, self._read = True, False
            return self._oracle._stopped()
        trial = trial_module.Trial.from_state(note["trial"])
        self.seconds = note["lease"]
        self._ended, self._read = trial.status == STATUS.STOPPED, False
        if trial.status == STATUS.IDLE:
            time.sleep(PAUSE)
        elif trial.status == STATUS.RUNNING:
            self._gradients = set(gradient_registry())
            self._beat(trial.trial_id)
        return trial

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Any:
        """Report the metrics of a trial."""
        if self.should_report:
            request = service.UpdateTrialRequest(trial_id=trial_id, metrics=metrics, step=step)
            note = self._call("UpdateTrial", request, metrics=dict(metrics))
            return trial_module.Trial.from_state(note["trial"])
        trial = self._oracle._stopped()
        trial.status = STATUS.RUNNING
        return trial

    def end_trial(self, trial: Any) -> None:
        """Report that a trial ended."""
        try:
            if self.should_report:
                self._call("EndTrial", service.EndTrialRequest(trial=wire.short(trial)), trial=trial.get_state())
        finally:
            self.rest()
            forget_gradients(self._gradients)

    def get_trial(self, trial_id: str) -> Any:
        """A trial of the search."""
        if self._ended:
            return self._files().get_trial(trial_id)
        note = self._call("GetTrial", service.GetTrialRequest(trial_id=trial_id))
        return trial_module.Trial.from_state(note["trial"])

    def get_best_trials(self, num_trials: int = 1) -> list[Any]:
        """The best trials, the best first."""
        if self._ended:
            return self._files().get_best_trials(num_trials)
        note = self._call("GetBestTrials", service.GetBestTrialsRequest(num_trials=num_trials))
        return [trial_module.Trial.from_state(state) for state in note["trials"]]

    def get_space(self) -> Any:
        """The hyperparameters that are searched."""
        if self._ended:
            return self._files().get_space()
        return HyperParameters.from_config(self._call("GetSpace", service.GetSpaceRequest())["space"])

    def update_space(self, hyperparameters: Any) -> None:
        """Add hyperparameters to those that are searched."""
        if self.should_report and not self._ended:
            self._call("UpdateSpace", service.UpdateSpaceRequest(), space=hyperparameters.get_config())

    # The end

    def join(self) -> None:
        """Wait until the chief answers and take over its seed, or until the files say that it has done its work.

        Raises:
            FatalRuntimeError: When there is no chief.
        """
        try:
            self._oracle.seed = self._call("GetSpace", service.GetSpaceRequest())["seed"]
        except _OverError:
            self._ended, self._read = True, False

    def detach(self) -> DurableOracle:
        """The worker's own oracle, loaded from the files of the search that ended."""
        self._ended = True
        return self._files()

    def _files(self) -> DurableOracle:
        if not self._read:
            if not os.path.exists(self._oracle._get_oracle_fname()):
                raise ValueError(
                    f"Expected the search of the chief in {self._oracle._project_dir}, got none; give all processes "
                    "the same directory on a disk that they share."
                )
            self._oracle.reload()
            self._read = True
        return self._oracle

    # Life signs

    def _beat(self, trial_id: str) -> None:
        """Ask for the trial again and again while it runs."""
        stop = self._stop_beating = threading.Event()

        def beat() -> None:
            while not stop.wait(self.seconds / BEATS):
                try:
                    self._once("GetTrial", service.GetTrialRequest(trial_id=trial_id), {}, self.seconds / BEATS)
                except grpc.RpcError:
                    pass  # who runs the trial will see it

        threading.Thread(target=beat, name=f"heartbeat of trial {trial_id}", daemon=True).start()

    def rest(self) -> None:
        """Send no life signs any more: the trial ended, or the search was left."""
        if self._stop_beating is not None:
            self._stop_beating.set()
            self._stop_beating = None

    # Calls

    def _call(self, name: str, request: Any, **exact: Any) -> dict[str, Any]:
        begin = None
        while True:
            try:
                return self._once(name, request, exact, self.seconds)
            except grpc.RpcError as error:
                if error.code() not in SILENT:
                    raise RuntimeError(error.details()) from None
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and self._answers():
                    continue  # it is busy
            now = time.monotonic()
            self._look(now if begin is None else begin, now)
            if begin is None:
                begin = now
                print(f"Waiting for the chief at {wire.address()}.")
            time.sleep(PAUSE)

    def _look(self, begin: float, now: float) -> None:
        """Go on waiting for the chief, or not."""
        # One that was not heard yet may be about to go on with a search that was over.
        if (self._heard is not None or now - begin > self.seconds / 4) and not self._mistrusts and self.is_over():
            raise _OverError
        patience = PATIENCE * self.seconds
        if now - (begin if self._heard is None else self._heard) > patience:
            raise FatalRuntimeError(
                f"Expected a chief that answers at {wire.address()}, got none for {patience:g} s; start it again, then "
                f"this worker: the search goes on where it was. {VARIABLE} says how long to wait, in fifths."
            )

    def _answers(self) -> bool:
        try:
            self._once("GetSpace", service.GetSpaceRequest(), {}, self.seconds / BEATS)
        except grpc.RpcError:
            return False
        return True

    def _once(self, name: str, request: Any, exact: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        process = None if self.multi_worker else self._process
        metadata = wire.pack({"tuner": self.tuner_id, "process": process, **exact})
        _, call = getattr(self._stub, name).with_call(request, timeout=seconds, metadata=metadata)
        self._heard, self._mistrusts = time.monotonic(), False
        return wire.unpack(call.trailing_metadata())


class _OverError(Exception):
    """The chief has gone, and the search is over."""
