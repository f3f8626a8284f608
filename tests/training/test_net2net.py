"""Wider and deeper networks compute what the network they come from computes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.training.net2net import deepen, widen

layers = keras.layers
X = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype("float32")


def network() -> keras.Model:
    """Convolution, batch normalisation, depthwise, concatenation, dense: each reads what another gives."""
    with own_randomness(0):
        x = inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="first")(x)
        x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
        y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(x)
        y = layers.SeparableConv2D(5, 3, padding="same", name="separable")(y)
        x = layers.Concatenate(name="concat")([y, layers.MaxPooling2D(3, 1, padding="same")(x)])
        x = layers.Conv2D(6, 3, strides=2, activation="relu", name="second")(x)
        x = layers.Dense(7, activation="relu", name="hidden")(layers.Flatten()(x))
        model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="last")(x))
        rng = np.random.default_rng(1)
        for layer in model.layers:  # as after a training: no zeros or ones
            layer.set_weights([weight + rng.uniform(0.05, 0.3, weight.shape) for weight in layer.get_weights()])
    return model


def same(one: keras.Model, other: keras.Model) -> None:
    np.testing.assert_allclose(other(X), one(X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "width"), [("first", 7), ("second", 9), ("hidden", 8)])
def test_a_wider_layer_changes_nothing(name: str, width: int) -> None:
    model = network()
    wider = widen(model, name, width, np.random.default_rng(0))
    assert wider.get_layer(name).kernel.shape[-1] == width
    assert wider.count_params() > model.count_params()
    same(model, wider)
    assert model.get_layer(name).kernel.shape[-1] < width


def test_new_units_repeat_old_ones_that_share_their_readers() -> None:
    model = network()
    wider = widen(model, "hidden", 15, np.random.default_rng(0))
    old, new = (m.get_layer("hidden").get_weights() for m in (model, wider))
    origin = [int(np.flatnonzero((old[0] == column[:, None]).all(0))[0]) for column in new[0].T]
    assert origin[:7] == list(range(7))
    reads, read = (m.get_layer("last").get_weights()[0] for m in (wider, model))
    for unit, source in enumerate(origin):
        np.testing.assert_allclose(reads[unit], read[source] / origin.count(source), rtol=1e-6)


def test_noise_moves_the_new_units_only() -> None:
    model = network()
    wider = widen(model, "hidden", 9, np.random.default_rng(0), noise=0.1)
    kernel = model.get_layer("hidden").get_weights()[0]
    found = wider.get_layer("hidden").get_weights()[0]
    np.testing.assert_array_equal(found[:, :7], kernel)
    assert not any((found[:, 7:] == column[:, None]).all(0).any() for column in kernel.T)


@pytest.mark.parametrize(
    ("name", "kind", "norm"),
    [("relu", "conv", False), ("relu", "conv", True), ("second", "depthwise", True), ("hidden", "dense", False)],
)
def test_a_layer_more_changes_nothing(name: str, kind: str, norm: bool) -> None:
    model = network()
    deeper = deepen(model, name, kind, norm=norm)
    assert len(deeper.layers) == len(model.layers) + (3 if norm else 2)
    same(model, deeper)
    same(model, deepen(deeper, name, kind, norm=norm))


def test_deeper_then_wider_then_trained_it_still_is_a_stock_model(tmp_path: Any) -> None:
    model = network()
    grown = widen(deepen(model, "relu", "conv", norm=True), "relu_deeper_1", 6, np.random.default_rng(0))
    same(model, grown)
    grown.save(tmp_path / "grown.keras")
    same(grown, keras.saving.load_model(tmp_path / "grown.keras"))


def test_what_cannot_be_grown_is_refused() -> None:
    model, rng = network(), np.random.default_rng(0)
    with pytest.raises(ValueError, match="before the last one to widen, got 'last'"):
        widen(model, "last", 5, rng)
    with pytest.raises(ValueError, match="more than the 4 units of 'first', got 4"):
        widen(model, "first", 4, rng)
    with pytest.raises(ValueError, match="named 'norm' of Dense, Conv1D, Conv2D, got a BatchNorm"):
        widen(model, "norm", 9, rng)
    with pytest.raises(ValueError, match="ends in ReLU .* got 'norm'"):
        deepen(model, "norm")
    x = keras.Input((4,))
    total = layers.Add(name="sum")([layers.Dense(4, name="part")(x), x])
    with pytest.raises(ValueError, match="got 'sum', a Add; widen another layer"):
        widen(keras.Model(x, layers.Dense(2)(total)), "part", 6, rng)


def grown(outputs: Any, inputs: list[Any], name: str = "wide") -> tuple[keras.Model, keras.Model]:
    """A model with random weights, and the same with a wider layer."""
    model, rng = keras.Model(inputs, outputs), np.random.default_rng(2)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.05, 0.3, weight.shape) for weight in layer.get_weights()])
    return model, widen(model, name, 7, np.random.default_rng(0))


def test_layers_that_are_used_twice_are_widened_once() -> None:
    # Two inputs, one pair of layers for both; and one reader of two functions of the same units.
    left, right = keras.Input((5,)), keras.Input((5,))
    wide, reader = layers.Dense(4, activation="relu", name="wide"), layers.Dense(3)
    twins = grown(layers.Concatenate()([reader(wide(left)), reader(wide(right))]), [left, right])
    rows = [X[:, 0, 0, :1] * np.arange(1, 6, dtype="float32") for _ in range(2)]
    np.testing.assert_allclose(twins[1](rows), twins[0](rows), rtol=1e-5)
    units = layers.Dense(4, name="wide")(left)
    reader = layers.Dense(3)
    one = grown(layers.Concatenate()([reader(layers.ReLU()(units)), reader(layers.Activation("tanh")(units))]), [left])
    np.testing.assert_allclose(one[1](rows[0]), one[0](rows[0]), rtol=1e-5)


def test_a_reader_of_other_units_too_is_refused() -> None:
    left = keras.Input((5,))
    reader = layers.Dense(3)
    both = [reader(layers.Dense(4, name="wide")(left)), reader(layers.Dense(4)(left))]
    with pytest.raises(ValueError, match="reads the same units wherever it is used"):
        grown(layers.Concatenate()(both), [left])


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", "sparsemax", "glu"])
def test_activations_that_mix_units_are_refused(activation: str) -> None:
    inputs = keras.Input((5,))
    behind = layers.Activation(activation)(layers.Dense(4, name="wide")(inputs))
    with pytest.raises(ValueError, match=f"treats units one by one at or behind a wider layer, got '{activation}'"):
        grown(layers.Dense(3)(behind), [inputs])
    if activation != "glu":
        inside = layers.Dense(4, activation=activation, name="wide")(inputs)
        with pytest.raises(ValueError, match=f"got '{activation}' in 'wide'"):
            grown(layers.Dense(3)(inside), [inputs])


def test_convolutions_in_groups_and_leaky_rectifiers_are_refused() -> None:
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3, groups=2, name="wide")(inputs)
    with pytest.raises(ValueError, match="without groups to widen, got 2 groups in 'wide'"):
        grown(layers.GlobalAveragePooling2D()(x), [inputs])
    leaky = keras.Model(inputs, layers.ReLU(negative_slope=0.2, name="leaky")(x))
    with pytest.raises(ValueError, match="ends in ReLU"):
        deepen(leaky, "leaky")
