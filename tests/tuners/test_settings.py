"""Methods and their settings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autonas_keras import tuners
from autonas_keras.blocks import IMAGES, TABLES
from autonas_keras.spaces import CellSpace, JoinedSpace, MacroSpace
from autonas_keras.training import Augment


@pytest.mark.parametrize("name", tuners.TUNERS)
def test_every_method_is_known_by_name_class_and_object(name: str) -> None:
    method = tuners.get_method(name)
    assert method.name == name and method == tuners.get_method(type(method)) == tuners.get_method(method)
    assert method.facts()["name"] == name
    assert hash(method) == hash(tuners.get_method(name))


def test_numpys_numbers_are_kept_as_pythons() -> None:
    method = tuners.BigNas(
        search_epochs=np.int64(3),
        search_learning_rate=np.float32(0.5),
        learning_rate=np.float64(0.25),
        retrain=np.True_,
    )
    assert json.loads(json.dumps(method.facts()))["search_epochs"] == 3
    assert (method.search_learning_rate, method.learning_rate, method.retrain) == (0.5, 0.25, True)
    assert method.retrain is True


@pytest.mark.parametrize("retrain", [1, 0, "fine-tune", None])
def test_how_to_retrain_is_said_in_one_of_three_ways(retrain: Any) -> None:
    with pytest.raises(ValueError, match='Expected retrain to be True, False or "finetune", got'):
        tuners.BigNas(retrain=retrain)


def test_settings_are_changed_by_keyword() -> None:
    assert tuners.get_method(tuners.Darts(order=2), search_epochs=3) == tuners.Darts(order=2, search_epochs=3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"order": 3}, "order to be 1 or 2, got 3"),
        ({"search_epochs": 0}, "search_epochs to be a positive integer, got 0"),
        ({"search_batch_size": 2.5}, "search_batch_size"),
        ({"partial_channels": True}, "partial_channels"),
        ({"sampling": "gumble"}, "did you mean 'gumbel'"),
        ({"selection": "pt"}, "selection to be one of"),
        ({"cells": -1}, "cells"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"drop_path": 1.0}, "drop_path"),
        ({"augment": "yes"}, "augment"),
        ({"cutout": -1}, "cutout"),
        ({"cost": "flop"}, "did you mean .flops."),
        ({"cost_weight": -1.0}, "cost_weight"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tuners.Darts(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"skip_target": 1.0}, "skip_target to be a rate between 0 and 1, got 1.0"),
        ({"skip_weight": -0.1}, "skip_weight to be a number that is not negative"),
        ({"tanh_constant": 0}, "tanh_constant to be a positive number or None"),
        ({"controller_learning_rate": -1.0}, "controller_learning_rate"),
        ({"controller_steps": 0}, "controller_steps"),
        ({"controller_batch_size": 0}, "controller_batch_size"),
    ],
)
def test_wrong_settings_of_a_controller_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tuners.Enas(**settings)


def test_the_controller_of_the_macro_space_is_held_to_a_rate_of_skip_inputs() -> None:
    macro, cells = JoinedSpace({"block": MacroSpace.enas()}), JoinedSpace({"block": CellSpace.darts()})
    found = tuners.Enas().controller(macro, seed=0).settings()
    assert len(found["prior"]) == 66 and found["prior"]["block/skip_3_12"] == [0.6, 0.4]
    # Summed over the skip inputs of a layer, averaged over the eleven layers that may have any.
    assert found["prior_weight"] == pytest.approx(0.8 / 11)
    assert (found["learning_rate"], found["tanh_constant"]) == (1e-3, 1.5)
    found = tuners.Enas().controller(cells, seed=0).settings()
    assert (found["prior"], found["learning_rate"], found["tanh_constant"]) == ({}, 3.5e-3, 1.1)
    assert found["batch_size"] == 1
    assert tuners.Enas(controller_batch_size=10).controller(cells, seed=0).settings()["batch_size"] == 10
    found = tuners.Enas(controller_learning_rate=0.02, tanh_constant=2.5, skip_weight=0).controller(macro, 0).settings()
    assert (found["prior_weight"], found["learning_rate"], found["tanh_constant"]) == (0, 0.02, 2.5)


def test_unknown_methods_and_settings_are_refused_with_close_names() -> None:
    with pytest.raises(ValueError, match="did you mean 'greedy'"):
        tuners.get_method("gredy")
    with pytest.raises(TypeError, match="settings of tuner 'random', got 'max_epoch'"):
        tuners.get_method("random", max_epoch=3)
    with pytest.raises(TypeError, match="by name, or one of"):
        tuners.get_method(7)  # type: ignore[arg-type]


def test_augmentation_follows_the_images_and_the_wish() -> None:
    colour, grey = (32, 32, 3), (28, 28)
    assert tuners.Darts().augmentation(colour, False) == Augment.auto(colour)
    assert tuners.Darts().augmentation(colour, True) == Augment(True, Augment.auto(colour).shift, 16)
    assert tuners.Darts().augmentation(grey, False) == Augment.auto(grey)
    assert tuners.Darts(augment=False).augmentation(colour, True) is None
    assert tuners.Darts(augment=Augment(shift=1)).augmentation(colour, True) == Augment(shift=1)
    assert tuners.Darts(augment=False, cutout=4).augmentation(grey, False) == Augment(cutout=4)
    assert tuners.Darts().augmentation(None, True) is None


def test_epochs_that_nobody_said_fall_with_the_samples() -> None:
    counts = [IMAGES.default_epochs(samples, 32) for samples in (2, 1437, 10_000, 1_000_000)]
    assert counts == sorted(counts, reverse=True) and counts[0] == 60 and counts[-1] == 15
    # Small tables are learnt by heart in more than 25 epochs, but 400 steps they get where that takes at most 75.
    assert [TABLES.default_epochs(samples, 32) for samples in (20, 320, 712, 5_000, 1_000_000)] == [75, 40, 25, 17, 12]


def test_drawn_operations_learn_at_a_lower_rate() -> None:
    assert tuners.Darts().rates == (0.1, 0.001)
    assert tuners.Darts(sampling="gumbel").rates == (0.025, 0.001)
    assert tuners.Darts(sampling="gumbel", search_learning_rate=(0.05, 0.01)).rates == (0.05, 0.01)
