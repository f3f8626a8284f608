"""Trials trained from scratch in one supernet, against the same trials in networks of their own."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

import autonas_keras as ank
from autonas_keras import blocks, tuners
from autonas_keras.blocks import Network
from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.layers import register_operation
from autonas_keras.spaces import Architecture, CellSpace
from autonas_keras.training import PathModel, ScratchTraining
from autonas_keras.tuners.network import Plan, train
from autonas_keras.tuners.scratch import pays, scratch_training, shares
from tests.tasks.small import ONE_CELL, digits

SPACES = {
    "distinct": CellSpace(("sep_conv_3x3", "skip_connect"), nodes=1, cells=3, channels=2),
    "dense": CellSpace(("none", "skip_connect", "conv_3x3"), 2, 2, 2, "dense"),
    "repeat": CellSpace(("conv_1x1", "avg_pool_3x3"), 1, 2, 2, "repeat"),
}
METHOD = tuners.Random()


class Made:
    """A graph on some digits, and what trains it."""

    def __init__(self, space: CellSpace, seed: int = 3) -> None:
        image = blocks.ImageInput()
        head = blocks.ClassificationHead(loss="categorical_crossentropy", metrics=["accuracy"])
        self.graph = blocks.Graph(image, head(blocks.CellBlock(space)(blocks.Normalization()(image))))
        self.graph.set_io_shapes(([np.array([9, 8, 8])], [np.array([9, 10])]))
        self.hp, self.seed = keras_tuner.HyperParameters(), seed
        x, y = digits(90)
        x, y = x / 16, np.eye(10)[y]
        self.data, self.validation = (x[:60], y[:60]), (x[60:], y[60:])
        self.plan = Plan(METHOD, 2, 16, seed, validation=self.validation, verbose=0, regularise=False)
        made = scratch_training(self.graph, self.hp, self.data, self.plan)
        assert made is not None
        self.scratch: ScratchTraining = made

    def drawn(self, count: int) -> list[Architecture]:
        rng = np.random.default_rng(0)
        found = [self.graph.space.sample(rng) for _ in range(5 * count)]
        return [each for each in found if self.scratch.weights.covers(each)][:count]

    def values(self, architecture: Architecture) -> Any:
        hp = self.hp.copy()
        hp.values.update(dict(architecture))
        return hp

    def alone(self, architecture: Architecture) -> keras.Model:
        with own_randomness(self.seed), self.graph.building(Network()):
            return self.graph.assemble(self.values(architecture))

    def weights(self, architecture: Architecture) -> dict[str, list[np.ndarray]]:
        """Those of the architecture in the supernet, by layers of the stand-alone network."""
        model = self.scratch.model
        cells = model.supernets[0]
        found = cells.extract(architecture.scope(cells.name, cells.space), (8, 8, 1)).layers
        outside = [layer for layer in model.layers if layer is not cells]
        return {layer.name: layer.get_weights() for layer in (*found, *outside) if layer.trainable_weights}


def same(left: dict[str, list[np.ndarray]], right: dict[str, list[np.ndarray]]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        for a, b in zip(left[name], right[name], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("name", SPACES)
def test_an_architecture_begins_with_the_weights_of_its_network(name: str) -> None:
    made = Made(SPACES[name])
    for architecture in made.drawn(2):
        made.scratch.start(architecture)
        held = {layer.name: layer.get_weights() for layer in made.alone(architecture).layers if layer.trainable_weights}
        found = made.weights(architecture)
        same({name: found[name] for name in held}, held)  # an operation that nothing reads is not in the network


def test_an_architecture_learns_as_its_network_does() -> None:
    made = Made(SPACES["dense"])
    architecture = made.drawn(2)[1]
    history = made.scratch.fit(architecture, 2, verbose=0)
    _, expected = train(made.graph, made.values(architecture), made.data, made.plan)
    assert history.history.keys() == expected.history.keys()
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history.history[name], expected.history[name], rtol=2e-4)


class Poison(keras.callbacks.Callback):
    """What a diverged training leaves, everywhere."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for variable in (*self.model.variables, *self.model.optimizer.variables):
            if variable.dtype == "float32" and "normalization" not in variable.path.split("/")[0]:
                variable.assign(np.full(variable.shape, np.nan))


def test_nothing_is_left_over_from_one_training_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    step = PathModel.train_step
    monkeypatch.setattr(PathModel, "train_step", lambda self, data: (traced.append(1), step(self, data))[1])
    made = Made(SPACES["dense"])
    first, second = made.drawn(2)

    def trained(architecture: Architecture, *callbacks: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        history = made.scratch.fit(architecture, 2, callbacks, verbose=0)
        return history.history, made.weights(architecture)

    alone = trained(second)
    for callbacks in ((), (Poison(),)):
        history, _ = trained(first, *callbacks)
        assert np.isnan(history["loss"][-1]) == bool(callbacks)
        again = trained(second)
        assert again[0] == alone[0]
        same(again[1], alone[1])
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(3):
        made.scratch.fit(first, 1, verbose=0)
    gc.collect()
    assert len(gc.get_objects()) < before + 300
    assert len(traced) == 1


def fitted(folder: Path, tuner: str = "random", **settings: Any) -> ank.ImageClassifier:
    x, y = digits(60)
    settings = {"max_trials": 3, "share_graph": True, **settings}
    clf = ank.ImageClassifier(tuner=tuner, space=ONE_CELL, seed=0, directory=folder, **settings)
    clf.fit(x, y, epochs=2, batch_size=16, verbose=0)
    return clf


class Killed(BaseException):
    """Stands for a kill: nothing in the package catches it."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The leaderboard of three trials in one supernet."""
    return fitted(tmp_path_factory.mktemp("shared")).leaderboard()


@pytest.mark.slow(seconds=12)
def test_a_search_gives_what_stand_alone_networks_give_and_goes_on_after_a_kill(
    shared: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Architecture] = []
    fit = ScratchTraining.fit

    def counted(self: ScratchTraining, architecture: Architecture, *args: Any, **kwargs: Any) -> Any:
        calls.append(architecture)
        found = fit(self, architecture, *args, **kwargs)
        if len(calls) == 2:
            raise Killed
        return found

    monkeypatch.setattr(ScratchTraining, "fit", counted)
    with pytest.raises(Killed):
        fitted(tmp_path / "killed")
    resumed = fitted(tmp_path / "killed").leaderboard()
    assert len(calls) == 4  # the second one died, and was run again with the third
    columns = [name for name in shared.columns if name != "seconds"]
    assert resumed[columns].equals(shared[columns])
    alone = fitted(tmp_path / "alone", share_graph=False).leaderboard()
    assert len(calls) == 4
    for name in ("architecture", "params", "flops", "status"):
        assert list(alone.sort_values("trial")[name]) == list(shared.sort_values("trial")[name])
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(
            alone.sort_values("trial")[name].astype(float), shared.sort_values("trial")[name].astype(float), rtol=1e-3
        )


@pytest.mark.slow(seconds=12)
def test_a_trial_that_diverges_fails_and_the_others_do_not(shared: pd.DataFrame, tmp_path: Path) -> None:
    begun = []

    class Diverge(Poison):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            begun.append(epoch)
            if len(begun) == 1:
                super().on_epoch_end(epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            pass

    x, y = digits(60)
    clf = ank.ImageClassifier(
        tuner="random", space=ONE_CELL, seed=0, directory=tmp_path, max_trials=3, share_graph=True, objective="val_loss"
    )
    clf.tuner.oracle.max_retries_per_trial = 0
    clf.fit(x, y, epochs=2, batch_size=16, verbose=0, callbacks=[Diverge()])
    board = clf.leaderboard()
    assert sorted(board["status"]) == ["COMPLETED", "COMPLETED", "FAILED"]
    expected = shared.set_index("trial")["val_loss"]
    done = board[board["status"] == "COMPLETED"].set_index("trial")["val_loss"]
    assert done.equals(expected[done.index])


def test_an_operation_that_stands_on_an_edge_twice_is_not_covered() -> None:
    made = Made(SPACES["repeat"])
    point = dict(made.graph.space.default())
    name = made.graph.searched[0].name
    point |= {
        f"{name}/normal/node_2/{part}_{i}": value for i in (1, 2) for part, value in (("op", "conv_1x1"), ("input", 0))
    }
    architecture = made.graph.space.architecture(point)
    assert not made.scratch.weights.covers(architecture)
    with pytest.raises(ValueError, match="Expected an architecture whose weights"):
        made.scratch.fit(architecture, 1)


def test_networks_with_dropout_are_trained_alone() -> None:
    register_operation(
        "dropped", lambda x, channels, strides: keras.layers.Dropout(0.1)(keras.layers.AveragePooling2D(1, strides)(x))
    )
    graph = blocks.Graph(
        image := blocks.ImageInput(),
        blocks.ClassificationHead(loss="mse")(
            blocks.CellBlock(CellSpace(("dropped", "skip_connect"), nodes=1, cells=2, channels=2))(image)
        ),
    )
    graph.set_io_shapes(([np.array([9, 8, 8])], [np.array([9, 10])]))
    x, y = digits(20)
    assert scratch_training(graph, keras_tuner.HyperParameters(), (x, np.eye(10)[y]), Plan(METHOD, 1, 16, 0)) is None


def test_a_graph_is_shared_where_it_can_be_and_where_it_pays(tmp_path: Path) -> None:
    made = Made(SPACES["distinct"])
    assert shares(made.graph, made.hp)
    assert pays(made.graph, 8, 100) and not pays(made.graph, 1, 100)
    assert not pays(made.graph, None, 100_000)  # what a trial saves at its start it loses in its steps
    assert pays(made.graph, None, 100, [keras.callbacks.EarlyStopping()])
    assert not pays(made.graph, 100, 100, [keras.callbacks.ModelCheckpoint(tmp_path / "a.keras")])
    hp = made.hp.copy()
    hp.Int("dense_block_1/units", 1, 3)
    assert not shares(made.graph, hp)
    assert "share_graph" not in tuners.Evolution(share_graph=True).facts()
    for name, value in (("evolution", 2), ("hyperband", True)):
        with pytest.raises(ValueError, match="Expected share_graph of"):
            ank.ImageClassifier(tuner=name, share_graph=value, directory=tmp_path)
    node = ank.Input()
    model = ank.AutoModel(
        node, ank.RegressionHead()(ank.DenseBlock()(node)), tuner="random", max_trials=1, share_graph=True, seed=0,
        directory=tmp_path / "model",
    )  # fmt: skip
    with pytest.raises(ValueError, match="Expected a graph of which nothing but cells is searched"):
        model.fit(np.ones((20, 3), "float32"), np.arange(20.0), epochs=1, verbose=0)
