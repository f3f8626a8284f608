"""Networks of discrete cells: their shape, names, weights and drop-path."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers import DropPath, cell_network, copy_weights, initialize_weights
from autonas_keras.spaces import DARTS_V2, Architecture, Cell, CellSpace

SPACES = {
    "darts": CellSpace.darts(cells=5, channels=4),
    "nasnet": CellSpace.nasnet(cells=3, channels=4, nodes=3),
    "nasbench201": CellSpace.nasbench201(cells=3, channels=4),
}
SMALL = {**SPACES, "darts": CellSpace.darts(cells=5, channels=4, nodes=2)}
SIZES = [(9, 7), (1, 1), (16, 16), (2, 5)]


def build(
    space: CellSpace, architecture: Architecture, size: tuple[int, int] = (9, 7), **arguments: object
) -> keras.Model:
    x = keras.Input((*size, 3))
    cells = {kind: space.cell(architecture, kind) for kind in space.cell_types}
    return keras.Model(x, cell_network(x, cells, space, **arguments))


def images(size: tuple[int, int] = (9, 7), count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *size, 3)).astype("float32")


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", SIZES)
def test_resolution_halves_rounding_up_and_channels_double(name: str, size: tuple[int, int]) -> None:
    space = SMALL[name]
    model = build(space, space.sample(np.random.default_rng(0)), size)
    outputs = 1 if name == "nasbench201" else space.nodes
    quarter = tuple(-(-n // 4) for n in size)
    assert model.output_shape == (None, *quarter, 4 * space.channels * outputs)
    assert np.isfinite(np.asarray(model(images(size), training=True))).all()


@pytest.mark.parametrize("cells", [1, 2, 3, 4])
def test_few_cells_are_networks_too(cells: int) -> None:
    for space in (
        CellSpace.darts(cells=cells, channels=2, nodes=2),
        CellSpace.nasbench201(cells=cells, channels=2, nodes=2),
    ):
        model = build(space, space.sample(np.random.default_rng(1)))
        assert np.isfinite(np.asarray(model(images()))).all()


@pytest.mark.parametrize("name", SMALL)
def test_a_network_has_stock_layers_only_and_loads_anywhere(name: str, tmp_path: Path) -> None:
    space = SMALL[name]
    model = build(space, space.sample(np.random.default_rng(2)))
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(images())), np.asarray(model(images())))


def test_a_cell_computes_what_its_pairs_say() -> None:
    space = CellSpace.darts(operations=("skip_connect", "max_pool_3x3"), nodes=2, cells=1, channels=2)
    cells = {
        "normal": Cell(2, ((("skip_connect", 0),),), (2,)),
        "reduction": Cell(
            2, ((("max_pool_3x3", 0), ("max_pool_3x3", 1)), (("skip_connect", 2), ("skip_connect", 2))), (2, 3)
        ),
    }
    x = keras.Input((5, 5, 3))
    model = keras.Model(x, cell_network(x, cells, space))
    entered = [
        keras.Model(x, model.get_layer(f"cell_0_input_{state}_batch_norm").output)(images((5, 5))) for state in (0, 1)
    ]
    pooled = sum(np.asarray(tf.nn.max_pool2d(s, 3, 1, "SAME"))[:, ::2, ::2] for s in entered)
    np.testing.assert_allclose(np.asarray(model(images((5, 5)))), np.concatenate([pooled, 2 * pooled], -1), rtol=1e-5)


def test_names_tell_the_place_and_do_not_depend_on_what_was_built_before() -> None:
    space = SPACES["darts"]
    architecture = space.from_genotype(DARTS_V2)
    first, second = build(space, architecture), build(space, architecture)
    names = [layer.name for layer in first.layers[1:]]
    assert names == [layer.name for layer in second.layers[1:]]
    assert {"stem_conv", "cell_0_input_1_relu", "cell_3_concat", "cell_2_node_5_add"} <= set(names)
    assert {"cell_3_node_2_op_1_max_pool_3x3_pool", "cell_0_node_2_op_2_sep_conv_3x3_depthwise_2"} <= set(names)
    assert "cell_2_input_0_concat" in names, "after a reduction cell the older input passes a FactorizedReduce"


def test_two_networks_stand_in_one_model() -> None:
    space = SPACES["nasbench201"]
    cells = {"cell": space.cell(space.default(), "cell")}
    x = keras.Input((8, 8, 3))
    outputs = [cell_network(x, cells, space, name_prefix=prefix) for prefix in ("left_", "right_")]
    model = keras.Model(x, outputs)
    assert {"left_stem_conv", "right_stem_conv"} <= {layer.name for layer in model.layers}


def test_normalised_pooling_is_that_of_the_search() -> None:
    def poolings(name: str, affine: bool) -> int:
        space = SPACES[name]
        model = build(space, architectures[name], affine=affine)
        return sum("pool" in layer.name and layer.name.endswith("batch_norm") for layer in model.layers)

    architectures = {
        "darts": SPACES["darts"].from_genotype(DARTS_V2),
        "nasbench201": SPACES["nasbench201"].parse("|avg_pool_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"),
    }
    assert poolings("darts", True) == 0
    assert poolings("darts", False) == 10
    assert poolings("nasbench201", True) == poolings("nasbench201", False) == 0


def test_only_stem_residual_blocks_and_end_learn_scales_in_a_search() -> None:
    for name, expected in (("darts", {"stem"}), ("nasbench201", {"stem", "residual", "last"})):
        space = SMALL[name]
        model = build(space, space.sample(np.random.default_rng(3)), affine=False)
        scaled = [weight.path for weight in model.weights if weight.path.endswith("gamma")]
        assert {word for path in scaled for word in ("stem", "residual", "last") if word in path} == expected
        assert not [path for path in scaled if "_op_" in path or "_input_" in path]


@pytest.mark.parametrize(("name", "size"), [("darts", (36, 40)), ("nasnet", (32, 32)), ("nasbench201", (4, 5))])
def test_the_auxiliary_head_reads_the_cell_at_two_thirds(name: str, size: tuple[int, int]) -> None:
    space = SMALL[name]
    model = build(space, space.default(), size, auxiliary=True)
    main, extra = model.output_shape
    assert main == build(space, space.default(), size).output_shape
    assert extra == (None, 1, 1, 768)
    names = [layer.name for layer in model.layers if layer.name.startswith("auxiliary_")]
    assert {"auxiliary_conv", "auxiliary_conv_2", "auxiliary_batch_norm_2", "auxiliary_relu_3"} <= set(names)


@pytest.mark.parametrize("name", SMALL)
def test_drop_path_changes_neither_weights_nor_predictions(name: str) -> None:
    space = SMALL[name]
    architecture = space.sample(np.random.default_rng(4))
    plain, dropped = build(space, architecture), build(space, architecture, drop_path=DropPath(0.5))
    assert not [layer for layer in plain.layers if "Drop" in type(layer).__name__]
    assert [w.path for w in plain.weights] == [w.path for w in dropped.weights]
    plain.set_weights(dropped.get_weights())
    np.testing.assert_array_equal(np.asarray(plain(images())), np.asarray(dropped(images())))


def dropped_sum(rate: float) -> tuple[DropPath, keras.Model]:
    space = CellSpace.nasnet(nodes=1, cells=3, channels=4)
    pairs = ((("skip_connect", 0), ("max_pool_3x3", 1)),)
    drop_path = DropPath(rate, seed=1)
    x = keras.Input((8, 8, 3))
    cells = {kind: Cell(2, pairs, (2,)) for kind in space.cell_types}
    model = keras.Model(x, cell_network(x, cells, space, drop_path=drop_path))
    return drop_path, keras.Model(x, [model.get_layer("cell_0_node_2_add").output] + [
        model.get_layer(f"cell_0_{end}").output for end in ("input_0_batch_norm", "node_2_op_2_max_pool_3x3_pool")
    ])  # fmt: skip


def test_drop_path_drops_whole_samples_but_never_the_identity() -> None:
    _, model = dropped_sum(0.25)
    total, identity, path = (np.asarray(y) for y in model(images((8, 8), 200), training=True))
    share = ((total - identity) * path).sum((1, 2, 3)) / (path**2).sum((1, 2, 3))
    kept = share > 0.5
    np.testing.assert_allclose(share[kept], 1 / 0.75, rtol=1e-4)
    np.testing.assert_allclose(share[~kept], 0.0, atol=1e-4)
    assert 0.65 < kept.mean() < 0.85


def test_the_rate_of_drop_path_moves_without_a_retrace() -> None:
    drop_path, model = dropped_sum(0.0)
    traces = []

    @tf.function
    def step(x: tf.Tensor) -> list[tf.Tensor]:
        traces.append(1)
        return model(x, training=True)

    x = tf.constant(images((8, 8), 50))
    total, identity, path = step(x)
    np.testing.assert_array_equal(total, identity + path)
    drop_path.assign(0.9)
    total, identity, path = step(x)
    assert np.abs(total - identity - path).max() > 0.1
    assert len(traces) == 1


def test_drop_path_repeats_for_a_seed_and_its_state_is_a_variable() -> None:
    drop_path, model = dropped_sum(0.5)
    _, again = dropped_sum(0.5)
    again.set_weights(model.get_weights())
    runs = [np.asarray(m(images((8, 8), 20), training=True)[0]) for m in (model, again)]
    np.testing.assert_array_equal(*runs)
    assert any(variable is drop_path.seed_generator.state for variable in model.variables)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_is_below_one(rate: float) -> None:
    with pytest.raises(ValueError, match=r"Expected a drop-path rate in \[0, 1\)"):
        DropPath().assign(rate)


def test_copied_weights_make_the_trained_network_the_plain_one() -> None:
    space = SPACES["darts"]
    architecture = space.from_genotype(DARTS_V2)
    trained = build(space, architecture, drop_path=DropPath(0.3), auxiliary=True)
    initialize_weights(trained, 5)
    plain = build(space, architecture)
    copy_weights(trained, plain)
    np.testing.assert_array_equal(np.asarray(plain(images())), np.asarray(trained(images())[0]))
    with pytest.raises(ValueError, match="Expected a layer named 'auxiliary_conv'"):
        copy_weights(plain, trained)


def test_initial_weights_come_from_the_seed_alone() -> None:
    space = SPACES["darts"]
    architecture = space.from_genotype(DARTS_V2)
    state = np.random.get_state()[1].copy()
    models = [build(space, architecture) for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        initialize_weights(model, seed)
    same, again, other = (model.get_weights() for model in models)
    assert all(np.array_equal(a, b) for a, b in zip(same, again, strict=True))
    kernels = [(a, b) for a, b in zip(same, other, strict=True) if a.ndim == 4]
    assert not any(np.array_equal(a, b) for a, b in kernels)
    assert len({a.tobytes() for a, _ in kernels}) == len(kernels), "no two kernels start equal"
    assert np.array_equal(state, np.random.get_state()[1])


def test_starting_over_forgets_training() -> None:
    x = keras.Input((6,))
    inner = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model = keras.Model(x, keras.layers.BatchNormalization()(inner(x)))
    initialize_weights(model, 0)
    start = model.get_weights()
    model.set_weights([w + 1 for w in start])
    initialize_weights(model, 0)
    assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({}, r"Expected a normal cell of 2 input states, got cells \[\]"),
        ({"normal": Cell(1, ((("none", 0),),), (1,))}, "Expected a normal cell of 2 input states, got one of 1"),
    ],
)
def test_wrong_cells_get_a_sentence(cells: dict[str, Cell], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        cell_network(keras.Input((8, 8, 3)), cells, SPACES["darts"])
