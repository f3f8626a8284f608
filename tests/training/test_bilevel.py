"""Both orders of DARTS against hand-worked gradients and finite differences, and who moves what."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.ops import convert_to_numpy as to_numpy

from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import CellSupernet
from autonas_keras.training import BilevelModel


class Toy(keras.layers.Layer):
    """w - x * alpha: with x = 1 and target 0 the training loss is (w - alpha)^2, with x = 0 the other one (w - t)^2."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.w = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(2.0), name="w")
        self.alpha = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(0.5), name="alpha")

    @property
    def architecture_weights(self) -> list[keras.Variable]:
        return [self.alpha]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.convert_to_tensor(self.w) - x * tf.convert_to_tensor(self.alpha)


def toy(order: int, momentum: float = 0.0, **kwargs: float) -> tuple[BilevelModel, Toy, tuple, tuple]:
    inputs = keras.Input((1,))
    layer = Toy()
    model = BilevelModel(inputs, layer(inputs))
    model.compile(
        keras.optimizers.SGD(0.1, momentum=momentum), keras.optimizers.SGD(1.0), loss="mse", order=order, **kwargs
    )
    train = (np.ones((1, 1)), np.zeros((1, 1)))
    validation = (np.zeros((1, 1)), np.full((1, 1), 3.0))
    as_tensors = [tuple(tf.constant(part) for part in batch) for batch in (train, validation)]
    return model, layer, *as_tensors


def test_first_order_sees_no_alpha_in_this_validation_loss(float64: None) -> None:
    model, _, train, validation = toy(1)
    loss, (slope,) = model.alpha_gradients(train, validation)
    assert float(loss) == pytest.approx((2.0 - 3.0) ** 2)
    assert float(slope[0]) == 0.0


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_second_order_equals_the_analytic_unrolled_gradient(momentum: float, decay: float, float64: None) -> None:
    model, layer, train, validation = toy(2, momentum, weight_decay=decay)
    w, alpha, rate, target, velocity = 2.0, 0.5, 0.1, 3.0, 0.0
    if momentum:
        velocity = -0.7
        model.optimizer.momentums[0].assign([velocity])
    loss, (slope,) = model.alpha_gradients(train, validation)
    unrolled = w + momentum * velocity - rate * (2 * (w - alpha) + decay * w)
    assert float(loss) == pytest.approx((unrolled - target) ** 2, rel=1e-12)
    # d unrolled / d alpha = 2 rate
    assert float(slope[0]) == pytest.approx(2 * (unrolled - target) * 2 * rate, rel=1e-8)
    assert float(to_numpy(layer.w)[0]) == w


def test_second_order_equals_finite_differences_on_a_supernet(float64: None) -> None:
    space = CellSpace(("sep_conv_3x3", "skip_connect", "none"), nodes=1, cells=3, channels=2)
    inputs = keras.Input((6, 6, 1))
    supernet = CellSupernet(space, seed=0)
    out = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(supernet(inputs)))
    model = BilevelModel(inputs, out)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05), "adam", loss=loss, order=2, weight_decay=1e-2)
    rng = np.random.default_rng(0)
    train, validation = (
        (tf.constant(rng.standard_normal((8, 6, 6, 1))), tf.constant(rng.integers(0, 3, (8, 1)))) for _ in range(2)
    )
    before = [to_numpy(v).copy() for v in model.variables]
    model.difference_step = 1e-5  # the paper's 0.01 is coarse for so small and curved a network
    _, slopes = model.alpha_gradients(train, validation)
    assert all(np.array_equal(a, to_numpy(v)) for a, v in zip(before, model.variables, strict=True))

    def unrolled_loss() -> float:
        weights = [tf.convert_to_tensor(w) for w in model.shared_weights]
        alphas = [tf.convert_to_tensor(a) for a in model.architecture_weights]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = model._loss_at(weights, alphas, train)
        found = tape.gradient(value, weights, unconnected_gradients="zero")
        moved = [w - 0.05 * (g + 1e-2 * w) for w, g in zip(weights, found, strict=True)]
        return float(model._loss_at(moved, alphas, validation))

    for variable, slope in zip(model.architecture_weights, slopes, strict=True):
        start = to_numpy(variable).copy()
        for _ in range(2):
            index = tuple(rng.integers(n) for n in start.shape)
            ends = []
            for sign in (1, -1):
                moved = start.copy()
                moved[index] += sign * 1e-6
                variable.assign(moved)
                ends.append(unrolled_loss())
            variable.assign(start)
            np.testing.assert_allclose(slope.numpy()[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-3, atol=1e-7)


def test_a_step_moves_alpha_before_the_weights_and_decays_both_like_the_published_code() -> None:
    model, layer, train, validation = toy(1, weight_decay=0.5, alpha_weight_decay=0.2, clip_norm=1.0)
    model.train_on_batch = None  # the step is called as fit calls it
    model.train_step((train, validation))
    alpha = 0.5 - 1.0 * (0.0 + 0.2 * 0.5)
    assert to_numpy(layer.alpha)[0] == pytest.approx(alpha)
    slope = 2 * (2.0 - alpha)
    assert to_numpy(layer.w)[0] == pytest.approx(2.0 - 0.1 * (slope / slope * 1.0 + 0.5 * 2.0))


def test_warm_up_leaves_alphas_alone() -> None:
    model, layer, train, validation = toy(2)
    model.alphas_move = False
    logs = model.train_step((train, validation))
    assert to_numpy(layer.alpha)[0] == 0.5
    assert np.isnan(logs["alpha_loss"])
    assert to_numpy(layer.w)[0] != 2.0


def test_beta_decay_is_the_gradient_of_the_mean_logsumexp() -> None:
    space = CellSpace(("skip_connect", "max_pool_3x3", "none"), nodes=1, cells=3, channels=2)
    inputs = keras.Input((4, 4, 1))
    supernet = CellSupernet(space, seed=0)
    model = BilevelModel(inputs, keras.layers.GlobalAveragePooling2D()(supernet(inputs)))
    model.compile("sgd", keras.optimizers.SGD(1.0), loss="mse", alpha_decay=2.0)
    table = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]], "float32")
    supernet.alphas["normal"].assign(table)
    with tf.GradientTape() as tape:
        penalty = model._alpha_penalty()
    found = tape.gradient(penalty, supernet.alphas["normal"].value)
    soft = np.exp(table) / np.exp(table).sum(1, keepdims=True)
    np.testing.assert_allclose(found, 2.0 * soft / 2 / 2, rtol=1e-5)


def test_gumbel_draws_one_operation_and_repeats_by_seed_and_count() -> None:
    space = CellSpace.darts(operations=("sep_conv_3x3", "skip_connect", "max_pool_3x3"), cells=3, channels=2, nodes=2)
    layers = [CellSupernet(space, sampling="gumbel", seed=0) for _ in range(2)]
    for layer in layers:
        layer.build((None, 6, 6, 1))
    first, again = (to_numpy(layer.mixture_tensor("normal", training=True)) for layer in layers)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(np.sort(first, axis=1)[:, -1], 1.0, atol=1e-6)
    np.testing.assert_allclose(first.sum(1), 1.0, atol=1e-5)
    layers[0](np.zeros((1, 6, 6, 1), "float32"), training=True)
    assert int(layers[0]._draws) == 1
    large = CellSupernet(space, sampling="gumbel", seed=2**31 - 1)
    large.build((None, 6, 6, 1))
    assert not np.array_equal(to_numpy(large.mixture_tensor("normal", training=True)), first)
    layers[0].on_progress(1.0)
    assert float(layers[0]._heat) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"), [({"order": 3}, "1 or 2"), ({"order": 2, "optimizer": "adam"}, "SGD")]
)
def test_bad_arguments_are_one_sentence(arguments: dict, message: str) -> None:
    inputs = keras.Input((1,))
    model = BilevelModel(inputs, Toy()(inputs))
    with pytest.raises(ValueError, match=message):
        model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})


def test_a_model_without_supernet_is_refused() -> None:
    inputs = keras.Input((1,))
    with pytest.raises(ValueError, match="architecture_weights"):
        BilevelModel(inputs, keras.layers.Dense(1)(inputs)).compile("sgd", loss="mse")
