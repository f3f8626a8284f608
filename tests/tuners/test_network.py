"""The training of discrete networks."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras import blocks, tuners
from autonas_keras.tuners.network import Plan, adapt, copy_adapted, make_optimizer, save_model, train
from autonas_keras.tuners.shared import CALIBRATION, SharedTuner
from autonas_keras.tuners.split import drawn_samples, halves
from autonas_keras.tuners.supernet import SupernetTuner
from tests.tasks.small import TINY, digits


def graph(classes: int = 10) -> blocks.Graph:
    image = blocks.ImageInput()
    head = blocks.ClassificationHead(loss="categorical_crossentropy")
    found = blocks.Graph(image, head(blocks.CellBlock(TINY)(blocks.Normalization()(image))))
    found.set_io_shapes(([np.array([9, 8, 8])], [np.array([9, classes])]))
    return found


def trained(method: tuners.Method, epochs: int = 1) -> tuple[keras.Model, Any]:
    x, y = digits(60)
    made = graph()
    return train(made, keras_tuner.HyperParameters(), (x, np.eye(10)[y]), Plan(method, epochs, 32, seed=0, verbose=0))


def test_drop_path_auxiliary_head_and_cutout_leave_a_network_of_stock_layers() -> None:
    model, history = trained(tuners.Darts(drop_path=0.3, auxiliary=0.4, cutout=2), epochs=2)
    assert "auxiliary_loss" in history.history
    assert len(model.outputs) == 1
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert not any(layer.name.startswith("auxiliary") for layer in model.layers)
    plain, _ = trained(tuners.Darts())
    assert [w.shape for w in plain.weights] == [w.shape for w in model.weights]
    moved = [w.shape for w, start in zip(model.get_weights(), plain.get_weights(), strict=True) if (w != start).any()]
    assert len(moved) > len(model.weights) / 2


def test_a_network_with_drop_path_sees_the_images_as_the_one_without() -> None:
    models = []
    for _ in range(2):
        inputs = keras.Input((1,))
        models.append(keras.Model(inputs, keras.layers.Normalization(name="normal")(inputs)))
    x = np.arange(10, dtype="float32")[:, None]
    adapt(models[0], x)
    copy_adapted(*models)
    np.testing.assert_array_equal(models[1].predict(x, verbose=0), models[0].predict(x, verbose=0))
    assert abs(models[1].predict(x, verbose=0).mean()) < 1e-6


def test_a_seed_gives_the_same_weights() -> None:
    a, b = (trained(tuners.Darts())[0].get_weights() for _ in range(2))
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_final_network_may_be_larger_than_the_space_says() -> None:
    model, _ = trained(tuners.Darts(cells=3, channels=8))
    assert model.get_layer("stem_conv").filters == 24
    assert any(layer.name.startswith("cell_2_") for layer in model.layers)


def test_normalization_sees_the_data_in_parts_and_spares_what_is_constant() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, (600, 4, 4, 2)).astype("float32")
    x[..., 1] = 7.0
    entry = keras.Input((4, 4, 2))
    layer = keras.layers.Normalization()
    model = keras.Model(entry, layer(keras.layers.Reshape((4, 4, 2))(entry)))
    adapt(model, x)
    y = model.predict(x, verbose=0)
    assert y[..., 0].mean() == pytest.approx(0, abs=1e-4) and y[..., 0].std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(y[..., 1], 0, atol=1e-5)
    np.testing.assert_allclose(model.predict(x + 1, verbose=0)[..., 1], 1, atol=1e-5)


def test_a_model_that_was_adapted_is_forgotten_like_any_other() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(2)(keras.layers.Normalization()(x)))
    adapt(model, np.arange(30, dtype="float32").reshape(10, 3))
    layer, model = weakref.ref(model.layers[-1]), None
    del x
    gc.collect()
    assert layer() is None


def test_layers_behind_something_that_learns_are_not_adapted() -> None:
    entry = keras.Input((3,))
    layer = keras.layers.Normalization()
    model = keras.Model(entry, layer(keras.layers.Dense(2)(entry)))
    adapt(model, np.full((10, 3), 5.0, "float32"))
    np.testing.assert_array_equal(layer.mean, 0)


def test_the_rate_rises_and_falls_to_nothing() -> None:
    rate = make_optimizer(tuners.Darts(learning_rate=0.1), 1000, 64)._learning_rate
    values = [float(rate(step)) for step in (0, 50, 500, 1000)]
    assert values[0] < values[1] > values[2] > values[3]
    assert values[1] == pytest.approx(0.1) and values[3] == pytest.approx(0, abs=1e-6)
    assert float(make_optimizer(tuners.Darts(), 1, 32)._learning_rate(0)) > 0


def test_a_model_is_saved_whole_or_not_at_all(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    save_model(model, tmp_path / "model.keras")
    old = (tmp_path / "model.keras").read_bytes()

    def torn(self: keras.Model, path: Any, *args: Any, **kwargs: Any) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Sequential, "save", torn)
    with pytest.raises(KeyboardInterrupt):
        save_model(model, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == old


@pytest.mark.parametrize("count", [4, 5, 101])
def test_halves_hold_every_class(count: int) -> None:
    classes = np.random.default_rng(0).integers(0, 2, count)
    learn, choose = halves(np.eye(2)[classes], 0)
    assert sorted([*learn, *choose]) == list(range(count)) and abs(len(learn) - len(choose)) <= 1
    for label, total in zip(*np.unique(classes, return_counts=True), strict=True):
        assert abs((classes[learn] == label).sum() - total / 2) <= 1
    assert halves(np.eye(2)[classes], 0)[0].tolist() == learn.tolist()


def test_few_samples_and_numbers_are_divided_too() -> None:
    assert [half.tolist() for half in halves(np.zeros((3, 1)), 0)] == [[0, 1, 2]] * 2
    learn, choose = halves((np.linspace(0, 1, 10), np.zeros(10)), 1)
    assert sorted([*learn, *choose]) == list(range(10)) and len(learn) == 5


def test_some_samples_of_sorted_data_are_of_every_class() -> None:
    y = np.repeat(np.arange(10), 300)
    drawn = drawn_samples({"x": y, "again": y}, 64, 0, 1)
    assert len(drawn["x"]) == 64 and set(drawn["x"]) == set(y)
    np.testing.assert_array_equal(drawn["x"], drawn["again"])
    np.testing.assert_array_equal(drawn["x"], drawn_samples(y, 64, 0, 1))
    assert not np.array_equal(drawn["x"], drawn_samples(y, 64, 1, 1))
    assert drawn_samples(y, 3000, 0) is y


def test_networks_with_shared_weights_are_judged_on_batches_of_several_classes() -> None:
    y = np.repeat(np.arange(10), 300)
    graph: Any = SimpleNamespace(oracle=SimpleNamespace(seed=0), _validation=(y, y), _named=lambda part: part, seed=0)
    calibration = SharedTuner.calibration(graph, y)
    assert len(calibration) == CALIBRATION and np.bincount(calibration, minlength=10).min() > 25
    x, targets = SharedTuner._judged(graph)
    np.testing.assert_array_equal(x, targets)
    assert min(len(set(targets[start : start + 50])) for start in range(0, len(targets), 50)) > 6


@pytest.mark.parametrize("order", [1, -1])
def test_what_diverged_wins_no_contest(order: int) -> None:
    objective = SimpleNamespace(direction="min", get_value=lambda metrics: metrics["val_loss"])
    tuner: Any = SimpleNamespace(oracle=SimpleNamespace(objective=objective))
    found: Any = [("diverged", {"val_loss": np.nan}), ("good", {"val_loss": 0.3}), ("worse", {"val_loss": 0.9})][
        ::order
    ]
    assert SupernetTuner._winner(tuner, found)[0] == "good"
