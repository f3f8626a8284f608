"""Children of an evolution begin with the weights of their parents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.tasks import ImageClassifier
from autonas_keras.training import inherit_weights
from autonas_keras.tuners import TrialTuner
from autonas_keras.tuners.inheriting import Inheritance
from tests.tasks.small import ONE_CELL, digits
from tests.tuners.test_resume import Killed, dies, same


def fitted(folder: Path, **settings: Any) -> ImageClassifier:
    x, y = digits(60)
    settings = {"max_trials": 3, "population_size": 2, "sample_size": 2, "inherit": True, **settings}
    clf = ImageClassifier(tuner="evolution", space=ONE_CELL, seed=0, directory=folder, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


def chain(width: int, depth: int = 2, seed: int = 0) -> keras.Model:
    with own_randomness(seed):
        x = inputs = keras.Input((6, 6, 2))
        for place in range(depth):
            x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv_{place}")(x)
            x = keras.layers.ReLU()(keras.layers.BatchNormalization(name=f"norm_{place}")(x))
            x = keras.layers.DepthwiseConv2D(3, padding="same", name=f"depthwise_{place}")(x)
        x = keras.layers.Dense(3, name="head")(keras.layers.GlobalAveragePooling2D()(x))
        return keras.Model(inputs, x)


def weights_of(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers}


def test_a_network_that_only_grew_wider_computes_what_its_parent_did() -> None:
    parent, child = chain(4), chain(6, seed=1)
    x = np.random.default_rng(0).standard_normal((3, 6, 6, 2)).astype("float32")
    assert inherit_weights(child, weights_of(parent), noise=0) == 7
    np.testing.assert_allclose(child(x), parent(x), rtol=1e-4, atol=1e-6)
    assert inherit_weights(parent, weights_of(chain(3, seed=2))) == 7


def grown(kind: str, width: int, seed: int = 0) -> keras.Model:
    """A network whose first layer has ``width`` units, read in some way."""
    layers = keras.layers
    with own_randomness(seed):
        x = inputs = keras.Input((4, 4, 3))
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name="first")(x)
        if kind == "separable":
            x = layers.SeparableConv2D(6, 3, depth_multiplier=2, name="reads")(x)
        elif kind == "grows":
            x = layers.SeparableConv2D(width + 2, 3, name="second")(x)
            x = layers.Conv2D(6, 1, name="reads")(layers.BatchNormalization(name="norm")(x))
        elif kind == "concatenated":
            other = layers.Conv2D(2 * width - 3, 1, name="other")(inputs)
            x = layers.Conv2D(6, 1, name="reads")(layers.Concatenate()([x, inputs, other]))
        elif kind == "flat":
            return keras.Model(inputs, layers.Dense(5, name="head")(layers.Flatten()(x)))
        elif kind == "sum":
            other = layers.Conv2D(width, 1, name="other")(inputs)
            x = layers.Conv2D(6, 1, name="reads")(layers.Add()([layers.ReLU()(x), other]))
        return keras.Model(inputs, layers.Dense(5, name="head")(layers.GlobalMaxPooling2D()(x)))


@pytest.mark.parametrize("kind", ["plain", "separable", "grows", "concatenated", "flat", "sum"])
@pytest.mark.parametrize("width", [5, 8])
def test_whatever_reads_repeated_units_shares_its_weights_out(kind: str, width: int) -> None:
    parent, child = grown(kind, 4), grown(kind, width, seed=1)
    x = np.random.default_rng(0).standard_normal((3, 4, 4, 3)).astype("float32")
    assert inherit_weights(child, weights_of(parent), noise=0) == sum(bool(layer.weights) for layer in child.layers)
    np.testing.assert_allclose(child(x), parent(x), rtol=1e-4, atol=1e-6)


def test_what_treats_units_in_another_way_begins_anew() -> None:
    def recurrent(units: int, seed: int) -> keras.Model:
        with own_randomness(seed):
            inputs = keras.Input((6, 3))
            x = keras.layers.LSTM(units, name="lstm")(keras.layers.Dense(4, name="dense")(inputs))
            return keras.Model(inputs, keras.layers.Dense(5, name="head")(x))

    parent, child = recurrent(4, 0), recurrent(8, 1)
    before = weights_of(child)
    assert inherit_weights(child, weights_of(parent)) == 1
    assert all((a == b).all() for a, b in zip(weights_of(child)["lstm"], before["lstm"], strict=True))
    assert inherit_weights(recurrent(4, 2), weights_of(parent)) == 3


def test_repeated_units_learn_different_things() -> None:
    parent, child, twin = grown("plain", 4), grown("plain", 8, seed=1), grown("plain", 8, seed=2)
    inherit_weights(child, weights_of(parent), seed=3)
    inherit_weights(twin, weights_of(parent), seed=3)
    x = np.random.default_rng(0).standard_normal((64, 4, 4, 3)).astype("float32")
    np.testing.assert_array_equal(child(x), twin(x))
    assert np.abs(child(x) - parent(x)).max() < 0.1 * np.abs(parent(x)).max()
    kernel = child.get_layer("first").get_weights()[0]
    before = np.abs(kernel[..., :4] - kernel[..., 4:]).max()
    child.compile(keras.optimizers.SGD(0.1), "mse")
    child.fit(x, np.random.default_rng(1).standard_normal((64, 5)), epochs=20, batch_size=16, shuffle=False, verbose=0)
    kernel = child.get_layer("first").get_weights()[0]
    assert 0 < before < np.abs(kernel[..., :4] - kernel[..., 4:]).max()


def test_only_layers_of_the_same_name_and_kernel_inherit() -> None:
    parent, child = chain(4), chain(4, depth=3, seed=1)
    before = weights_of(child)
    known = weights_of(parent)
    known["conv_0"] = [np.zeros((5, 5, 2, 4), "float32")]
    assert inherit_weights(child, known) == 6
    after = weights_of(child)
    for name, arrays in after.items():
        source = before if name in ("conv_0", "conv_2", "norm_2", "depthwise_2") else weights_of(parent)
        assert all((a == b).all() for a, b in zip(arrays, source.get(name, []), strict=False))


@pytest.mark.slow(seconds=10)
def test_children_take_over_what_agrees_and_a_killed_search_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, int] = {}
    original = Inheritance.bequeath

    def bequeath(self: Inheritance, trial_id: str, model: keras.Model) -> int:
        taken[trial_id] = original(self, trial_id, model)
        return taken[trial_id]

    monkeypatch.setattr(Inheritance, "bequeath", bequeath)
    whole = fitted(tmp_path / "whole")
    assert taken["0"] == taken["1"] == 0 and taken["2"] > 2
    files = sorted(path.stem for path in (tmp_path / "whole/image_classifier/inherited").iterdir())
    strategy = whole.tuner.oracle.strategy
    assert files == sorted(strategy.alive()) and len(files) == 2
    with monkeypatch.context() as patch:
        dies(patch, TrialTuner, "on_trial_end", 3)
        with pytest.raises(Killed):
            fitted(tmp_path / "killed")
    same(whole, fitted(tmp_path / "killed"))


def test_it_is_refused_where_networks_share_a_graph() -> None:
    with pytest.raises(ValueError, match="share_graph of None or False with inherit=True"):
        ImageClassifier(tuner="evolution", inherit=True, share_graph=True)
