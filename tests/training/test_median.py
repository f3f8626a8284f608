"""The median rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from autonas_keras.training import MedianStopping, checkpoint as checkpoint_module, fit_resumable, write_curves


def curves(folder: Path, mode: str) -> None:
    """Three trainings whose averages over two epochs are 2, 3 and 7, and over three 4, 3 and nothing."""
    sign = 1 if mode == "max" else -1
    for name, values in {"a": (1, 3, 8), "b": (3, 3, 3), "c": (6, 8)}.items():
        write_curves(folder / name, {"worth": [sign * value for value in values], "other": [0.0] * 9})


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_value_so_far_is_held_against_the_median_of_averages(mode: str, tmp_path: Path) -> None:
    curves(tmp_path, mode)
    sign = 1 if mode == "max" else -1

    def stops(*values: float, least: int = 3) -> bool:
        rule = MedianStopping(tmp_path, "worth", mode, min_trials=least)
        return rule.is_below([sign * value for value in values])

    assert stops(2.9, 1) and not stops(3, 1) and not stops(1, 3)
    assert not stops(0, 0, 0)  # two trainings had three epochs
    assert stops(0, 0, 0, least=2) and stops(3.4, 0, 0, least=2) and not stops(3.5, 0, 0, least=2)
    assert stops(float("nan"), float("nan"))


def test_a_training_does_not_count_its_own_earlier_end(tmp_path: Path) -> None:
    curves(tmp_path, "max")
    assert MedianStopping(tmp_path, "worth", "max", min_trials=2, name="b").is_below([3.0, 3.0])
    assert not MedianStopping(tmp_path, "worth", "max", min_trials=3, name="b").is_below([0.0, 0.0])


class Told(keras.callbacks.Callback):
    """Gives the epochs of a training values of its own."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["worth"] = self.values[epoch]


class Killed(Exception):
    pass


def train(folder: Path, name: str, values: list[float]) -> list[float]:
    """The values of a training of six epochs until it was stopped."""
    entry = keras.Input((1,))
    model = keras.Model(entry, keras.layers.Dense(1)(entry))
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.zeros((2, 1), "float32")
    rule = MedianStopping(folder, "worth", "max", warmup_epochs=2, min_trials=2, name=name)
    history = fit_resumable(
        model, (x, x), epochs=6, batch_size=2, seed=0, directory=folder / name / "training",
        callbacks=[Told(values), rule], verbose=0,
    )  # fmt: skip
    return history.history["worth"]


def test_trainings_know_one_another_by_their_files_also_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(train(tmp_path, "a", [4.0] * 6)) == len(train(tmp_path, "b", [4.0] * 6)) == 6
    assert len(train(tmp_path, "c", [5.0, 1, 1, 1, 1, 1])) == 6
    assert len(train(tmp_path, "d", [1.0] * 6)) == 3  # the first epoch after the warm-up
    # One that had a good first epoch is not stopped for those after a kill.
    original = checkpoint_module.TrainingCheckpoint.on_epoch_end

    def dies(self: Any, epoch: int, logs: Any = None) -> None:
        original(self, epoch, logs)
        if epoch == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module.TrainingCheckpoint, "on_epoch_end", dies)
        with pytest.raises(Killed):
            train(tmp_path, "e", [9.0, 1, 1, 1, 1, 1])
    assert train(tmp_path, "e", [9.0, 1, 1, 1, 1, 1]) == [9.0, 1, 1, 1, 1, 1]


def test_trainings_that_go_on_from_others_are_compared_by_their_epochs(tmp_path: Path) -> None:
    def ended(name: str, first: int, values: list[float]) -> int:
        entry = keras.Input((1,))
        model = keras.Model(entry, keras.layers.Dense(1)(entry))
        model.compile("sgd", "mse", run_eagerly=True)
        rule = MedianStopping(tmp_path, "worth", "max", warmup_epochs=0, min_trials=2, name=name)
        x = np.zeros((2, 1), "float32")
        return len(
            model.fit(x, x, initial_epoch=first, epochs=6, callbacks=[Told(values), rule], verbose=0).history["loss"]
        )

    curve = [1.0, 2, 3, 4, 5, 6]
    assert ended("a", 2, curve) == ended("b", 2, curve) == 4
    assert ended("c", 0, curve) == ended("d", 0, curve) == 6
    assert ended("e", 2, [0, 0, 3, 4, 5, 6]) == 4  # all have 3 there
    assert ended("f", 2, [0, 0, 2, 4, 5, 6]) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"mode": "up"}, "mode"), ({"min_trials": 0}, "min_trials"), ({"warmup_epochs": -1}, "warmup_epochs")],
)
def test_wrong_arguments_are_refused(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        MedianStopping(tmp_path, **settings)


def test_the_direction_is_told_by_the_name(tmp_path: Path) -> None:
    modes = [MedianStopping(tmp_path, name).mode for name in ("val_accuracy", "val_loss", "val_head_1_auc", "val_mse")]
    assert modes == ["max", "min", "max", "min"]
