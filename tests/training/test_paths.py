"""The training of shared weights, against stand-alone networks and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from autonas_keras.strategies import Reinforce
from autonas_keras.supernets import PathCell
from autonas_keras.training import (
    ControllerSampling,
    ControllerTraining,
    FairSampling,
    PathModel,
    SandwichSampling,
    UniformSampling,
    fit_paths,
)
from autonas_keras.training.masked import Group, count_uses, only_used

SPACE = CellSpace.nasbench201(cells=1, channels=2, nodes=2, operations=("none", "skip_connect", "conv_3x3"))


def data(count: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 5, 5, 3)), np.eye(2)[rng.integers(2, size=count)]


def model(paths: int = 1, seed: int = 0, optimizer: Any = None, **kwargs: Any) -> PathModel:
    inputs = keras.Input((5, 5, 3))
    x = keras.layers.GlobalAveragePooling2D()(PathCell(SPACE, seed=seed, name="cells")(inputs))
    head = keras.layers.Dense(2, "softmax", kernel_initializer=keras.initializers.GlorotUniform(1), name="head")
    found = PathModel(inputs, head(x))
    found.compile(optimizer or sgd(), loss="categorical_crossentropy", paths=paths, **kwargs)
    return found


def sgd() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)


def alone(found: PathModel, architecture: Any) -> keras.Model:
    """The stand-alone network of an architecture with the weights of the supernet and the head."""
    cells = found.get_layer("cells").extract(architecture.scope("cells", SPACE), (5, 5, 3))
    head = keras.layers.Dense(2, "softmax", name="head")
    network = keras.Model(cells.inputs, head(keras.layers.GlobalAveragePooling2D()(cells.outputs[0])))
    head.set_weights(found.get_layer("head").get_weights())
    return network


def steps(found: PathModel, architectures: list, batches: list) -> None:
    for architecture, (x, y) in zip(architectures, batches, strict=True):
        found.set_architectures([architecture if isinstance(architecture, list) else [architecture]])
        found.train_on_batch(x, y)


def drawn(found: PathModel, count: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [found.space.sample(rng) for _ in range(count)]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=0.1),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    ],
    ids=["clipped sgd", "adamw"],
)
def test_steps_of_one_architecture_equal_those_of_its_network(float64: None, optimizer: Any) -> None:
    found = model(optimizer=optimizer())
    architecture = drawn(found, 3)[2]
    network = alone(found, architecture)
    network.compile(optimizer(), "categorical_crossentropy")
    before = {v.path: v.numpy() for v in found.trainable_variables}
    batches = [data()] * 3
    steps(found, [architecture] * 3, batches)
    for x, y in batches:
        network.train_on_batch(x, y)
    for left, right in zip(alone(found, architecture).get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)
    moved = [v for v in found.trainable_variables if not np.array_equal(before[v.path], v.numpy())]
    assert len(moved) == len(network.trainable_variables)


def test_what_a_step_does_not_use_keeps_its_weights_and_momentum() -> None:
    found = model(weight_decay=0.1)
    first, second = drawn(found, 2, seed=1)
    steps(found, [first, second], [data()] * 2)
    layer = found.get_layer("cells")
    layer.select(second.scope("cells", SPACE))
    idle = {id(v) for used, variables in layer.usage() if not bool(used(layer.selected.value)) for v in variables}
    assert idle
    places = [i for i, v in enumerate(found.trainable_variables) if id(v) in idle]
    state = (
        [found.optimizer.momentums[i].numpy() for i in places],
        [found.trainable_variables[i].numpy() for i in places],
    )
    assert any(np.abs(momentum).max() > 0 for momentum in state[0])
    steps(found, [second], [data()])
    for place, momentum, weight in zip(places, *state, strict=True):
        np.testing.assert_array_equal(found.optimizer.momentums[place].numpy(), momentum)
        np.testing.assert_array_equal(found.trainable_variables[place].numpy(), weight)


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Adamax", "Lamb"])
def test_adam_counts_the_steps_of_each_weight(kind: str) -> None:
    """A weight that few steps use moves as one does that was trained by these steps alone."""
    rng = np.random.default_rng(0)
    slopes = rng.standard_normal((40, 3, 5)).astype("float32")
    weights = [keras.Variable(np.ones(5, "float32"), name=f"weight_{i}") for i in range(3)]
    optimizer, flags = getattr(keras.optimizers, kind)(0.01), tf.Variable([False, False])
    optimizer.build(weights)
    count_uses(optimizer, 2)

    @tf.function
    def step(slopes: Any) -> None:
        groups = [Group(flag, [weight]) for flag, weight in zip(tf.unstack(flags), weights, strict=False)]
        with only_used(optimizer, groups):
            optimizer.apply(tf.unstack(slopes), weights)

    when = [[t % 3 == 0, t >= 30, True] for t in range(40)]
    for used, slope in zip(when, slopes, strict=True):
        flags.assign(used[:2])
        step(slope)
    for place, weight in enumerate(weights):
        alone = keras.Variable(np.ones(5, "float32"), name="alone")
        plain = getattr(keras.optimizers, kind)(0.01)
        plain.build([alone])
        for used, slope in zip(when, slopes, strict=True):
            if used[place]:
                plain.apply([tf.constant(slope[place])], [alone])
        np.testing.assert_allclose(weight.numpy(), alone.numpy(), rtol=1e-5)
    assert optimizer.uses.numpy().tolist() == [14, 10] and int(optimizer.iterations) == 40


def test_weights_without_decay_have_no_l2(float64: None) -> None:
    moved = []
    for decay in (0.0, 0.1):
        optimizer = keras.optimizers.SGD(0.5)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        found = model(optimizer=optimizer, weight_decay=decay)
        for variable in found.trainable_variables:
            variable.assign(variable + 1.0)  # offsets begin at zero
        before = {v.path: v.numpy() for v in found.trainable_variables}
        steps(found, [found.space.default()], [data()])
        moved.append({v.path: (before[v.path], v.numpy()) for v in found.trainable_variables})
    used = [path for path, (start, end) in moved[0].items() if not np.array_equal(start, end)]
    assert {path.rpartition("/")[2] for path in used} >= {"kernel", "bias", "beta"}
    for path in used:
        start, plain = moved[0][path]
        l2 = 0.0 if path.rpartition("/")[2] in ("gamma", "beta", "bias") else 0.5 * 0.1 * start
        np.testing.assert_allclose(moved[1][path][1], plain - l2, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("distillation", [0.0, 1.0])
def test_paths_sum_their_gradients_and_may_take_what_the_first_predicts_as_the_truth(
    float64: None, distillation: float
) -> None:
    x, y = data()
    several = model(paths=2, optimizer=keras.optimizers.SGD(0.1), distillation=distillation)
    start, before = several.get_weights(), [v.numpy() for v in several.trainable_variables]
    first, second = drawn(several, 2)
    steps(several, [[first, second]], [(x, y)])
    one = model(optimizer=keras.optimizers.SGD(0.1))
    one.select(first)
    target = np.asarray(one(x, training=True)) if distillation else y
    moves = []
    for architecture, truth in ((first, y), (second, target)):
        one.set_weights(start)
        steps(one, [architecture], [(x, truth)])
        moves.append([v.numpy() for v in one.trainable_variables])
    for place, variable in enumerate(several.trainable_variables):
        expected = moves[0][place] + moves[1][place] - before[place]
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("distillation", [0.0, 0.5, 1.0])
def test_what_regularises_counts_once_for_all_paths(float64: None, distillation: float) -> None:
    found = []
    for rate in (0.0, 0.1):
        each = model(paths=2, optimizer=keras.optimizers.SGD(1.0), distillation=distillation)
        head = each.get_layer("head")
        head.kernel.regularizer = keras.regularizers.L2(rate)
        start = head.kernel.numpy()
        steps(each, [drawn(each, 2)], [data()])
        found.append(head.kernel.numpy())
    np.testing.assert_allclose(found[1] - found[0], -2 * 0.1 * start, rtol=1e-6)  # Keras keeps the rate in float32


def test_a_teacher_gives_what_all_paths_take_as_the_truth(float64: None) -> None:
    x, y = data()
    teacher = model(seed=5)
    target = np.asarray(teacher(x, training=False))
    taught = model(paths=2, optimizer=keras.optimizers.SGD(0.1), distillation=1.0, teacher=teacher)
    pair = drawn(taught, 2)
    steps(taught, [pair], [(x, y)])
    plain = model(paths=2, optimizer=keras.optimizers.SGD(0.1))
    assert len(taught.trainable_variables) == len(plain.trainable_variables)
    steps(plain, [pair], [(x, target)])
    for a, b in zip(taught.trainable_variables, plain.trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)


def test_dropout_is_for_the_path_that_the_others_learn_from(float64: None) -> None:
    inputs = keras.Input((5, 5, 3))
    cells, dropout = PathCell(SPACE, name="cells"), keras.layers.Dropout(0.5)
    seen: list[float] = []

    class Watched(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(dropout.rate)
            return x

    x = dropout(Watched()(keras.layers.GlobalAveragePooling2D()(cells(inputs))))
    found = PathModel(inputs, keras.layers.Dense(2, "softmax")(x))
    found.compile(sgd(), loss="categorical_crossentropy", paths=3, distillation=1.0)
    seen.clear()
    steps(found, [drawn(found, 3)], [data()])
    assert seen[-3:] == [0.5, 0, 0] and dropout.rate == 0.5


class Stop(Exception):
    pass


def test_a_training_that_was_cut_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    def fitted(folder: Path, cut: bool = False) -> PathModel:
        found = model(seed=1)
        controller = Reinforce(found.space, units=4, batch_size=1, normalize=None, unique=False, seed=0)
        sampling = ControllerSampling(controller, 0, warmup_epochs=1)  # until then uniformly
        callbacks: list[keras.callbacks.Callback] = [
            ControllerTraining(controller, lambda a, step: (hash(str(a)) + step) % 7, 3, 1, folder / "controller")
        ]
        if cut:
            callbacks.append(
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, _: (_ for _ in ()).throw(Stop) if epoch == 2 else None
                )
            )
        fit_paths(
            found, data(), sampling, epochs=4, batch_size=4, seed=0, directory=folder, learning_rate=(0.1, 0.01),
            callbacks=callbacks, verbose=0,
        )  # fmt: skip
        return found

    whole = fitted(tmp_path / "whole")
    with pytest.raises(Stop):
        fitted(tmp_path / "cut", cut=True)
    cut = fitted(tmp_path / "cut")
    for left, right in zip(whole.variables, cut.variables, strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())


def test_a_controller_learns_no_longer_than_its_share_of_the_time() -> None:
    seconds, rewards = [0.0], []

    def reward(architecture: Architecture, step: int) -> float:
        seconds[0] += 4.0
        rewards.append(step)
        return 1.0

    controller = Reinforce(SPACE, units=4, batch_size=1, normalize=None, unique=False, seed=0)
    learning = ControllerTraining(controller, reward, 50, 2, share=0.25, now=lambda: seconds[0])
    found = []
    for epoch in range(6):
        learning.on_epoch_begin(epoch)
        seconds[0] += 10.0
        learning.on_epoch_end(epoch)
        found.append(len(rewards))
    # 2.5 s an epoch, kept from the first two; what took too long is made up for by the epochs that follow.
    assert found == [0, 0, 2, 3, 4, 5]
    assert rewards == [100, 101, 150, 200, 250]


def test_epochs_are_drawn_from_the_seed_and_their_number_alone() -> None:
    sampling = UniformSampling(SPACE, 0)
    assert sampling.epoch(3, 5) == UniformSampling(SPACE, 0).epoch(3, 5) != sampling.epoch(4, 5)
    assert sampling.epoch(3, 5) != UniformSampling(SPACE, 1).epoch(3, 5)


def test_fair_sampling_takes_every_option_of_a_choice_once_a_step() -> None:
    space = Space((Choice("a", ("x", "y", "z")), Choice("b", (1, 2))))
    sampling = FairSampling(space, 0)
    assert sampling.paths == 3
    for step in sampling.epoch(0, 20):
        assert sorted(architecture["a"] for architecture in step) == ["x", "y", "z"]
        assert {architecture["b"] for architecture in step} == {1, 2}


def test_a_sandwich_begins_with_its_ends() -> None:
    space = Space((Choice("a", (1, 2, 3)),))
    for step in SandwichSampling(space, 0, {"a": 3}, {"a": 1}).epoch(0, 5):
        assert [architecture["a"] for architecture in step[:2]] == [3, 1] and len(step) == 4


@pytest.mark.parametrize(("arguments", "told"), [({"paths": 0}, "paths"), ({"distillation": 1.5}, "distillation")])
def test_nonsense_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"Expected {told}"):
        model().compile("sgd", loss="mse", **arguments)


def test_a_sampling_of_another_number_of_paths_is_refused() -> None:
    found = model(paths=2)
    with pytest.raises(ValueError, match="Expected a sampling of 2 architectures a step"):
        fit_paths(found, data(), UniformSampling(found.space, 0), epochs=1, batch_size=4, seed=0, verbose=0)
