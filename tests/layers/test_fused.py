"""Training with the fused kernel is training with the stock layer."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from autonas_keras.layers import fused_normalisation


def network(**settings: object) -> keras.Model:
    inputs = keras.Input((5, 4, 3))
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.GlorotUniform(1))(inputs)
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
    stock, fused = network(**settings), network(**settings)
    stock.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0)
    with fused_normalisation(fused):
        fused.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0)
        assert type(fused.layers[2]) is not keras.layers.BatchNormalization
    assert type(fused.layers[2]) is keras.layers.BatchNormalization
    for a, b in zip(stock.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stock.predict(x, verbose=0), fused.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_what_is_saved_in_between_is_the_stock_layer(tmp_path: Path) -> None:
    model = network()
    with fused_normalisation(model):
        model.save(tmp_path / "model.keras")
        assert "autonas" not in model.to_json()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[2]) is keras.layers.BatchNormalization


def test_other_layers_stay_as_they_are_and_errors_bring_the_stock_layer_back() -> None:
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inputs))
    with fused_normalisation(model):
        assert type(model.layers[1]) is keras.layers.BatchNormalization
    model = network()
    with pytest.raises(RuntimeError, match="stop"), fused_normalisation(model):
        raise RuntimeError("stop")
    assert type(model.layers[2]) is keras.layers.BatchNormalization


def test_it_runs_in_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network()
        with fused_normalisation(model):
            history = model.fit(np.ones((4, 5, 4, 3), "float32"), np.ones((4, 2), "float32"), epochs=2, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history.history["loss"]).all()
