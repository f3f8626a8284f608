"""From images to a found network, end to end."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from autonas_keras import tuners
from autonas_keras.blocks import IMAGES
from autonas_keras.spaces import Architecture
from autonas_keras.tasks import ImageClassifier, ImageRegressor
from tests.tasks.small import ONE_CELL, SPACE, TINY, digits, latency_table

QUICK: dict[str, Any] = {"space": ONE_CELL, "seed": 0, "search_epochs": 1, "search_cells": 1}


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageClassifier, Path]:
    """A classifier of digits with labels of one byte, fitted."""
    folder = tmp_path_factory.mktemp("found")
    x, y = digits(240)
    clf = ImageClassifier(space=SPACE, seed=0, search_epochs=2, directory=folder, project_name="digits")
    history = clf.fit(x, y.astype("uint8"), epochs=8, verbose=0)
    assert len(history.history["loss"]) == 8
    return clf, folder


def test_a_network_is_found_that_predicts_in_the_dtype_given(found: tuple[ImageClassifier, Path]) -> None:
    clf, _ = found
    x, y = digits(240)
    predicted = clf.predict(x, verbose=0)
    assert predicted.dtype == np.uint8 and predicted.shape == y.shape
    loss, accuracy = clf.evaluate(x, y, verbose=0)
    assert accuracy == pytest.approx((predicted == y).mean())
    assert accuracy > 0.5


def test_the_leaderboard_tells_what_was_tried(found: tuple[ImageClassifier, Path]) -> None:
    clf, _ = found
    table = clf.leaderboard()
    assert isinstance(table, pd.DataFrame) and len(table) == 1
    row = table.iloc[0]
    assert row.status == "COMPLETED" and row.seconds > 0 and 0 <= row.val_accuracy <= 1
    assert SPACE.parse(row.architecture) == clf.best_architecture
    assert row.params == sum(w.size for w in map(np.asarray, clf.export_model().trainable_weights))
    assert row.flops > row.params


def test_the_best_architecture_is_a_point_of_the_space(found: tuple[ImageClassifier, Path], tmp_path: Path) -> None:
    clf, _ = found
    assert isinstance(clf.best_architecture, Architecture) and clf.best_architecture in SPACE
    for suffix in ("png", "svg"):
        assert clf.plot_architecture(tmp_path / f"cell.{suffix}").stat().st_size > 1000


def test_the_exported_model_needs_nothing_but_keras(found: tuple[ImageClassifier, Path], tmp_path: Path) -> None:
    clf, _ = found
    x, _ = digits(240)
    clf.export_model().save(tmp_path / "found.keras")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", clf.export_model().predict(x, verbose=0))
    program = (
        "import sys; sys.modules.update({n: None for n in ('autonas_keras', 'autokeras', 'keras_tuner')});"
        "import keras, numpy as np;"
        "y = keras.saving.load_model(sys.argv[1] + '/found.keras').predict(np.load(sys.argv[1] + '/x.npy'), verbose=0);"
        "assert np.abs(y - np.load(sys.argv[1] + '/y.npy')).max() < 1e-5"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=tmp_path)


def test_the_exported_model_is_made_of_stock_layers(found: tuple[ImageClassifier, Path]) -> None:
    clf, _ = found
    model = clf.export_model()
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert model.input_shape == (None, 8, 8) and model.output_shape == (None, 10)


def test_saved_model_and_tflite_exports_run(found: tuple[ImageClassifier, Path], tmp_path: Path) -> None:
    import tensorflow as tf

    clf, _ = found
    x, _ = digits(240)
    model = clf.export_model()
    expected = model.predict(x[:4], verbose=0)
    model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded.serve(tf.constant(x[:4])), expected, atol=1e-5)
    lite = tf.lite.Interpreter(
        model_content=tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert()
    )
    entry, out = lite.get_input_details()[0], lite.get_output_details()[0]
    lite.resize_tensor_input(entry["index"], (4, 8, 8))
    lite.allocate_tensors()
    lite.set_tensor(entry["index"], x[:4])
    lite.invoke()
    np.testing.assert_allclose(lite.get_tensor(out["index"]), expected, atol=1e-4)


def test_the_same_call_again_loads_what_was_found(
    found: tuple[ImageClassifier, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clf, folder = found
    x, y = digits(240)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(keras.Model, "fit", refuse)
    again = ImageClassifier(space=SPACE, seed=0, search_epochs=2, directory=folder, project_name="digits")
    np.testing.assert_array_equal(again.predict(x, verbose=0), clf.predict(x, verbose=0))
    history = again.fit(x, y.astype("uint8"), epochs=8, verbose=0)
    assert len(history.history["loss"]) == 8
    assert again.best_architecture == clf.best_architecture
    assert again.leaderboard().equals(clf.leaderboard())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": TINY}, r"with graph\.blocks\.space\.operations = "),
        ({"seed": 1}, "with seed = 0, got 1"),
        ({"tuner": "random", "search_epochs": None}, 'with tuner.name = "darts", got "random"'),
        ({"search_epochs": 3}, "tuner.search_epochs = 2, got 3"),
        ({"limits": {"params": 100_000}}, "with limits.params = null, got 100000"),
    ],
)
def test_the_folder_of_another_search_is_refused(
    found: tuple[ImageClassifier, Path], changes: dict[str, Any], words: str
) -> None:
    _, folder = found
    arguments = {"space": SPACE, "seed": 0, "search_epochs": 2, **changes}
    arguments = {name: value for name, value in arguments.items() if value is not None}
    with pytest.raises(ValueError, match=words):
        ImageClassifier(directory=folder, project_name="digits", **arguments)


def test_other_data_than_the_folder_was_searched_on_is_refused(found: tuple[ImageClassifier, Path]) -> None:
    clf, _ = found
    x, y = digits(240)
    for changed, words in (
        ({"x": np.repeat(x, 2, axis=1)}, "data.inputs = .*16"),
        ({"y": y.astype("int64")}, "data.targets.dtype"),
        ({"y": np.where(y == 9, 10, y).astype("uint8")}, "got .*10"),
        ({"x": x + 1}, "data.content"),
        ({"epochs": 9}, "fit.epochs = 8, got 9"),
    ):
        with pytest.raises(ValueError, match=f"Expected the search that .* belongs to, .*{words}"):
            clf.fit(**{"x": x, "y": y.astype("uint8"), "epochs": 8, "verbose": 0, **changed})


def test_fit_leaves_the_globals_of_the_process_alone(tmp_path: Path) -> None:
    from tensorflow.python.framework import ops

    x, y = digits(60)
    names = len(ops.gradient_registry.list())
    random.seed(5)
    np.random.seed(5)
    keras.utils.clear_session()
    keras.config.set_dtype_policy("float32")
    before = random.getstate(), np.random.get_state()[1].tolist()
    ImageClassifier(directory=tmp_path, **QUICK).fit(x, y, epochs=1, verbose=0)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert len(ops.gradient_registry.list()) == names
    assert keras.layers.Dense(1).name == "dense"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"order": 2, "partial_channels": 2},
        {"sampling": "gumbel", "skip_limit": 1},
        {"selection": "perturbation"},
        {"cells": 3, "channels": 4, "drop_path": 0.2, "auxiliary": 0.4, "cutout": 2},
    ],
)
def test_options_of_darts_run_to_the_end(settings: dict[str, Any], tmp_path: Path) -> None:
    x, y = digits(60)
    clf = ImageClassifier(directory=tmp_path, **{**QUICK, "search_epochs": 2, "warmup_epochs": 0, **settings})
    clf.fit(x, y, epochs=1, verbose=0)
    assert clf.best_architecture in ONE_CELL and clf.predict(x, verbose=0).shape == y.shape


@pytest.mark.slow(seconds=25)
def test_memory_stays_flat_over_searches(tmp_path: Path) -> None:
    import gc
    import resource

    x, y = digits(60)
    pages = []
    for i in range(7):
        clf = ImageClassifier(
            directory=tmp_path, project_name=f"search_{i}", space=ONE_CELL, seed=0, search_cells=1, search_epochs=1
        )
        clf.fit(x, y, epochs=1, verbose=0)
        del clf
        gc.collect()
        pages.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6)
    # Medians: now and then the allocator gives back a hundred MB, and takes them again.
    growth = float(np.median(pages[4:]) - np.median(pages[1:4])) / 3
    assert growth < 5, f"{growth:.1f} MB a search: {pages}"


TARGETS = {
    "strings": lambda y: np.array([f"digit {v}" for v in y]),
    "booleans of a series": lambda y: pd.Series(y > 4),
    "one-hot": lambda y: np.eye(10, dtype="float32")[y],
}


@pytest.mark.parametrize("make", TARGETS.values(), ids=TARGETS)
def test_targets_of_every_kind(make: Any, tmp_path: Path) -> None:
    x, y = digits(80)
    target = make(y)
    clf = ImageClassifier(directory=tmp_path, **QUICK)
    clf.fit(x.astype("uint8"), target, epochs=1, batch_size=512, verbose=0)
    predicted = clf.predict(x, verbose=0)
    given = np.asarray(target)
    assert predicted.shape == given.shape and predicted.dtype == given.dtype
    assert set(predicted.ravel().tolist()) <= set(given.ravel().tolist())
    agrees = (predicted == given).reshape(len(x), -1).all(axis=1).mean()
    assert clf.evaluate(x, target, verbose=0)[1] == pytest.approx(agrees)


def test_several_labels_for_an_image(tmp_path: Path) -> None:
    x, y = digits(80)
    target = np.stack([y > 4, y % 2 == 0, y == 3], axis=1).astype("int64")
    clf = ImageClassifier(directory=tmp_path, multi_label=True, **QUICK)
    clf.fit(x, target, epochs=1, verbose=0)
    predicted = clf.predict(x, verbose=0)
    assert predicted.shape == target.shape and predicted.dtype == target.dtype
    assert clf.evaluate(x, target, verbose=0)[1] == pytest.approx((predicted == target).mean())


def test_a_dataset_and_colour_images_of_odd_size(tmp_path: Path) -> None:
    import tensorflow as tf

    x, y = digits(80)
    colour = np.stack([np.pad(x, ((0, 0), (0, 1), (3, 0)))] * 3, axis=-1).astype("uint8")
    dataset = tf.data.Dataset.from_tensor_slices((colour, y)).batch(16)
    clf = ImageClassifier(directory=tmp_path, **QUICK)
    clf.fit(dataset, epochs=1, validation_data=(list(colour), pd.Series(y)), verbose=0)
    assert clf.export_model().input_shape == (None, 9, 11, 3)
    assert clf.predict(dataset, verbose=0).shape == (80,)
    assert len(clf.evaluate(dataset, verbose=0)) == 2


def test_datasets_are_read_by_the_shape_that_was_trained_on(tmp_path: Path) -> None:
    import tensorflow as tf

    slices = tf.data.Dataset.from_tensor_slices
    x, y = digits(40)
    clf = ImageClassifier(directory=tmp_path / "grey", **QUICK)
    clf.fit(x, y, epochs=1, verbose=0)
    expected = clf.predict(x, verbose=0)
    for size in (4, 8):  # as many as rows and columns, too
        batches = slices(x).batch(size, drop_remainder=True)
        np.testing.assert_array_equal(clf.predict(batches, verbose=0), expected)
    np.testing.assert_array_equal(clf.predict(slices(x), verbose=0), expected)
    np.testing.assert_array_equal(clf.predict(slices((x, y)).batch(8, drop_remainder=True), verbose=0), expected)
    assert clf.evaluate(slices((x, y)).batch(8, drop_remainder=True), verbose=0) == clf.evaluate(x, y, verbose=0)
    two = ImageClassifier(directory=tmp_path / "two", **QUICK)
    two.fit(slices((np.stack([x, x], axis=-1), np.eye(10)[y])), epochs=1, verbose=0)
    assert two.export_model().input_shape == (None, 8, 8, 2)


def test_a_regressor_works_in_the_units_of_its_targets(tmp_path: Path) -> None:
    x, _ = digits(100)
    target = (x.mean(axis=(1, 2)) * 1e5 + 3e6).astype("float64")
    reg = ImageRegressor(directory=tmp_path, **{"space": TINY, "seed": 0, "search_epochs": 1})
    reg.fit(x, target, epochs=15, batch_size=16, verbose=0)
    predicted = reg.predict(x, verbose=0)
    assert predicted.shape == target.shape and predicted.dtype == np.float64
    loss, error = reg.evaluate(x, target, verbose=0)
    assert loss == pytest.approx(error) == pytest.approx(np.mean((predicted - target) ** 2), rel=1e-3)
    assert error < 0.5 * target.var()


@pytest.mark.parametrize("name", ["random", "hyperband"])
def test_methods_of_autokeras_work_on_our_spaces(name: str, tmp_path: Path) -> None:
    x, y = digits(60)
    settings = {"max_epochs": 3} if name == "hyperband" else {}
    trials = 2 if name == "random" else 1
    times = latency_table(ONE_CELL, (8, 8, 1), 10)
    limits = {"params": 100_000, "latency_ms": float(np.median([times.latency_ms(a) for a in ONE_CELL.enumerate()]))}
    clf = ImageClassifier(
        tuner=name,
        space=ONE_CELL,
        seed=0,
        directory=tmp_path,
        max_trials=trials,
        limits=limits,
        latency=times,
        **settings,
    )
    clf.fit(x, y, epochs=1, verbose=0)
    table = clf.leaderboard()
    assert table.status.tolist() == ["COMPLETED"] * trials and table.val_loss.is_monotonic_increasing
    assert clf.predict(x, verbose=0).shape == y.shape
    assert clf.best_architecture in ONE_CELL
    assert times.latency_ms(clf.best_architecture) <= limits["latency_ms"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        ("mixed_float16", {"tuner": "spos", "evaluations": 3, "population_size": 2}),
        ("mixed_bfloat16", {"tuner": "darts"}),
        ("mixed_float16", {"tuner": "random", "max_trials": 1}),
    ],
)
def test_images_are_searched_in_mixed_precision(policy: str, settings: dict[str, Any], tmp_path: Path) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        shared = {} if settings["tuner"] == "random" else {"search_cells": 1, "search_epochs": 1}
        clf = ImageClassifier(space=ONE_CELL, directory=tmp_path, seed=0, **settings, **shared)
        x, y = digits(40, 2)
        x = 1000 * x  # beyond what half precision tells apart
        clf.fit(x.astype("uint16"), y, epochs=1, verbose=0)
        model = clf.export_model()
    finally:
        keras.config.set_dtype_policy(before)
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    # The lowest Keras rounds what enters a model to eight bits.
    assert float(np.ravel(layer.mean)[0]) == pytest.approx(x.mean(), rel=1e-3)
    assert {layer.compute_dtype for layer in model.layers} == {"float32", policy.removeprefix("mixed_")}
    outputs = model.predict(x, verbose=0)
    assert outputs.dtype == np.float32 and np.isfinite(outputs).all()
    model.save(tmp_path / "found.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "found.keras").predict(x, verbose=0), outputs)


def test_the_found_network_obeys_limits(found: tuple[ImageClassifier, Path], tmp_path: Path) -> None:
    x, y = digits(240)
    arguments: dict[str, Any] = {"space": SPACE, "seed": 0, "search_epochs": 2, "directory": tmp_path}
    params = int(found[0].leaderboard().params[0])  # the same search without a limit
    numbers = {"limits": {"params": np.int64(params - 1)}, "max_trials": np.int64(5), "max_model_size": np.int64(10**9)}
    bound = ImageClassifier(project_name="bound", **numbers, **arguments)
    bound.fit(x, y.astype("uint8"), epochs=np.int64(1), batch_size=np.int32(32), verbose=0)
    assert bound.leaderboard().params[0] < params
    with pytest.raises(ValueError, match=r"got params <= 10; the nearest that is feasible is params <= [\d,]+"):
        ImageClassifier(project_name="none", limits={"params": 10}, **arguments).fit(x, y, verbose=0)
    assert not (tmp_path / "none" / "search").exists()


@pytest.mark.parametrize(("name", "value"), [("max_trials", 0), ("max_trials", 1.5), ("max_model_size", "1M")])
def test_numbers_that_cannot_be_are_refused_before_the_folder_is_made(name: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"Expected {name} to be an integer of 1 or more, got {value!r}"):
        ImageClassifier(directory=tmp_path / "new", **{name: value})
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_foreign_tuner_class_is_used(tmp_path: Path) -> None:
    from autokeras import RandomSearch

    x, y = digits(60)
    clf = ImageClassifier(tuner=RandomSearch, space=ONE_CELL, max_trials=1, directory=tmp_path, seed=0)
    clf.fit(x, y, epochs=1, verbose=0)
    assert clf.predict(x, verbose=0).dtype == y.dtype
    assert isinstance(clf.export_model(), keras.Model)


def nan(x: np.ndarray) -> np.ndarray:
    return np.where(np.arange(x.size).reshape(x.shape) == 7, np.nan, x)


X, Y = digits(40)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": nan(X)}, "NaN or infinity in 1 of 40"),
        ({"x": X[:, 0]}, "Expected images in x of shape"),
        ({"x": X[:0], "y": Y[:0]}, "at least 2 samples in x, got 0"),
        ({"x": X[:1], "y": Y[:1]}, "at least 2 samples in x, got 1"),
        ({"y": np.zeros(40)}, "at least two classes in y, got only 0.0"),
        ({"y": Y[:-1]}, "got 40 in x, 39 in y"),
        ({"y": None}, "Expected y, got None"),
        ({"x": None}, "Expected x, got None"),
        ({"y": np.where(Y == 1, np.nan, Y)}, "a label for every sample"),
        ({"validation_split": 0.001}, "validation_split to leave samples on both sides"),
        ({"validation_split": 0}, "Expected validation_data or a validation_split"),
        ({"validation_split": 1.5}, "Expected validation_split between 0 and 1"),
        ({"validation_data": (X, Y + 1)}, "labels in the validation y that the training data has, got 10"),
        ({"validation_data": (X[:, :4], Y)}, "images in the validation x of shape"),
        ({"validation_data": (X, Y[:3])}, "got 40 in the validation x, 3 in the validation y"),
        ({"validation_data": (X[:0], Y[:0])}, "at least 1 samples"),
        ({"validation_data": X}, "validation_data as"),
        ({"batch_size": 0}, "batch_size to be a positive integer, got 0"),
        ({"epochs": 0}, "epochs to be a positive integer, got 0"),
    ],
)
def test_wrong_data_is_refused_before_training(arguments: dict[str, Any], words: str, tmp_path: Path) -> None:
    clf = ImageClassifier(directory=tmp_path, **QUICK)
    with pytest.raises(ValueError, match=words) as info:
        clf.fit(**{"x": X, "y": Y, "verbose": 0, **arguments})
    assert "\n" not in str(info.value)


def test_images_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    clf = ImageClassifier(directory=tmp_path, **QUICK)
    for x in (np.full(X.shape, "pixel"), "folder/of/images", {1, 2}):
        with pytest.raises(TypeError, match="Expected"):
            clf.fit(x, Y)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"tuner": "dart"}, ValueError, "got 'dart'; did you mean 'darts'"),
        ({"space": "dats"}, ValueError, "did you mean 'darts'"),
        ({"tuner": 3}, TypeError, "Expected a tuner by name"),
        ({"serach_epochs": 3}, TypeError, "did you mean 'search_epochs'"),
        ({"order": 3}, ValueError, "order to be 1 or 2"),
        ({"learning_rate": -1}, ValueError, "learning_rate to be a positive number"),
        ({"limits": {"param": 3}}, ValueError, "did you mean 'params'"),
        ({"limits": {"params": -3}}, ValueError, "positive number"),
        ({"limits": {"latency_ms": 3}}, ValueError, "Expected a latency table with a limit of latency_ms, got none"),
        ({"latency": "table.csv"}, TypeError, "Expected latency to be a LatencyTable, got str"),
        ({"seed": "a"}, ValueError, "seed"),
        ({"objective": "val_acuracy"}, ValueError, "did you mean 'val_accuracy'"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        ImageClassifier(directory=tmp_path, **arguments)


def test_methods_are_objects_too(tmp_path: Path) -> None:
    method = tuners.Darts(order=2, search_epochs=30, partial_channels=4)
    clf = ImageClassifier(tuner=method, directory=tmp_path, search_epochs=5)
    wanted = tuners.Darts(order=2, search_epochs=5, partial_channels=4)
    assert clf.tuner.method == wanted.settled(IMAGES)


def test_nothing_is_predicted_before_fit(tmp_path: Path) -> None:
    clf = ImageClassifier(directory=tmp_path, **QUICK)
    for call in (lambda: clf.predict(X), lambda: clf.evaluate(X, Y), clf.export_model, lambda: clf.best_architecture):
        with pytest.raises(ValueError, match="call fit first"):
            call()
    assert clf.leaderboard().empty


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Expected a directory with room that can be written"):
        ImageClassifier(directory=tmp_path / "file")


def test_a_project_of_autokeras_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image_classifier").mkdir()
    (tmp_path / "image_classifier" / "oracle.json").write_text("{}")
    with pytest.raises(ValueError, match="a project of autonas_keras, got a folder with oracle.json"):
        ImageClassifier(directory=tmp_path)
    ImageClassifier(directory=tmp_path, overwrite=True)


def test_attributes_are_those_of_autokeras(tmp_path: Path) -> None:
    clf = ImageClassifier(directory=tmp_path, objective="val_accuracy", max_trials=7, tuner="random", project_name="a")
    assert clf.objective.name == "val_accuracy" and clf.objective.direction == "max"
    assert clf.max_trials == 7 and clf.project_name == "a" and Path(clf.directory) == tmp_path
    facts = json.loads((tmp_path / "a" / "project.json").read_text())
    same = ImageClassifier(directory=tmp_path, objective="val_accuracy", max_trials=7, tuner="random", project_name="a")
    assert same.seed == clf.seed == facts["seed"]
