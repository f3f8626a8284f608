"""One search by a chief and workers, which all run the same script."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from autokeras.tuners import RandomSearch

from autonas_keras import oracles
from autonas_keras.oracles.worker import Client
from autonas_keras.tasks import ImageClassifier
from tests.tasks.small import ONE_CELL, digits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def variables() -> dict[str, str]:
    """KerasTuner's variables, without the id of the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "AUTONAS_KERAS_LEASE": "8"}


@pytest.mark.slow
def test_a_search_survives_its_worker_and_its_chief(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.tuners.fitted", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300)
    story = json.loads((tmp_path / "found.json").read_text())
    assert story["codes"] == {"chief": 0, "one": 0}, story["logs"]
    best, logs = story["best"], story["logs"]
    assert best["chief"] == best["one"] and best["one"]["epochs"] == 2
    assert best["one"]["trials"]["status"] == ["COMPLETED"] * 2
    assert sorted(story["ended"]) == ["0", "1"] and story["left"] == [[], []]
    # One process trains the final network, and goes on with it after its death.
    assert ["Training it for" in logs[name] for name in ("first", "chief", "one")] == [True, True, False]
    assert "Epoch 1/2" in logs["first"] and "Epoch 1/2" not in logs["chief"]
    model = keras.saving.load_model(tmp_path / "cast" / "search" / "best_model.keras")
    weights = b"".join(weight.tobytes() for weight in model.get_weights())
    assert hashlib.sha256(weights).hexdigest() == best["one"]["weights"]


@pytest.mark.slow
def test_a_search_that_cannot_be_shared_is_the_chiefs(
    tmp_path: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**variables, "KERASTUNER_TUNER_ID": "chief"}.items():
        monkeypatch.setenv(name, value)
    told: list[str] = []

    def poll() -> None:
        client = Client(oracles.Given("val_loss", max_trials=1))
        client.is_over = lambda: False
        while not told or told[-1] == "IDLE":
            told.append(client.create_trial("one").status)

    worker = threading.Thread(target=poll, daemon=True)
    worker.start()
    x, y = digits(80)
    chief = ImageClassifier(space=ONE_CELL, search_cells=1, search_epochs=1, directory=tmp_path)
    chief.fit(x, y, epochs=1, batch_size=16, verbose=0)
    worker.join(10)
    assert "IDLE" in told and told[-1] == "STOPPED"
    # A worker that comes later, and did not know the seed, finds the work done.
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "two")
    late = ImageClassifier(space=ONE_CELL, search_cells=1, search_epochs=1, directory=tmp_path)
    assert len(late.fit(x, y, epochs=1, batch_size=16, verbose=0).epoch) == 1
    assert late.best_architecture == chief.best_architecture
    for ours, theirs in zip(late.export_model().get_weights(), chief.export_model().get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="fit.batch_size = 16, got 8"):
        ImageClassifier(space=ONE_CELL, search_cells=1, search_epochs=1, directory=tmp_path).fit(
            x, y, epochs=1, batch_size=8, verbose=0
        )


@pytest.fixture
def worker(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**variables, "KERASTUNER_TUNER_ID": "one", "AUTONAS_KERAS_LEASE": "0.2"}.items():
        monkeypatch.setenv(name, value)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_worker_changes_nothing_and_trusts_no_old_search(tmp_path: Path, worker: None, overwrite: bool) -> None:
    folder = tmp_path / "image_classifier"
    folder.mkdir()
    (folder / "oracle.json").write_text("{}")
    (folder / "tuner0.json").write_text('{"finished": ' + ("true}" if overwrite else "false}"))
    before = files(tmp_path)
    clf: Any = ImageClassifier(tuner="random", space=ONE_CELL, directory=tmp_path, overwrite=overwrite)
    with pytest.raises(RuntimeError, match="Expected a chief that answers at 127"):
        clf.fit(*digits(80), verbose=0)
    assert files(tmp_path) == before


def test_tuners_of_autokeras_are_refused(tmp_path: Path, worker: None) -> None:
    with pytest.raises(
        ValueError, match="Expected a tuner by name where KERASTUNER_ORACLE_IP is set, got RandomSearch"
    ):
        ImageClassifier(tuner=RandomSearch, directory=tmp_path)


@pytest.mark.parametrize("process", ["chief", "one"])
def test_with_workers_no_training_is_the_only_one(
    tmp_path: Path, worker: None, process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASTUNER_TUNER_ID", process)
    tuner: Any = ImageClassifier(tuner="random", space=ONE_CELL, directory=tmp_path).tuner
    monkeypatch.setattr("autonas_keras.tuners.timed.image_shape", lambda graph: (8, 8))  # no data was seen
    with tuner.limited(20.0, time.monotonic()):
        assert not tuner.hasty and 0 < tuner.trial_seconds() < 10
        assert not tuner.search_is_overdue()
        monkeypatch.setattr(tuner.clock, "used", lambda: 0.45 * 20 + 5.1)
        assert tuner.search_is_overdue()
