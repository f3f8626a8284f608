"""Cells of which one architecture runs at a time, against the networks that hold only that one."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import PathCell

SPACES = {
    "darts": CellSpace.darts(cells=3, channels=4, nodes=2),
    "nasnet": CellSpace.nasnet(cells=3, channels=4, nodes=2),
    "nasbench201": CellSpace.nasbench201(cells=3, channels=4),
}


@pytest.fixture(scope="module", params=list(SPACES))
def supernet(request: pytest.FixtureRequest) -> PathCell:
    layer = PathCell(SPACES[request.param], affine=True, seed=0)
    layer.build((None, 9, 8, 3))
    rng = np.random.default_rng(0)
    for variable in layer.weights:
        # Scales, offsets and statistics are to differ between branches too.
        if variable.dtype == "float32" and len(variable.shape) == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return layer


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 9, 8, 3)).astype("float32")


def architectures(layer: PathCell, count: int) -> list:
    rng = np.random.default_rng(1)
    return [layer.space.sample(rng) for _ in range(count)]


def test_a_selection_computes_what_its_network_of_stock_layers_does(supernet: PathCell) -> None:
    for architecture in architectures(supernet, 4):
        supernet.select(architecture)
        network = supernet.extract(architecture, (9, 8, 3))
        np.testing.assert_allclose(supernet(images()), network(images()), rtol=1e-4, atol=1e-5)
        assert supernet.compute_output_shape((None, 9, 8, 3)) == network.output_shape
        assert all(type(layer).__module__.startswith("keras.") for layer in network.layers)


def test_a_training_step_sees_and_moves_the_statistics_of_the_selection_alone(supernet: PathCell) -> None:
    architecture = architectures(supernet, 1)[0]
    supernet.select(architecture)
    network = supernet.extract(architecture, (9, 8, 3))
    before = [weight.numpy() for weight in supernet.non_trainable_weights]
    y = supernet(images(), training=True)
    np.testing.assert_allclose(y, network(images(), training=True), rtol=1e-3, atol=1e-4)
    moved = [not np.array_equal(a, b) for a, b in zip(before, supernet.non_trainable_weights, strict=True)]
    for weight, old in zip(supernet.non_trainable_weights, before, strict=True):
        weight.assign(old)
    counted = sum(1 for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization))
    # Input states that no node reads are computed by the supernet, and left out of the network.
    assert 2 * counted <= sum(moved) <= 2 * (counted + 2 * supernet.space.cells)


def test_one_trace_serves_all_architectures(supernet: PathCell) -> None:
    traces = []

    @tf.function
    def run(x: tf.Tensor) -> tf.Tensor:
        traces.append(1)
        return supernet(x)

    found = []
    for architecture in architectures(supernet, 5):
        supernet.select(architecture)
        found.append(run(images()).numpy())
        np.testing.assert_allclose(found[-1], supernet(images()), rtol=1e-4, atol=1e-5)
    assert len(traces) == 1
    assert not np.allclose(found[0], found[1])


def test_weights_get_a_gradient_where_usage_says_so_and_all_get_one_somewhere(supernet: PathCell) -> None:
    weights = supernet.trainable_weights
    groups = supernet.usage()
    learnt: set[int] = set()

    @tf.function
    def slopes(x: tf.Tensor) -> list:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([w.value for w in weights])
            loss = tf.reduce_sum(supernet(x, training=True) ** 2)
        return tape.gradient(loss, [w.value for w in weights], unconnected_gradients="zero")

    for architecture in architectures(supernet, 60):
        supernet.select(architecture)
        nonzero = {id(w) for w, g in zip(weights, slopes(images()), strict=True) if np.abs(g).max() > 0}
        for used, variables in groups:
            if not bool(used(tf.convert_to_tensor(supernet.selected))):
                assert not nonzero & {id(v) for v in variables}
        learnt |= nonzero
    assert learnt == {id(w) for w in weights}


def test_the_layer_is_saved_and_loaded() -> None:
    space = SPACES["nasbench201"]
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, PathCell(space, seed=3, name="cells")(inputs))
    again = keras.Model.from_config(model.get_config())
    for left, right in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert any(
        not np.array_equal(a, b) for a, b in zip(PathCell_weights(space, 3), PathCell_weights(space, 4), strict=True)
    )


def PathCell_weights(space: CellSpace, seed: int) -> list[np.ndarray]:
    layer = PathCell(space, seed=seed)
    layer.build((None, 8, 8, 3))
    return layer.get_weights()
