"""Networks for tables."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from autonas_keras.evaluation import model_costs, space_costs
from autonas_keras.layers import function_network, normalised_table
from autonas_keras.layers.tabular import _piecewise_linear
from autonas_keras.spaces import Columns, TabularSpace
from autonas_keras.spaces.tabular import KNOWN_OPERATIONS
from autonas_keras.supernets import MixedFunction, PathFunction

TABLE = np.array([[0.0, 1, 2, 0], [1, np.nan, 0, 2], [2, 3, 1, 1], [9, 5, 2, 2], [4, 2, 1, 0]], np.float32)
COLUMNS = Columns.of(["a", "b"], ["c", "d"], [3, 3], TABLE)
SPACE = TabularSpace(
    KNOWN_OPERATIONS, layers=2, width=6, embedding=4, bins=4, categories=(4, 2), dropouts=(0.2, 0.0), columns=COLUMNS
)
WIDTHS = TabularSpace(
    ("dense", "attention"),
    layers=1,
    width=(4, 8, 6),
    embeddings=("plain",),
    embedding=4,
    categories=(2,),
    normalisations=("layer", "batch"),
    dropouts=(0.0,),
    columns=COLUMNS,
)


def network(**decisions: object) -> keras.Model:
    point = SPACE.architecture({**dict(SPACE.default()), **decisions})  # type: ignore[arg-type]
    x = keras.Input((4,))
    return keras.Model(x, function_network(x, point, SPACE))


def test_the_piecewise_linear_encoding_is_the_papers() -> None:
    """Gorishniy et al., equation 1, said anew for each number and bin."""
    numbers = np.linspace(-3, 3, 13, dtype=np.float32)[:, None].repeat(2, axis=1)
    found = np.asarray(_piecewise_linear(keras.ops.convert_to_tensor(numbers), COLUMNS, 4))
    for place in range(2):
        edges = COLUMNS.bins(place, 4)
        bins = len(edges) - 1
        for row, value in enumerate(numbers[:, place]):
            for t in range(1, bins + 1):
                if value < edges[t - 1] and t > 1:
                    expected = 0.0
                elif value >= edges[t] and t < bins:
                    expected = 1.0
                else:
                    expected = (value - edges[t - 1]) / (edges[t] - edges[t - 1])
                assert found[row, place, t - 1] == pytest.approx(expected, abs=1e-5)
        assert (found[:, place, bins:] == 0).all()


def test_a_table_is_normalised_and_gaps_are_zero() -> None:
    found = np.asarray(normalised_table(TABLE, COLUMNS))
    assert found[1, 1] == 0 and np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(found[:, 2].std(), 1, atol=1e-5)


@pytest.mark.parametrize("unit", [1e-25, 1e-9, 1e25])
def test_columns_of_any_unit_are_normalised(unit: float) -> None:
    table = TABLE[:, :2] * np.float32(unit)
    columns = Columns.of(["a", "b"], [], [], table)
    found = np.asarray(normalised_table(keras.ops.convert_to_tensor(table), columns))
    plain = Columns.of(["a", "b"], [], [], TABLE[:, :2])
    np.testing.assert_allclose(found, np.asarray(normalised_table(TABLE[:, :2], plain)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(columns.bins(0, 4), plain.bins(0, 4), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("embedding", SPACE.embeddings)
def test_networks_of_all_embeddings_read_gaps_and_are_saved(embedding: str, tmp_path: Path) -> None:
    model = network(numbers=embedding, layer_1="cross", layer_2="attention", normalisation="batch")
    expected = model.predict(TABLE, verbose=0)
    assert expected.shape == (5, 6) and np.isfinite(expected).all()
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(TABLE, verbose=0), expected)


@pytest.mark.parametrize("operation", ["dense", "residual", "glu", "cross", "attention"])
def test_every_weight_of_a_layer_learns(operation: str) -> None:
    import tensorflow as tf

    model = network(layer_1=operation, layer_2="identity", dropout=0.0, skip_1="identity")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(TABLE) ** 2)
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None, weight.path
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0, weight.path


def test_an_identity_is_no_layer_and_none_leaves_what_is_added() -> None:
    shallow = network(layer_1="identity", layer_2="identity")
    assert not any(layer.name.startswith("layer_") for layer in shallow.layers if layer.weights)
    added = network(layer_1="none", layer_2="identity", skip_1="identity")
    added.set_weights(shallow.get_weights())
    np.testing.assert_array_equal(added.predict(TABLE, verbose=0), shallow.predict(TABLE, verbose=0))


@pytest.mark.parametrize("space", [SPACE, WIDTHS], ids=["one width", "widths"])
def test_the_supernet_hands_out_the_networks_of_the_function(space: TabularSpace) -> None:
    supernet = PathFunction(space, seed=0)
    supernet.build((None, 4))
    rng = np.random.default_rng(0)
    for _ in range(4):
        point = space.sample(rng)
        supernet.select(point)
        found = supernet.extract(point, (4,))
        np.testing.assert_allclose(found.predict(TABLE, verbose=0), np.asarray(supernet(TABLE)), rtol=1e-5, atol=1e-6)
        head = keras.Model(found.input, keras.layers.Dense(1)(found.output))
        assert space_costs(space, point, (4,), 1) == model_costs(head)


def test_features_that_nothing_is_known_of_are_taken_for_normalised_numbers() -> None:
    space = TabularSpace(layers=1, width=6, embedding=2, bins=4)
    x = keras.Input((3,))
    model = keras.Model(x, function_network(x, space.default(), space))
    assert model.predict(np.random.default_rng(0).standard_normal((5, 3)), verbose=0).shape == (5, 6)


def test_layers_are_as_wide_as_was_chosen_and_features_of_one_size() -> None:
    x, rng = keras.Input((4,)), np.random.default_rng(0)
    for width in WIDTHS.widths:
        point = WIDTHS.architecture({**dict(WIDTHS.sample(rng)), "width": width})
        model = keras.Model(x, function_network(x, point, WIDTHS))
        assert max(layer.units for layer in model.layers if layer.name.endswith("dense")) == width
        features = model.predict(TABLE, verbose=0)
        assert features.shape == (5, 8) and not features[:, width:].any() and features[:, :width].any()


def test_widths_are_mixed() -> None:
    mixed = MixedFunction(WIDTHS, seed=0)
    assert mixed(TABLE).shape == (5, 8)
    assert set(mixed.mixture()) >= {"width"} and mixed.architecture()["width"] in WIDTHS.widths
