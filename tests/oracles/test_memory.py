"""Trials of networks in one process: what TensorFlow keeps of them is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras import oracles
from autonas_keras.oracles.gradients import gradient_registry

TRIALS, WARM = 12, 5


def build(hp: Any) -> keras.Model:
    """A small network, with activations whose gradients TensorFlow registers one by one."""
    filters = hp.Int("filters", 2, 64)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(filters, 3, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("silu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # else Keras traces a step twice
    return model


def tuner(folder: Path, trials: int) -> Any:
    oracle = oracles.RandomSearch(objective="loss", max_trials=trials, seed=0)
    return keras_tuner.Tuner(oracle=oracle, hypermodel=build, directory=str(folder), project_name="search")


def search(tuner: Any, **kwargs: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 8, 8, 1)).astype("float32"), rng.integers(3, size=32)
    tuner.search(x, y, epochs=1, verbose=0, **kwargs)


def resident() -> float:
    """Megabytes of memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_no_gradient_stays_registered_after_a_trial(tmp_path: Path) -> None:
    before = set(gradient_registry())
    during = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: during.append(len(gradient_registry())))
    search(tuner(tmp_path, 2), callbacks=[watch])
    assert min(during) > len(before), "nothing was registered: TensorFlow has mended the leak, or the test is blind"
    assert set(gradient_registry()) == before


@pytest.mark.slow(seconds=12)
def test_memory_is_flat_over_many_trials(tmp_path: Path) -> None:
    found: list[float] = []

    class Watched(keras_tuner.Tuner):
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            found.append(resident())

    oracle = oracles.RandomSearch(objective="loss", max_trials=TRIALS, seed=0)
    search(Watched(oracle=oracle, hypermodel=build, directory=str(tmp_path), project_name="search"))
    assert len(found) == TRIALS
    # With KerasTuner's own oracle it is more than 10 MB for each trial.
    growth = (found[-1] - found[WARM - 1]) / (TRIALS - WARM)
    assert growth < 1, f"{growth:.1f} MB more with each trial since number {WARM}: {found}"
