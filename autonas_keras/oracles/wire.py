"""What travels beside KerasTuner's messages: exact numbers, order, reasons, and who calls.

KerasTuner's protobuf rounds numbers to 32 bits, sorts the space by type (children before their parents), drops the
messages of trials, does not say who reports, and prints a line for each condition. So between processes of this
package the exact state goes as JSON in the metadata of the call, and the message holds ids only; a worker of
KerasTuner's own, which sends no metadata, is answered by messages alone.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from typing import Any

from keras_tuner.engine import hyperparameters, trial as trial_module
from keras_tuner.src import protos

KEY = "autonas-keras-bin"
LARGEST = 64 * 2**20  # bytes
OPTIONS = (
    ("grpc.max_metadata_size", LARGEST),
    ("grpc.absolute_max_metadata_size", LARGEST),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)


def address() -> str:
    """Where the chief listens, as KerasTuner's variables say."""
    return f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"


def pack(value: Any) -> tuple[tuple[str, bytes]]:
    """The metadata that carries a value of JSON."""
    text = json.dumps(value, default=lambda number: number.item())  # NumPy's numbers
    return ((KEY, zlib.compress(text.encode())),)


def unpack(metadata: Iterable[tuple[str, Any]] | None) -> dict[str, Any]:
    """What ``pack`` put into metadata; empty when nothing is there."""
    found = next((value for key, value in metadata or () if key == KEY), None)
    return json.loads(zlib.decompress(found)) if found is not None else {}


def short(trial: Any) -> Any:
    """The message of a trial whose state goes beside it."""
    status = trial_module.TrialStatus.to_proto(trial.status)
    return protos.get_proto().Trial(trial_id=trial.trial_id, status=status)


def read_trial(state: Any, proto: Any) -> Any:
    """The trial of an exact state, or of the message when there is none."""
    return trial_module.Trial.from_state(state) if state else trial_module.Trial.from_proto(proto)


def read_space(config: Any, proto: Any) -> Any:
    """The hyperparameters of an exact configuration, or of the message when there is none."""
    known = hyperparameters.HyperParameters
    return known.from_config(config) if config else known.from_proto(proto)
