"""Networks of recurrent cells."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers import function_network
from autonas_keras.spaces import Architecture, RecurrentSpace, Texts

SPACE = RecurrentSpace(nodes=3, units=4, steps=3, texts=Texts(words=9, length=3, characters=5, character_length=2))
CELL = SPACE.architecture(
    {"activation_1": "relu", "input_2": 0, "activation_2": "identity", "input_3": 1, "activation_3": "sigmoid"}
)
X = np.array([[3, 4, 5, 1, 1], [6, 2, 0, 1, 1], [0, 0, 0, 0, 0]], np.int32)


def network(space: RecurrentSpace, architecture: Architecture) -> keras.Model:
    assert space.texts is not None
    x = keras.Input((space.texts.columns,), dtype="int32")
    return keras.Model(x, function_network(x, architecture, space))


def test_the_space_counts_inputs_and_activations() -> None:
    assert SPACE.size == 4 * (2 * 4) * (3 * 4)
    assert RecurrentSpace(nodes=8).size == 4**8 * 40320
    assert RecurrentSpace(**SPACE.get_config()) == SPACE and hash(RecurrentSpace(**SPACE.get_config())) == hash(SPACE)


def test_a_cell_computes_what_the_equations_say() -> None:
    model = network(SPACE, CELL)
    model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights()])
    weights = {w.path: w.numpy() for w in model.weights}
    table, kernel, bias = (
        weights[f"cell_{name}"] for name in ("table/embeddings", "word/kernel", "word/bias")
    )  # fmt: skip
    dense = [weights[f"cell_node_{node}/kernel"] for node in range(4)]

    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    def updated(state: np.ndarray, mixed: np.ndarray, activation: object) -> np.ndarray:
        return state + sigmoid(mixed[:4]) * (activation(mixed[4:]) - state)  # type: ignore[operator]

    for row, features in zip(X, model.predict_on_batch(X), strict=True):
        state, states = np.zeros(4), []
        for number in row[:3][row[:3] > 0]:
            zero = updated(state, table[number] @ kernel + bias + state @ dense[0], np.tanh)
            one = updated(zero, zero @ dense[1], lambda a: np.maximum(a, 0))
            two = updated(zero, zero @ dense[2], lambda a: a)
            three = updated(one, one @ dense[3], sigmoid)
            state = (one + two + three) / 3
            states.append(state)
        np.testing.assert_allclose(features, np.mean(states, axis=0) if states else np.zeros(4), atol=1e-5)


def test_every_weight_learns() -> None:
    model = network(SPACE, CELL)
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(keras.ops.square(model(X, training=False)))
    for gradient in tape.gradient(loss, model.trainable_weights):
        assert np.abs(keras.ops.convert_to_numpy(tf.convert_to_tensor(gradient))).max() > 0
