"""Multiply-adds of layers against counts by hand."""

from __future__ import annotations

from collections.abc import Callable

import keras
import pytest

from autonas_keras.evaluation import model_costs

Tensor = keras.KerasTensor


def flops(shape: tuple[int | None, ...], layers: Callable[[Tensor], Tensor]) -> int:
    x = keras.Input(shape)
    return model_costs(keras.Model(x, layers(x)))["flops"]


@pytest.mark.parametrize(
    ("equation", "output", "bias", "expected"),
    [
        ("bc,ce->bce", (5, 3), None, 5 * 3),  # on 5 numbers
        ("bc,ce->bce", (5, 3), "ce", 5 * 3 + 5 * 3),
        ("...c,cd->...d", (7,), "d", 5 * 7 + 7),
        ("abc,cde->abde", (4, 2, 3), "de", 4 * 5 * 2 * 3 + 4 * 2 * 3),  # on 4 tokens of 5 channels
        ("...x,xy->...y", (6,), None, 4 * 5 * 6),
    ],
)
def test_an_einsum_counts_all_the_sizes_that_it_names(
    equation: str, output: tuple[int, ...], bias: str | None, expected: int
) -> None:
    shape = (4, 5) if equation[0] == "a" or "x" in equation else (5,)
    assert flops(shape, keras.layers.EinsumDense(equation, output, bias_axes=bias)) == expected


def test_attention_counts_projections_and_products_of_tokens() -> None:
    attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=4)
    queries, keys = keras.Input((5, 6)), keras.Input((7, 8))
    y = attention(queries, keys)
    projected = 5 * (6 + 1) * 2 * 3 + 7 * (8 + 1) * 2 * 3 + 7 * (8 + 1) * 2 * 4 + 5 * (2 * 4 + 1) * 6
    products = 2 * 5 * 7 * (3 + 4)
    assert model_costs(keras.Model([queries, keys], y))["flops"] == projected + products


@pytest.mark.parametrize(
    ("layer", "gates", "biases"),
    [(keras.layers.SimpleRNN, 1, 1), (keras.layers.LSTM, 4, 1), (keras.layers.GRU, 3, 2)],
)
def test_a_recurrent_layer_counts_every_step(layer: type[keras.layers.RNN], gates: int, biases: int) -> None:
    one = 9 * gates * 4 * (6 + 4 + biases)  # 9 steps of 6 numbers, 4 units
    assert flops((9, 6), layer(4)) == one
    assert flops((9, 6), keras.layers.Bidirectional(layer(4, return_sequences=True))) == 2 * one


def test_what_depends_on_an_open_size_gets_a_sentence() -> None:
    for layer in (keras.layers.GRU(3, name="open"), keras.layers.Dense(3, name="open")):
        with pytest.raises(
            ValueError, match="Expected a model of fixed sizes to count, got an open size at layer 'open'"
        ):
            flops((None, 4), layer)
