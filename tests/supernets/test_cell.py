"""The fast supernet computes what the plain one does, hands out what it holds, and traces once."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers.operations import register_operation
from autonas_keras.spaces import CellSpace, canonical
from autonas_keras.supernets.cell import CellSupernet
from autonas_keras.supernets.merged import shared_cell
from autonas_keras.supernets.plain import PlainCellSupernet
from autonas_keras.supernets.transfer import frame_weights, operation_weights, put
from autonas_keras.testing.probe import shake

# Half of the operations of each: what is left out computes as another one of another size.
DARTS = ("none", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_5x5")
SPACES = {
    "darts": CellSpace.darts(operations=DARTS, cells=3, channels=4, nodes=2),
    "nasnet": CellSpace.nasnet(cells=3, channels=4, nodes=1),
    "nasbench201": CellSpace.nasbench201(cells=3, channels=4, nodes=2),
    "one operation": CellSpace(("sep_conv_7x7",), cells=2, channels=1, nodes=1),
    "thin": CellSpace(("skip_connect", "max_pool_3x3", "none"), cells=3, channels=1, nodes=2),
}


def images(size: int = 9, batch: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((batch, size, size, 3))


def shuffle_weights(supernet: CellSupernet) -> None:
    rng = np.random.default_rng(1)
    for variable in supernet.weights:
        if variable.name.endswith("moving"):
            shape = (variable.shape[1],)
            variable.assign(np.stack([rng.normal(0, 0.1, shape), rng.uniform(0.5, 2, shape)]))
        elif "gamma" in variable.name or "stem_beta" in variable.name or "last_beta" in variable.name:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))


def fill(plain: PlainCellSupernet, fast: CellSupernet) -> None:
    """Put the weights of the fast supernet into the plain one."""
    models = {"stem": plain.stem}
    for index in range(fast.space.cells):
        models |= {f"cell_{index}_input_{side}": model for side, model in enumerate(plain.preprocess[index])}
    models |= {f"cell_{index}_residual": model for index, model in plain.residual.items()}
    if fast.space.topology == "dense":
        models["last"] = plain.last
    for place, weights in frame_weights(fast).items():
        put(models[place], place, weights)
    for (index, (node, state), operation), model in plain.operations.items():
        put(model, model.name, operation_weights(fast, index, node, state, operation))


def pair(space: CellSpace, size: int = 9) -> tuple[CellSupernet, PlainCellSupernet, np.ndarray, dict]:
    x = images(size)
    fast, plain = CellSupernet(space, seed=3), PlainCellSupernet(space)
    rng = np.random.default_rng(2)
    tables = {kind: rng.uniform(0.2, 1, (len(space.edges), len(space.operations))) for kind in space.cell_types}
    fast.build(x.shape)
    plain.build(x.shape)
    shuffle_weights(fast)
    fill(plain, fast)
    fast.select_mixture(tables)
    return fast, plain, x, tables


@pytest.mark.slow(seconds=8)
@pytest.mark.parametrize("name", SPACES)
def test_outputs_gradients_and_statistics_equal_the_plain_form_in_float64(name: str, float64: None) -> None:
    fast, plain, x, tables = pair(SPACES[name])
    found = np.array(fast(x, training=False))
    np.testing.assert_allclose(found, np.array(plain(x, tables, training=False)), rtol=1e-9, atol=1e-9)
    assert found.shape[1:] == tuple(fast.compute_output_shape(x.shape))[1:]
    x = images(6)
    mixtures = {kind: tf.Variable(table) for kind, table in tables.items()}
    with tf.GradientTape() as tape:
        y = plain(x, mixtures, training=True)
        loss = tf.reduce_sum(tf.sin(y))
    # Of two cells none is normal: its mixture has no effect.
    first = plain.stem.trainable_variables[0].value
    slopes, stem = tape.gradient(loss, [mixtures, first], unconnected_gradients="zero")
    wanted = [*(fast.selection[kind].value for kind in tables), fast._stem.value]
    with tf.GradientTape() as tape:
        tape.watch(wanted)
        found = fast(x, training=True)
        loss = tf.reduce_sum(tf.sin(found))
    tape_slopes = tape.gradient(loss, wanted, unconnected_gradients="zero")
    np.testing.assert_allclose(found, y, rtol=1e-9, atol=1e-9)
    for kind, slope in zip(tables, tape_slopes[:-1], strict=True):
        np.testing.assert_allclose(slope, slopes[kind], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(tape_slopes[-1], stem, rtol=1e-7, atol=1e-8)
    # Keras keeps the biased variance, the paper's code the unbiased one: compare means only.
    mean = frame_weights(fast)["stem"]["batch_norm"][2]
    np.testing.assert_allclose(plain.stem.get_layer("stem_batch_norm").moving_mean, mean, rtol=1e-9, atol=1e-12)
    for (index, (node, state), operation), model in plain.operations.items():
        for kind, arrays in operation_weights(fast, index, node, state, operation).items():
            if kind.startswith("batch_norm"):
                layer = model.get_layer(f"{model.name}_{kind}")
                np.testing.assert_allclose(layer.moving_mean, arrays[0], rtol=1e-9, atol=1e-12)


def test_a_selected_network_whose_nodes_read_a_state_twice_equals_the_extracted_one() -> None:
    space, x = SPACES["nasnet"], images(8).astype("float32")
    layer = CellSupernet(space, seed=0)
    layer.build(x.shape)
    shuffle_weights(layer)
    rng = np.random.default_rng(5)
    for _ in range(3):
        architecture = space.sample(rng)
        layer.select(architecture)
        model = layer.extract(architecture, x.shape[1:])
        np.testing.assert_allclose(layer(x), model(x), rtol=1e-4, atol=1e-4)
        assert all(type(part).__module__.startswith("keras.") for part in model.layers)


def test_a_frozen_pass_gives_the_alphas_their_gradient_no_kernel_one_and_moves_no_statistic() -> None:
    layer = CellSupernet(CellSpace.darts(cells=3, channels=4, nodes=1), partial_channels=2, seed=0)
    x = images(8).astype("float32")
    layer.build(x.shape)
    before = [keras.ops.convert_to_numpy(v) for v in layer.non_trainable_variables]
    searched = {id(v) for v in layer.architecture_weights}
    kernels = [v for v in layer.trainable_variables if id(v) not in searched]
    alphas = [v.value for v in layer.architecture_weights]
    with layer.frozen(), tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x, training=True)))
    found = tape.gradient(loss, [*(kernel.value for kernel in kernels), *alphas])
    cells = [g for v, g in zip(kernels, found, strict=False) if "stem" not in v.name]
    assert all(g is None or not np.any(g) for g in cells)
    assert all(
        np.array_equal(a, keras.ops.convert_to_numpy(v))
        for a, v in zip(before, layer.non_trainable_variables, strict=True)
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x, training=True)))
    for slope, expected in zip(found[len(kernels) :], tape.gradient(loss, alphas), strict=True):
        assert np.any(slope)
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-5)


def test_cells_of_one_plan_share_one_trace() -> None:
    layer = CellSupernet(CellSpace.darts(cells=8, channels=4, nodes=2), seed=0)
    layer.build((None, 8, 8, 3))
    functions = {shared_cell(plan, True, False, "float32") for plan in layer.plans}
    assert len(functions) == 5


def test_custom_operation_runs_beside_the_merged_ones() -> None:
    def gelu_conv(x: keras.KerasTensor, channels: int, strides: int) -> keras.KerasTensor:
        x = keras.layers.Activation("gelu")(x)
        x = keras.layers.Conv2D(channels, 3, strides, padding="same")(x)
        return keras.layers.BatchNormalization()(x)

    register_operation("gelu_conv_for_supernet", gelu_conv)
    space = CellSpace(("gelu_conv_for_supernet", "skip_connect", "sep_conv_3x3"), nodes=2, cells=3, channels=4)
    layer, x = CellSupernet(space, seed=0), images(8).astype("float32")
    y = layer(x, training=True)
    assert y.shape == layer.compute_output_shape(x.shape)
    assert canonical("gelu_conv_for_supernet") in layer.plans[0].custom
    shake(layer)
    for seed in range(3):
        architecture = space.sample(np.random.default_rng(seed))
        layer.select(architecture)
        network = layer.extract(architecture, x.shape[1:])
        np.testing.assert_allclose(layer(x), network(x, training=False), atol=1e-5)


def test_seed_decides_all_weights_and_zero_is_a_seed() -> None:
    def weights(seed: int) -> list[np.ndarray]:
        layer = CellSupernet(SPACES["thin"], seed=seed)
        layer.build((None, 8, 8, 3))
        return [keras.ops.convert_to_numpy(v) for v in layer.trainable_variables]

    assert all(np.array_equal(a, b) for a, b in zip(weights(0), weights(0), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(0), weights(1), strict=True))


def test_config_round_trip_and_bad_partial_channels() -> None:
    layer = CellSupernet(SPACES["darts"], partial_channels=2, seed=7)
    again = CellSupernet.from_config(layer.get_config())
    assert (again.space, again.partial_channels, again.seed) == (layer.space, 2, 7)
    with pytest.raises(ValueError, match="divide the 4 channels"):
        CellSupernet(SPACES["darts"], partial_channels=3)


@pytest.mark.parametrize("name", ["nasbench201", "darts"])
def test_expected_cost_is_the_mean_over_architectures_drawn_by_the_alphas(name: str, float64: None) -> None:
    space = (
        CellSpace.nasbench201(cells=3, channels=4) if name == "nasbench201" else CellSpace.darts(nodes=2, channels=4)
    )
    layer = CellSupernet(space, dtype="float64")
    layer.build((None, 8, 8, 3))
    rng = np.random.default_rng(0)
    costs = {kind: rng.uniform(0, 9, (len(space.edges), len(space.operations))) for kind in space.cell_types}
    mean = 0.0
    for kind, alpha in layer.alphas.items():
        alpha.assign(rng.normal(size=alpha.shape))
        soft = np.exp(alpha.numpy())
        if name == "darts":  # none is never chosen there
            soft[:, space.operations.index("none")] = 0
        soft /= soft.sum(-1, keepdims=True)
        for (node, _), row, table in zip(space.edges, soft, costs[kind], strict=True):
            # A node of DARTS keeps two of its edges, each as likely as the others.
            mean += (1.0 if name == "nasbench201" else 2 / node) * (row * table).sum()
    np.testing.assert_allclose(float(layer.expected(costs)), mean, rtol=1e-12)


def test_an_operation_that_cannot_be_chosen_hides_no_cost(float64: None) -> None:
    space = CellSpace.darts(nodes=2, channels=4)
    layer = CellSupernet(space, dtype="float64")
    layer.build((None, 8, 8, 3))
    costs = {kind: np.ones((len(space.edges), len(space.operations))) for kind in space.cell_types}
    none = space.operations.index("none")
    before = float(layer.expected(costs))
    for alpha in layer.alphas.values():
        table = alpha.numpy()
        table[:, none] = 9.0
        alpha.assign(table)
    with tf.GradientTape() as tape:
        alphas = [alpha.value for alpha in layer.alphas.values()]
        tape.watch(alphas)
        found = layer.expected(costs)
    assert float(found) == pytest.approx(before, rel=1e-12)
    for slope in tape.gradient(found, alphas):
        assert np.isfinite(slope).all() and not slope.numpy()[:, none].any()
