"""The server of a chief: KerasTuner's gRPC service, with threads of its own and an end."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from keras_tuner.src import protos

from autonas_keras.oracles import wire
from autonas_keras.oracles.chief import Chief
from autonas_keras.oracles.leases import lease_seconds
from autonas_keras.oracles.saving import DurableOracle

THREADS = 32

service = protos.get_service()


@contextmanager
def serving(oracle: DurableOracle) -> Iterator[Chief]:
    """Answer workers inside, in threads of their own; at the end wait until they know.

    Raises:
        OSError: When the address cannot be listened at.
    """
    chief = Chief(oracle, lease_seconds())
    # Two servers may share a port where the system allows it; a second chief must not.
    server = grpc.server(ThreadPoolExecutor(THREADS), options=(*wire.OPTIONS, ("grpc.so_reuseport", 0)))
    protos.get_service_grpc().add_OracleServicer_to_server(_Servicer(chief), server)
    try:
        port = server.add_insecure_port(wire.address())
    except RuntimeError:
        port = 0
    if not port:
        raise OSError(
            f"Expected an address of this machine with a free port, got {wire.address()}, which cannot be listened at; "
            "change KERASTUNER_ORACLE_IP or KERASTUNER_ORACLE_PORT, or end the other chief."
        )
    pause, oracle.pause = oracle.pause, 0.0
    server.start()
    try:
        yield chief
        chief.linger()
    except Exception as error:
        chief.fail(error)
        chief.linger()
        raise
    finally:
        server.stop(1.0).wait()
        oracle.pause = pause


def serve(oracle: DurableOracle) -> None:
    """Serve an oracle until its search is over."""
    with serving(oracle) as chief:
        chief.open()
        chief.wait()


def _told(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the worker in one line what was raised."""

    @functools.wraps(answer)
    def told(self: Any, request: Any, context: Any) -> Any:
        try:
            return answer(self, request, context)
        except Exception as error:
            words = str(error) if self.chief._failure else f"{type(error).__name__} in the chief: {error}"
        return context.abort(grpc.StatusCode.FAILED_PRECONDITION, words)

    return told


class _Servicer(protos.get_service_grpc().OracleServicer):  # type: ignore[misc]
    """KerasTuner's service, with the exact state beside its messages."""

    def __init__(self, chief: Chief) -> None:
        self.chief, self.oracle = chief, chief.oracle

    @_told
    def GetSpace(self, request: Any, context: Any) -> Any:
        hp = self.oracle.get_space()
        if not _note(context):
            return service.GetSpaceResponse(hyperparameters=hp.to_proto())
        context.set_trailing_metadata(wire.pack({"space": hp.get_config(), "seed": self.oracle.seed}))
        return service.GetSpaceResponse()

    @_told
    def UpdateSpace(self, request: Any, context: Any) -> Any:
        found = wire.read_space(_note(context).get("space"), request.hyperparameters)
        with self.oracle._transaction():
            self.oracle.update_space(found)
        return service.UpdateSpaceResponse()

    @_told
    def CreateTrial(self, request: Any, context: Any) -> Any:
        trial = self.chief.create_trial(request.tuner_id, _note(context).get("process"))
        return service.CreateTrialResponse(trial=self._answer(context, trial))

    @_told
    def UpdateTrial(self, request: Any, context: Any) -> Any:
        note = _note(context)
        metrics = note.get("metrics") or dict(request.metrics)
        trial = self.chief.update_trial(request.trial_id, metrics, request.step, *_caller(note))
        return service.UpdateTrialResponse(trial=self._answer(context, trial))

    @_told
    def EndTrial(self, request: Any, context: Any) -> Any:
        note = _note(context)
        self.chief.end_trial(wire.read_trial(note.get("trial"), request.trial), *_caller(note))
        return service.EndTrialResponse()

    @_told
    def GetTrial(self, request: Any, context: Any) -> Any:
        trial = self.chief.get_trial(request.trial_id, *_caller(_note(context)))
        return service.GetTrialResponse(trial=self._answer(context, trial))

    @_told
    def GetBestTrials(self, request: Any, context: Any) -> Any:
        with self.oracle._transaction():
            trials = self.oracle.get_best_trials(request.num_trials)
        if not _note(context):
            return service.GetBestTrialsResponse(trials=[trial.to_proto() for trial in trials])
        context.set_trailing_metadata(wire.pack({"trials": [trial.get_state() for trial in trials]}))
        return service.GetBestTrialsResponse()

    def _answer(self, context: Any, trial: Any) -> Any:
        if not _note(context):
            return trial.to_proto()
        context.set_trailing_metadata(wire.pack({"trial": trial.get_state(), "lease": self.chief.leases.seconds}))
        return wire.short(trial)


def _note(context: Any) -> dict[str, Any]:
    """What a worker of this package sent beside its message; empty for one of KerasTuner's own."""
    return wire.unpack(context.invocation_metadata())


def _caller(note: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return note.get("tuner"), note.get("process")
