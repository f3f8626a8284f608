"""The plain supernet: on a mask it is the discrete network, and it is linear in its mixture."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers import cell_network, operation_model
from autonas_keras.spaces import Architecture, CellSpace, canonical
from autonas_keras.supernets.plain import PlainCellSupernet

DARTS = ("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_5x5")
NASNET = ("conv_3x3", "avg_pool_3x3", "identity", "zero")
SPACES = {
    "darts": CellSpace.darts(operations=DARTS, cells=3, channels=2, nodes=2),
    "nasnet": CellSpace.nasnet(operations=NASNET, cells=3, channels=3, nodes=2),
    "nasbench201": CellSpace.nasbench201(cells=3, channels=2),
}


def images(size: tuple[int, int] = (7, 9)) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, *size, 3)).astype("float32")


def shaken(supernet: PlainCellSupernet, space: CellSpace) -> PlainCellSupernet:
    """The supernet built, with every weight off its start."""
    supernet.build((None, None, None, 3))
    rng = np.random.default_rng(1)
    for weight in supernet.weights:
        if not weight.path.endswith("kernel"):
            weight.assign(weight + rng.uniform(0.1, 0.5, weight.shape))
    return supernet


def network(supernet: PlainCellSupernet, architecture: Architecture) -> keras.Model:
    """The discrete network with the weights of the selected operations."""
    space, x = supernet.space, keras.Input((7, 9, 3))
    cells = {kind: space.cell(architecture, kind) for kind in space.cell_types}
    model = keras.Model(x, cell_network(x, cells, space, affine=False))
    layers = {layer.name: layer for layer in model.layers}

    def give(prefix: str, source: keras.Model) -> None:
        for layer in source.layers:
            name = layer.name.replace(source.name, prefix, 1)
            # An input state that no node takes is not in the discrete network.
            if layer.weights and (name in layers or "_input_" not in name):
                layers[name].set_weights(layer.get_weights())

    give("stem", supernet.stem)
    for index in range(space.cells):
        for state, source in enumerate(supernet.preprocess[index]):
            give(f"cell_{index}_input_{state}", source)
        if index in supernet.residual:
            give(f"cell_{index}_residual", supernet.residual[index])
        kind = space.cell_types[-1] if index in space.reductions else space.cell_types[0]
        for node, pairs in enumerate(cells[kind].nodes, space.inputs):
            for number, (name, state) in enumerate(pairs, 1):
                source = supernet.operations[index, (node, state), name]
                give(f"cell_{index}_node_{node}_op_{number}_{canonical(name)}", source)
    if space.topology == "dense":
        give("last", supernet.last)
    return model


@pytest.mark.parametrize("name", SPACES)
def test_a_mask_selects_the_discrete_network(name: str) -> None:
    space = SPACES[name]
    supernet = shaken(PlainCellSupernet(space), space)
    for seed in range(2):
        architecture = space.sample(np.random.default_rng(seed))
        y = supernet(images(), space.mask(architecture))
        expected = network(supernet, architecture)(images())
        np.testing.assert_allclose(np.asarray(y), np.asarray(expected), rtol=1e-3, atol=1e-4)


def test_an_edge_is_the_weighted_sum_of_its_operations() -> None:
    space = CellSpace.nasbench201(cells=1, channels=4, nodes=1)
    supernet = shaken(PlainCellSupernet(space), space)
    weights = np.random.default_rng(2).normal(size=(1, 5)).astype("float32")
    x = supernet.stem(images())
    parts = [supernet.operations[0, (1, 0), name](x) for name in space.operations]
    expected = supernet.last(sum(w * part for w, part in zip(weights[0], parts, strict=True)))
    np.testing.assert_allclose(np.asarray(supernet(images(), {"cell": weights})), np.asarray(expected), atol=1e-5)


@pytest.mark.parametrize("name", SPACES)
def test_shapes_and_order_are_those_of_the_discrete_network(name: str) -> None:
    space = SPACES[name]
    supernet = PlainCellSupernet(space)
    weights = {kind: np.ones((len(space.edges), len(space.operations)), "float32") for kind in space.cell_types}
    for size in ((7, 9), (4, 1)):
        y = supernet(images(size), weights)
        assert tuple(y.shape) == supernet.compute_output_shape((3, *size, 3))
        assert tuple(y.shape[1:3]) == tuple(-(-n // 4) for n in size)
    inputs = [model for cell in supernet.preprocess for model in cell]
    models = [supernet.stem, *inputs, *supernet.operations.values(), *supernet.residual.values()]
    models += [supernet.last] if space.topology == "dense" else []
    assert {id(w) for w in supernet.weights} == {id(w) for model in models for w in model.weights}
    assert list(supernet.operations) == [
        (index, edge, operation) for index in range(3) for edge in space.edges for operation in space.operations
    ]


def test_edges_hold_the_operation_models() -> None:
    space = SPACES["darts"]
    supernet = PlainCellSupernet(space)
    supernet.build((None, 8, 8, 3))
    for index, strides in ((0, 1), (1, 2)):
        for operation in space.operations:
            channels = 2 * 2**index
            found = supernet.operations[index, (2, 0), operation]
            model = operation_model(operation, (8, 8, channels), channels, strides, affine=False)
            assert [w.shape for w in found.weights] == [w.shape for w in model.weights]
            assert found(np.ones((1, 8, 8, channels), "float32")).shape[1] == 8 // strides


def test_training_moves_statistics_and_reaches_every_weight_and_mixture() -> None:
    space = SPACES["darts"]
    supernet = PlainCellSupernet(space, affine=True)
    shape = (len(space.edges), len(space.operations))
    mixture = {kind: tf.Variable(tf.fill(shape, 0.3)) for kind in space.cell_types}
    supernet(images(), mixture)
    before = [np.asarray(w) for w in supernet.non_trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(supernet(images(), mixture, training=True) ** 3)
    gradients = tape.gradient(loss, [*supernet.trainable_weights, *mixture.values()])
    assert all(gradient is not None for gradient in gradients)
    none = space.operations.index("none")
    for gradient in gradients[-2:]:
        moved = np.abs(np.asarray(gradient)) > 0
        assert not moved[:, none].any() and moved[:, np.arange(shape[1]) != none].all()
    assert all((np.asarray(w) != b).any() for w, b in zip(supernet.non_trainable_weights, before, strict=True))


def test_it_runs_in_float64() -> None:
    space = CellSpace.darts(operations=("sep_conv_3x3", "max_pool_3x3", "skip_connect"), nodes=1, cells=2, channels=2)
    supernet = PlainCellSupernet(space, dtype="float64")
    weights = {kind: np.full((2, 3), 0.5) for kind in space.cell_types}
    x = images().astype("float64")
    exact = supernet(x, weights, training=True)
    assert exact.dtype == tf.float64
    assert {weight.dtype for weight in supernet.weights} == {"float64"}
    assert keras.config.dtype_policy().name == "float32"
    single = PlainCellSupernet(space)
    single.build((None, None, None, 3))
    single.set_weights(supernet.get_weights())
    np.testing.assert_allclose(np.asarray(single(x, weights, training=True)), np.asarray(exact), atol=1e-4)
