"""Zero-cost proxies on networks small enough to compute them another way."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.blocks.isolation import own_randomness
from autonas_keras.evaluation import PROXIES, model_costs, zero_cost
from autonas_keras.evaluation.zero_cost import (
    LOWEST,
    TINY,
    VOTERS,
    has_rectifiers,
    jacobian_score,
    log_determinant,
    voters,
)
from autonas_keras.layers import cell_network
from autonas_keras.spaces import CellSpace, get_space

SPACE: CellSpace = get_space("nasbench201").resized(3, 4)  # type: ignore[attr-defined]
X = np.random.default_rng(0).standard_normal((8, 8, 8, 3)).astype("float32")
Y = np.arange(8) % 3


def network(architecture: object = None, activation: str | None = None, seed: int = 0) -> keras.Model:
    point = SPACE.sample(np.random.default_rng(seed)) if architecture is None else architecture
    with own_randomness(seed):
        x = keras.Input((8, 8, 3))
        features = cell_network(x, {"cell": SPACE.cell(point, "cell")}, SPACE)
        features = keras.layers.GlobalAveragePooling2D()(features)
        return keras.Model(x, keras.layers.Dense(3, activation=activation)(features))


def chain(normalised: bool) -> keras.Model:
    layers = [keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3, padding="same", use_bias=True, name="first")]
    layers += [keras.layers.BatchNormalization()] if normalised else []
    layers += [keras.layers.ReLU(), keras.layers.DepthwiseConv2D(3, name="second"), keras.layers.Flatten()]
    with own_randomness(0):
        return keras.Sequential([*layers, keras.layers.Dense(4, name="third")])


def test_synflow_is_the_flow_through_absolute_weights_without_normalisation_and_biases() -> None:
    model, plain = chain(True), chain(False)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.full(3, value, "float32") for value in (0.3, -2.0, 5.0, 0.1)])
        elif layer.weights:
            layer.bias.assign(np.full(layer.bias.shape, 0.7))
            kernel = layer.kernel
            plain.get_layer(layer.name).kernel.assign(np.abs(keras.ops.convert_to_numpy(kernel)))
    with tf.GradientTape() as tape:
        flow = tf.reduce_sum(plain(tf.ones((1, 6, 6, 2))))
    kernels = [plain.get_layer(name).kernel.value for name in ("first", "second", "third")]
    slopes = tape.gradient(flow, kernels)
    expected = sum(float(tf.reduce_sum(kernel * slope)) for kernel, slope in zip(kernels, slopes, strict=True))
    assert zero_cost(model, X, proxies=["synflow"])["synflow"] == pytest.approx(np.log(expected), rel=1e-6)
    # Each kernel carries all of the flow (Tanaka et al., section 4).
    assert np.exp(zero_cost(model, X, proxies=["synflow"])["synflow"]) == pytest.approx(3 * float(flow), rel=1e-5)


@pytest.mark.parametrize("bounded", [lambda: keras.layers.ReLU(6), lambda: keras.layers.Activation("relu6")])
def test_synflow_passes_rectifiers_with_an_upper_bound(bounded: Any) -> None:
    def network(rectifier: Any) -> keras.Model:
        layers: list[Any] = [keras.Input((8, 8, 3))]
        for seed in range(3):
            kernel = keras.initializers.GlorotUniform(seed=seed)
            layers += [keras.layers.Conv2D(8, 3, kernel_initializer=kernel, use_bias=False), rectifier()]
        dense = keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=9))
        return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), dense])

    model = network(bounded)
    found = zero_cost(model, None, proxies=["synflow"])
    assert found == zero_cost(network(keras.layers.ReLU), None, proxies=["synflow"])
    assert float(keras.ops.max(model.layers[1](100.0 * np.ones((1, 2, 2, 8))))) == 6


def test_synflow_of_a_deep_network_does_not_overflow() -> None:
    x = inputs = keras.Input((4, 4, 8))
    with own_randomness(0):
        for _ in range(60):
            x = keras.layers.Conv2D(8, 3, padding="same", kernel_initializer="ones")(x)
        model = keras.Model(inputs, x)
    value = zero_cost(model, None, proxies=["synflow"])["synflow"]
    assert np.log(np.finfo("float32").max) < 60 * np.log(4 * 8) < value < np.log(60) + 60 * np.log(72) + 5


def test_nwot_compares_the_codes_of_all_rectifiers() -> None:
    x = keras.Input((5,))
    with own_randomness(1):
        hidden = keras.layers.Dense(7, activation="relu", name="fused")(x)
        model = keras.Model(x, keras.layers.Dense(6)(keras.layers.ReLU(name="apart")(keras.layers.Dense(9)(hidden))))
    data = np.random.default_rng(0).standard_normal((6, 5)).astype("float32")
    codes = np.concatenate(
        [keras.Model(x, model.get_layer(name).output)(data).numpy() > 0 for name in ("fused", "apart")], axis=1
    )
    kernel = (codes[:, None] == codes[None]).sum(-1)
    expected = np.linalg.slogdet(kernel.astype(float))[1]
    assert zero_cost(model, data, proxies=["nwot"])["nwot"] == pytest.approx(expected, rel=1e-9)


def test_jacob_cov_is_that_of_the_gradients_of_the_logits() -> None:
    model = network(activation="softmax")
    score = zero_cost(model, X, proxies=["jacob_cov"])["jacob_cov"]
    logits = keras.models.clone_model(model)
    logits.set_weights(model.get_weights())
    logits.layers[-1].activation = keras.activations.linear
    data = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(data)
        total = tf.reduce_sum(logits(data, training=True))
    rows = tape.gradient(total, data).numpy().reshape(8, -1)
    values = np.linalg.eigvalsh(np.corrcoef(rows))
    assert score == pytest.approx(-np.sum(np.log(values + TINY) + 1 / (values + TINY)), rel=1e-3)
    assert model.layers[-1].activation is keras.activations.softmax


def test_grad_norm_and_snip_are_those_of_the_loss() -> None:
    model = network()
    found = zero_cost(model, X, Y, ["grad_norm", "snip"])
    before = [weight.numpy() for weight in model.weights]
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(Y, model(X, training=True))
    kernels = [weight.value for weight in model.trainable_weights if len(weight.shape) > 1]
    slopes = tape.gradient(loss, kernels)
    assert found["grad_norm"] == pytest.approx(sum(float(tf.norm(slope)) for slope in slopes), rel=1e-4)
    products = [float(tf.reduce_sum(tf.abs(a * b))) for a, b in zip(kernels, slopes, strict=True)]
    assert found["snip"] == pytest.approx(sum(products), rel=1e-4)
    assert any((a != b.numpy()).any() for a, b in zip(before, model.weights, strict=True))  # by our own call only


def test_the_model_stays_as_it_is() -> None:
    model = network(activation="softmax")
    before, output = model.get_weights(), model(X).numpy()
    zero_cost(model, X, Y, PROXIES)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    np.testing.assert_array_equal(model(X).numpy(), output)


def test_sizes_are_counted_as_ever() -> None:
    model = network()
    assert zero_cost(model, X, proxies=["params", "flops"]) == model_costs(model)


def test_a_network_that_carries_nothing_gets_the_least_and_numbers_that_are_finite() -> None:
    dead = network(SPACE.architecture({name: "none" for name in SPACE.named}))
    live = network(SPACE.architecture({name: "nor_conv_3x3" for name in SPACE.named}))
    worst, best = zero_cost(dead, X, Y, PROXIES), zero_cost(live, X, Y, PROXIES)
    assert all(np.isfinite(value) for value in worst.values())
    assert all(worst[name] < best[name] for name in PROXIES)


def test_models_within_models_and_two_inputs_are_read() -> None:
    with own_randomness(0):
        a, b = keras.Input((8, 8, 3)), keras.Input((4,))
        joined = keras.layers.Concatenate()([network()(a), keras.layers.Dense(3, activation="relu")(b)])
        model = keras.Model([a, b], keras.layers.Softmax()(keras.layers.Dense(3)(joined)))
    found = zero_cost(model, [X, np.ones((8, 4))], Y, PROXIES)
    assert all(np.isfinite(value) for value in found.values())


def test_rectifiers_are_found_in_layers_activations_and_models_within() -> None:
    x = keras.Input((4,))
    dense, activation = keras.layers.Dense(3), keras.layers.Activation("relu")
    inner = keras.Model(x, activation(dense(x)))
    assert has_rectifiers(inner) and has_rectifiers(keras.Model(x, inner(x)))
    assert has_rectifiers(keras.Model(x, keras.layers.Dense(2, "gelu")(x)))
    assert has_rectifiers(keras.Sequential([keras.Input((4,)), keras.layers.ReLU()]))
    assert not has_rectifiers(keras.Model(x, keras.layers.Dense(2, "tanh")(x)))


def test_voters_ask_a_network_without_rectifiers_for_the_others() -> None:
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4, "tanh"), keras.layers.Dense(3)]
    said = dict(zip(VOTERS, voters(keras.Sequential(layers), X), strict=True))
    assert said["nwot"] == LOWEST and all(np.isfinite(list(said.values()))) and said["synflow"] > LOWEST


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'synflo'; did you mean"):
        zero_cost(network(), X, proxies=["synflo"])
    with pytest.raises(ValueError, match="Expected y"):
        zero_cost(network(), X, proxies=["snip"])
    with pytest.raises(ValueError, match="rectifiers"):
        zero_cost(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), np.ones((4, 4)), proxies=["nwot"])
    with pytest.raises(ValueError, match="two samples or more"):
        zero_cost(network(), X[:1], proxies=["jacob_cov"])


def test_the_determinant_is_exact_unless_the_matrix_is_singular() -> None:
    a = np.random.default_rng(0).standard_normal((5, 9))
    assert log_determinant(a @ a.T) == pytest.approx(np.linalg.slogdet(a @ a.T)[1])
    assert -200 < log_determinant(np.ones((5, 5))) < -100
    assert jacobian_score(np.zeros((4, 6))) < jacobian_score(np.eye(4, 6))
