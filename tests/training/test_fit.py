"""Order of samples by seed and epoch, checkpoints, and searches that are cut and go on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.ops import convert_to_numpy as to_numpy

from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import CellSupernet
from autonas_keras.training import (
    Augment,
    BilevelModel,
    SkipDominance,
    TrainingCheckpoint,
    batches,
    fit_bilevel,
    fit_resumable,
    judged_batches,
    perturbation,
    select_by_perturbation,
)

SPACE = CellSpace(("sep_conv_3x3", "skip_connect", "none"), nodes=1, cells=3, channels=2)
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((24, 6, 6, 1)).astype("float32"), RNG.integers(0, 2, 24)


class Killed(Exception):
    pass


class KillAfter(keras.callbacks.Callback):
    """Raise before the given epoch, as a kill between two epochs would end it."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.seen == self.epoch:
            raise Killed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.seen = epoch


def rows(dataset: tf.data.Dataset, count: int) -> list[list[int]]:
    return [y.numpy().tolist() for _, y in dataset.take(count)]


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    data = (np.zeros((10, 1)), np.arange(10))
    whole = rows(batches(data, 3, seed=0), 9)
    assert rows(batches(data, 3, seed=0, initial_epoch=1), 6) == whole[3:]
    assert sorted(whole[0] + whole[1] + whole[2]) != whole[0] + whole[1] + whole[2]
    assert len({*whole[0], *whole[1], *whole[2]}) == 9
    assert rows(batches(data, 3, seed=1), 9) != whole
    assert rows(batches(data, 3, seed=-1), 9) != rows(batches(data, 3, seed=1), 9)


def test_batches_take_further_orders_when_an_epoch_wants_more_steps() -> None:
    data = (np.zeros((4, 1)), np.arange(4))
    long = rows(batches(data, 2, seed=0, steps=5), 10)
    assert rows(batches(data, 2, seed=0, initial_epoch=1, steps=5), 5) == long[5:]
    assert rows(batches(data, 99, seed=0), 1)[0] != []


def test_no_thread_tunes_the_batches() -> None:
    # On one core the end of each training waited for it, up to as long as the training took.
    data = (np.arange(10), np.arange(10))
    zipped = tf.data.Dataset.zip((batches(data, 3, seed=0), batches(data, 3, seed=1)))
    for dataset in (batches(data, 3, seed=0), judged_batches(data, 3), zipped):
        assert dataset.options().autotune.enabled is False
    assert [x.numpy().tolist() for x, y in judged_batches(data, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_augment_is_a_function_of_its_seed_and_keeps_shape_and_dtype() -> None:
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 9, 3)).astype("uint8")
    change = Augment(flip=True, shift=2, cutout=3)
    a, b, c = (change(tf.constant(images), tf.constant(seed)) for seed in ([0, 1], [0, 1], [0, 2]))
    assert a.dtype == tf.uint8 and a.shape == images.shape
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert np.array_equal(Augment()(tf.constant(images), tf.constant([0, 1])), images)


def test_shift_moves_pixels_and_fills_grey_images_with_zeros() -> None:
    images = np.zeros((64, 5, 5), "float32")
    images[:, 2, 2] = 1.0
    found = Augment(shift=1)(tf.constant(images), tf.constant([3, 4])).numpy()
    assert np.all(found.sum((1, 2)) == 1.0)
    places = {tuple(np.argwhere(image)[0]) for image in found}
    assert places == {(r, c) for r in (1, 2, 3) for c in (1, 2, 3)}


def search_model(seed: int = 0) -> BilevelModel:
    inputs = keras.Input((6, 6, 1))
    features = keras.layers.GlobalAveragePooling2D()(CellSupernet(SPACE, seed=seed, name="cell")(inputs))
    features = keras.layers.Dropout(0.3, seed=5)(features)
    kernel = keras.initializers.GlorotUniform(seed=1)
    model = BilevelModel(inputs, keras.layers.Dense(2, activation="softmax", kernel_initializer=kernel)(features))
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def search(directory: Path | None, seed: int = 0, callbacks: tuple = ()) -> tuple[BilevelModel, dict]:
    model = search_model(seed)
    history = fit_bilevel(
        model,
        (X[:12], Y[:12]),
        (X[12:], Y[12:]),
        epochs=4,
        batch_size=4,
        seed=seed,
        directory=directory,
        learning_rate=(0.05, 0.001),
        warmup_epochs=1,
        callbacks=callbacks,
        verbose=0,
    )
    return model, history.history


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[BilevelModel, dict, Path]:
    """A search that was never cut: its model, its history and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return *search(folder), folder


def test_a_cut_search_goes_on_to_the_same_bits(tmp_path: Path, whole: tuple[BilevelModel, dict, Path]) -> None:
    model, history, _ = whole
    for epoch in (0, 2):  # from the start, and from the file
        with pytest.raises(Killed):
            search(tmp_path, callbacks=(KillAfter(epoch),))
    again, resumed = search(tmp_path)
    for a, b in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b), err_msg=a.path)
    np.testing.assert_array_equal(history["loss"], resumed["loss"])
    assert np.isnan(history["alpha_loss"][0]) and not np.isnan(history["alpha_loss"][1])
    assert len(history["loss"]) == 4


def test_a_finished_search_is_not_trained_again(tmp_path: Path, whole: tuple[BilevelModel, dict, Path]) -> None:
    first, _, folder = whole
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    again, history = search(tmp_path, callbacks=(KillAfter(0),))
    for a, b in zip(first.architecture_weights, again.architecture_weights, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
    assert len(history["loss"]) == 4


def test_the_seed_decides_the_search_whether_it_is_kept_in_a_folder_or_not(
    whole: tuple[BilevelModel, dict, Path],
) -> None:
    alphas = [
        [to_numpy(v) for v in model.architecture_weights]
        for model in (whole[0], search(None, 0)[0], search(None, 1)[0])
    ]
    assert all(np.array_equal(x, y) for x, y in zip(alphas[0], alphas[1], strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(alphas[0], alphas[2], strict=True))


def test_skip_dominance_stops_the_search() -> None:
    class Skips(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            for layer in self.model.supernets:
                table = np.zeros(layer.alphas["normal"].shape)
                table[:, 1] = 5.0
                layer.alphas["normal"].assign(table)

    _, history = search(None, callbacks=(Skips(), SkipDominance(limit=2, after=1)))
    assert len(history["loss"]) == 2


def test_a_search_that_was_stopped_is_not_trained_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            self.model.stop_training = epoch == 1

    def die(self: TrainingCheckpoint, epochs: int) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TrainingCheckpoint, "finish", die)
        with pytest.raises(Killed):
            search(tmp_path, callbacks=(Stop(),))
    _, history = search(tmp_path, callbacks=(Stop(),))
    assert len(history["loss"]) == 2


def test_perturbation_repeats_and_puts_the_mixture_back() -> None:
    model = search_model()
    layer = model.supernets[0]
    before = layer.mixture()
    found = select_by_perturbation(model, (X, Y[:, None]), batch_size=8, seed=0, samples=16)
    again = select_by_perturbation(model, (X, Y[:, None]), batch_size=8, seed=0, samples=16)
    assert found == again and found["cell"] in SPACE
    for kind, table in layer.mixture().items():
        np.testing.assert_array_equal(table, before[kind])


def test_perturbation_judges_on_batches_in_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = search_model(), []
    original = type(model).compute_loss

    def compute_loss(self: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        tf.py_function(lambda part: seen.append(part.numpy().ravel().tolist()), [y], [])
        return original(self, x=x, y=y, **kwargs)

    monkeypatch.setattr(type(model), "compute_loss", compute_loss)
    order = np.argsort(Y, kind="stable")
    select_by_perturbation(model, (X[order], Y[order][:, None]), batch_size=8, seed=0, samples=16)
    assert all(len(batch) == 8 for batch in seen) and len(set(seen[0])) > 1 and len(set(seen[1])) > 1


def test_perturbation_decides_by_the_loss_and_not_by_the_alphas(monkeypatch: pytest.MonkeyPatch) -> None:
    space = CellSpace(("skip_connect", "max_pool_3x3", "none"), nodes=2, cells=3, channels=2)
    inputs = keras.Input((6, 6, 1))
    layer = CellSupernet(space, seed=0, name="cell")
    model = BilevelModel(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(layer(inputs))))
    model.compile("sgd", loss="mse")
    for kind in layer.alphas:
        layer.alphas[kind].assign(np.tile([[2.0, 0.0, 0.0]], (len(space.edges), 1)))
    assert "max_pool_3x3" not in str(layer.architecture())

    def loss() -> float:
        # Pooling is what the loss needs, on later edges more than on earlier ones.
        tables = [to_numpy(table) for table in layer.selection.values()]
        return -sum(float((table[:, 1] > 0) @ np.arange(1, len(table) + 1)) for table in tables)

    monkeypatch.setattr(perturbation, "_judge", lambda *arguments: loss)
    found = select_by_perturbation(model, (X, Y), batch_size=8, seed=0)["cell"]
    for kind in space.cell_types:
        nodes = space.cell(found, kind).nodes
        assert nodes == ((("max_pool_3x3", 0), ("max_pool_3x3", 1)), (("max_pool_3x3", 1), ("max_pool_3x3", 2)))


@pytest.mark.parametrize("seed", range(4))
def test_perturbation_decides_node_by_node_on_what_earlier_ones_kept(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = CellSpace(("none", "skip_connect", "max_pool_3x3"), nodes=3, cells=3, channels=2)
    inputs = keras.Input((6, 6, 1))
    layer = CellSupernet(space, seed=0, name="cell")
    model = BilevelModel(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(layer(inputs))))
    model.compile("sgd", loss="mse")
    last = {}

    def loss() -> float:
        # Node 3 has the rows 2 to 4, node 4 the rows 5 to 8. Each of 2 and 5 is not missed as long as the other is there.
        last.update({kind: to_numpy(table) for kind, table in layer.selection.items()})
        used = last["normal"].sum(axis=1) > 0
        return -(2.0 * (used[2] or used[5]) + used[[3, 4, 6, 7]].sum())

    monkeypatch.setattr(perturbation, "_judge", lambda *arguments: loss)
    found = select_by_perturbation(model, (X, Y), batch_size=8, seed=seed)["cell"]
    assert (found["normal/node_3/inputs"] == "1,2") != (found["normal/node_4/inputs"] == "1,2")
    assert (last["normal"].sum(axis=1)[:2] == 1.0).all()  # what none had of an edge is gone with it
    assert float(layer.selected) == 0


def test_fit_resumable_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    def train(directory: Path, callbacks: tuple = ()) -> tuple[list[np.ndarray], dict]:
        inputs = keras.Input((6, 6, 1))
        x = keras.layers.Conv2D(3, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=1))(inputs)
        x = keras.layers.Dropout(0.5, seed=2)(keras.layers.BatchNormalization()(x))
        x = keras.layers.GlobalAveragePooling2D()(x)
        kernel = keras.initializers.GlorotUniform(seed=3)
        model = keras.Model(inputs, keras.layers.Dense(2, "softmax", kernel_initializer=kernel)(x))
        rate = keras.optimizers.schedules.CosineDecay(0.01, 20)
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = fit_resumable(
            model,
            (X, Y),
            (X, Y),
            epochs=3,
            batch_size=8,
            seed=0,
            directory=directory,
            callbacks=callbacks,
            verbose=0,
            augment=Augment(shift=1),
        )
        return [to_numpy(v) for v in model.variables], history.history

    whole, history = train(tmp_path / "whole")
    with pytest.raises(Killed):
        train(tmp_path / "cut", (KillAfter(1),))
    again, resumed = train(tmp_path / "cut")
    assert all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True))
    assert history["val_loss"] == resumed["val_loss"] and len(history["val_loss"]) == 3


def test_patience_remembers_the_epochs_before_a_kill(tmp_path: Path) -> None:
    def train(directory: Path, *callbacks: keras.callbacks.Callback) -> list[float]:
        inputs = keras.Input((6, 6, 1))
        outputs = keras.layers.Dense(1, kernel_initializer="zeros")(keras.layers.Flatten()(inputs))
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        patient = keras.callbacks.EarlyStopping("loss", min_delta=1e9, patience=3)
        history = fit_resumable(
            model,
            (X, Y.astype("float32")),
            epochs=9,
            batch_size=8,
            seed=0,
            directory=directory,
            callbacks=(patient, *callbacks),
            verbose=0,
        )
        return history.history["loss"]

    whole = train(tmp_path / "whole")
    assert len(whole) == 4
    with pytest.raises(Killed):
        train(tmp_path / "cut", KillAfter(2))
    assert train(tmp_path / "cut") == whole


@pytest.mark.parametrize("dies", [1, 3, None])
def test_the_best_weights_are_those_of_the_best_epoch_after_a_kill_too(
    dies: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(directory: Path, *callbacks: keras.callbacks.Callback) -> np.ndarray:
        inputs = keras.Input((6, 6, 1))
        outputs = keras.layers.Dense(1, kernel_initializer="zeros")(keras.layers.Flatten()(inputs))
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        # By this measure the first epoch is the best, whose weights none of the later ones has.
        best = keras.callbacks.EarlyStopping("loss", mode="max", patience=9, restore_best_weights=True)
        fit_resumable(
            model,
            (X, Y.astype("float32")),
            epochs=5,
            batch_size=8,
            seed=0,
            directory=directory,
            callbacks=(best, *callbacks),
            verbose=0,
        )
        return model.get_weights()[0]

    def killed(self: keras.callbacks.EarlyStopping, logs: dict | None = None) -> None:
        raise Killed

    whole = train(tmp_path / "whole")
    if dies is None:  # after the last epoch, before callbacks did what they do at the end
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(keras.callbacks.EarlyStopping, "on_train_end", killed)
            train(tmp_path / "cut")
    else:
        with pytest.raises(Killed):
            train(tmp_path / "cut", KillAfter(dies))
    np.testing.assert_array_equal(train(tmp_path / "cut"), whole)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_step_is_traced_once(outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    original = keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda self, data: traced.append(1) or original(self, data))
    x = keras.Input((6, 6, 1))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(x))
    heads = [keras.layers.Dense(2, activation="softmax", name=name)(features) for name in ("a", "b")[:outputs]]
    model = keras.Model(x, heads if outputs == 2 else heads[0])
    names = [head.name for head in heads] if outputs == 1 else ["a", "b"]
    metrics = {name: ["accuracy"] for name in names} if outputs == 2 else ["accuracy"]
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=metrics)
    y = {"a": Y, "b": 1 - Y} if outputs == 2 else Y
    history = fit_resumable(model, (X, y), epochs=2, batch_size=8, seed=0, verbose=0)
    assert len(traced) == 1
    assert len(history.history["loss"]) == 2


def test_a_training_that_pauses_is_the_start_of_the_full_one(tmp_path: Path) -> None:
    def trained(folder: Path | None, until: int | None = None) -> dict:
        entry = keras.Input((6, 6, 1))
        x = keras.layers.Dropout(0.5, seed=1)(keras.layers.BatchNormalization()(keras.layers.Flatten()(entry)))
        start = keras.initializers.GlorotUniform(seed=0)
        model = keras.Model(entry, keras.layers.Dense(2, "softmax", kernel_initializer=start)(x))
        rate = keras.optimizers.schedules.CosineDecay(0.1, 4 * 3)
        model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy")
        # What a callback does to the weights at the end of a part must not be trained on.
        best = keras.callbacks.EarlyStopping("loss", mode="max", patience=9, restore_best_weights=True)
        history = fit_resumable(
            model,
            (X, Y),
            (X, Y),
            epochs=4,
            until=until,
            batch_size=8,
            seed=0,
            directory=folder,
            callbacks=[best],
            verbose=0,
        )
        return history.history

    told, moved = trained(None), tmp_path / "moved"
    trained(tmp_path / "first", until=1)
    (tmp_path / "first").rename(moved)
    assert trained(moved, until=3)["val_loss"] == told["val_loss"][:3]
    assert trained(moved, until=3)["val_loss"] == told["val_loss"][:3]
    assert trained(moved) == told
