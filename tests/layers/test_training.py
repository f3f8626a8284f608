"""Training with faster kernels is training with the stock layers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from autonas_keras.layers import faster_training


def network(**settings: object) -> keras.Model:
    inputs = keras.Input((5, 4, 3))
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.GlorotUniform(1))(inputs)
    x = keras.layers.DepthwiseConv2D(
        5, padding="same", activation="tanh", depthwise_initializer=keras.initializers.GlorotUniform(3)
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-5, **settings)(x)
    x = keras.layers.Flatten()(keras.layers.Activation("tanh")(x))
    x = keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(2))(x)
    model = keras.Model(inputs, x)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("settings", [{}, {"scale": False, "center": False}, {"trainable": False}])
def test_weights_and_statistics_become_those_of_the_stock_layer(settings: dict[str, bool]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 5, 4, 3)).astype("float32"), rng.standard_normal((12, 2)).astype("float32")
    stock, fast = network(**settings), network(**settings)
    stock.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0)
    with faster_training(fast):
        fast.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0)
        assert type(fast.layers[2]) is not keras.layers.DepthwiseConv2D
        assert type(fast.layers[3]) is not keras.layers.BatchNormalization
    assert type(fast.layers[2]) is keras.layers.DepthwiseConv2D
    assert type(fast.layers[3]) is keras.layers.BatchNormalization
    for a, b in zip(stock.get_weights(), fast.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stock.predict(x, verbose=0), fast.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_what_is_saved_in_between_is_the_stock_layer(tmp_path: Path) -> None:
    model = network()
    with faster_training(model):
        model.save(tmp_path / "model.keras")
        assert "autonas" not in model.to_json()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[3]) is keras.layers.BatchNormalization


@pytest.mark.parametrize(
    "settings", [{"strides": 2}, {"dilation_rate": 2}, {"padding": "valid"}, {"depth_multiplier": 2}]
)
def test_other_convolutions_stay_as_they_are(settings: dict[str, object]) -> None:
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.DepthwiseConv2D(5, **{"padding": "same", **settings})(inputs))
    with faster_training(model):
        assert type(model.layers[1]) is keras.layers.DepthwiseConv2D


def test_other_layers_stay_as_they_are_and_errors_bring_the_stock_layer_back() -> None:
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inputs))
    with faster_training(model):
        assert type(model.layers[1]) is keras.layers.BatchNormalization
    model = network()
    with pytest.raises(RuntimeError, match="stop"), faster_training(model):
        raise RuntimeError("stop")
    assert type(model.layers[3]) is keras.layers.BatchNormalization


def test_it_runs_in_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network()
        with faster_training(model):
            history = model.fit(np.ones((4, 5, 4, 3), "float32"), np.ones((4, 2), "float32"), epochs=2, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history.history["loss"]).all()
