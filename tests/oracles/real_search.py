"""A search of sixty tiny networks in a process that can be killed; run as a program."""

from __future__ import annotations

import sys
from typing import Any

import keras
import keras_tuner
import numpy as np

from autonas_keras import oracles

TRIALS = 60


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


def main(folder: str) -> None:
    """Search to the end, or from where it was."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 8, 8, 1)).astype("float32"), rng.integers(3, size=24)
    oracle = oracles.RegularizedEvolution(
        objective="val_loss", max_trials=TRIALS, seed=0, population_size=10, sample_size=3
    )
    tuner = Tuner(oracle=oracle, hypermodel=build, directory=folder, project_name="search")
    tuner.search(x, y, validation_data=(x, y), batch_size=12, epochs=1, shuffle=False, verbose=0)


if __name__ == "__main__":
    main(sys.argv[1])
