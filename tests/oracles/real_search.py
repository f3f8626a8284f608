"""A search of tiny networks and the way to kill it; run as a program so that it can fork.

Forked children share the imports, which take some seconds; nothing of TensorFlow runs before the fork.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from autonas_keras import oracles
from tests.forks import forked
from tests.oracles.searches import check_files

TRIALS = 12


def build(hp: Any) -> keras.Model:
    """A tiny network; eager steps, since tracing one would take longer than its training."""
    layers: list[Any] = [keras.Input((8, 8, 1))]
    for index in range(hp.Int("depth", 1, 3)):
        layers.append(keras.layers.Conv2D(hp.Choice(f"filters_{index}", [2, 4, 8]), hp.Choice("kernel", [1, 3])))
        if hp.Boolean("norm"):
            layers.append(keras.layers.BatchNormalization())
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


class Tuner(keras_tuner.Tuner):
    """Every trial starts from the same seed, so that one that was killed gives the same when it is run again."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        keras.utils.set_random_seed(7)
        return super().run_trial(trial, *args, **kwargs)


def search(folder: Path) -> None:
    """Search to the end, or from where it was."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 8, 8, 1)).astype("float32"), rng.integers(3, size=24)
    oracle = oracles.RegularizedEvolution(
        objective="val_loss", max_trials=TRIALS, seed=0, population_size=6, sample_size=3
    )
    tuner = Tuner(oracle=oracle, hypermodel=build, directory=folder, project_name="search")
    tuner.search(x, y, validation_data=(x, y), batch_size=24, epochs=1, shuffle=False, verbose=0)


def start(folder: Path) -> int:
    """The id of a process that searches."""
    return forked(lambda: search(folder), silent=True)


def ended(folder: Path) -> list[str]:
    file = folder / "search" / "oracle.json"
    return json.loads(file.read_text())["end_order"] if file.exists() else []


def main(folder: Path, kills: int) -> list[int]:
    """Kill one of two searches again and again; how many of its trials had ended at each kill."""
    rng, killed = random.Random(0), []
    whole, cut = start(folder / "whole"), start(folder / "cut")
    for number in range(kills):
        # Spread over the trials, each at a random moment of one of them.
        while len(ended(folder / "cut")) < 3 * number + 2:
            assert not os.waitpid(cut, os.WNOHANG)[0], "it ended before it could be killed"
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        os.kill(cut, signal.SIGKILL)
        os.waitpid(cut, 0)
        check_files(folder / "cut" / "search")
        killed.append(len(ended(folder / "cut")))
        cut = start(folder / "cut")
    assert os.waitpid(cut, 0)[1] == os.waitpid(whole, 0)[1] == 0, "a search raised"
    return killed


if __name__ == "__main__":
    gc.freeze()  # what is imported is no garbage, and stays shared with the children
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
