"""The supernet of chains computes the networks it holds, and touches nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers import chain_network
from autonas_keras.spaces import Architecture, ChainSpace, Option
from autonas_keras.supernets.path_chain import PathChain
from autonas_keras.supernets.switch import Switch, branch_model

SIZE = (8, 6, 3)
STAGES = ((2, 8, 2),)
SPACES = {
    "macro": ChainSpace.nasbench_macro(channels=4, stages=((1, 6, 1), (2, 8, 2))),
    "spos": ChainSpace.spos(operations=("shuffle_k7", "shuffle_xception"), stages=STAGES, stem=4, tail=6),
    "mixed": ChainSpace(("mbconv_k3_e1", "identity", "shuffle_k5"), STAGES, stem=4, stem_strides=2),
    "widths": ChainSpace(("shuffle_k3", "mbconv_k3_e3"), STAGES, stem=4, widths=(0.5, 1.5, 1.0)),
    "bits": ChainSpace(("identity", "mbconv_k3_e2"), STAGES, stem=4, widths=(1.0, 0.5), bits=(2, 8)),
    "mixed widths": ChainSpace(("identity", "mbconv_k5_e1", "shuffle_xception"), STAGES, 4, tail=5, widths=(0.25, 1.0)),
}


def images(seed: int = 0, count: int = 4, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *SIZE)).astype(dtype)


def shaken(supernet: PathChain) -> PathChain:
    """A built supernet none of whose weights has the value that many others have."""
    supernet.build((None, *SIZE))
    rng = np.random.default_rng(1)
    for weight in supernet.weights:
        if weight.path.endswith(("gamma", "beta", "moving_mean", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return supernet


def every_option(space: ChainSpace) -> Iterator[Architecture]:
    """Architectures in which every option of every choice occurs."""
    rng, missing = np.random.default_rng(0), options(space)
    while missing:
        architecture = space.sample(rng)
        if missing & set(architecture.items()):
            missing -= set(architecture.items())
            yield architecture


def options(space: ChainSpace) -> set[tuple[str, Option]]:
    return {(name, option) for name, choice in space.named.items() for option in choice.options}


def assert_close(y: tf.Tensor, expected: tf.Tensor, tolerance: float, rounded: bool) -> None:
    """Where activations are rounded, a few of them may lie so close to a border that they come out on either side."""
    close = np.isclose(y, expected, rtol=tolerance, atol=tolerance)
    assert close.mean() > 0.98 if rounded else close.all()


def values(supernet: PathChain) -> dict[str, np.ndarray]:
    return {weight.path: np.asarray(weight) for weight in supernet.weights}


@pytest.fixture(scope="module")
def supernets() -> dict[str, PathChain]:
    return {name: shaken(PathChain(space, seed=3)) for name, space in SPACES.items()}


@pytest.mark.parametrize("name", SPACES)
def test_it_computes_the_stand_alone_network_of_every_option(name: str, supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets[name], SPACES[name]
    run = tf.function(lambda x, training: supernet(x, training=training))
    seen = set()
    for architecture in every_option(space):
        seen |= set(architecture.items())
        supernet.select(architecture)
        model = supernet.extract(architecture, SIZE)
        x = images()
        y = run(x, False)
        assert tuple(y.shape) == supernet.compute_output_shape(x.shape) == tuple(model.compute_output_shape(x.shape))
        assert_close(y, model(x, training=False), 1e-5, rounded=bool(space.bits))
        if space.bits:
            continue
        np.testing.assert_allclose(run(x, True), model(x, training=True), rtol=1e-4, atol=1e-4)
        # The step moved the statistics of both, and in the same way.
        np.testing.assert_allclose(run(x, False), model(x, training=False), rtol=1e-4, atol=1e-4)
    assert seen == options(space)


@pytest.mark.parametrize("name", SPACES)
def test_extracted_networks_have_stock_layers_and_the_shapes_of_the_network(
    name: str, supernets: dict[str, PathChain]
) -> None:
    space = SPACES[name]
    architecture = space.sample(np.random.default_rng(2))
    model = supernets[name].extract(architecture, SIZE)
    x = keras.Input(SIZE)
    expected = keras.Model(x, chain_network(x, architecture, space))
    assert [w.shape for w in model.weights] == [w.shape for w in expected.weights]
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    assert keras.Model.from_config(model.get_config()).count_params() == model.count_params()


@pytest.mark.parametrize("name", ["macro", "spos", "mixed widths"])
def test_what_is_not_selected_does_not_move(name: str, supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets[name], SPACES[name]
    run = tf.function(lambda x: supernet(x, training=True))
    for seed in range(2):
        architecture = space.sample(np.random.default_rng(seed))
        supernet.select(architecture)
        before = values(supernet)
        run(images(seed))
        after = values(supernet)
        moved = {path for path, value in before.items() if (value != after[path]).any()}
        selected = {f"{layer.name}_{architecture[layer.name]}" for layer in space.layers} | {"stem", "tail"}
        expected = {
            path
            for path in before
            if "moving_" in path and path.split("/")[-2].rpartition("_batch_norm")[0] in selected
        }
        assert moved == expected and expected


def test_narrow_branches_leave_the_statistics_of_other_channels(supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets["widths"], SPACES["widths"]
    supernet.select(space.decode([0, 0] * 2))
    before = values(supernet)
    supernet(images(), training=True)
    for path, value in values(supernet).items():
        if "layer_2_shuffle_k3_batch_norm/moving_mean" in path:
            changed = value != before[path]
            assert changed[:2].all() and not changed[2:].any()


@pytest.mark.parametrize("name", SPACES)
def test_every_weight_gets_a_gradient_from_its_routes_alone_and_one_trace_serves_all(
    name: str, supernets: dict[str, PathChain]
) -> None:
    supernet, space, traces = supernets[name], SPACES[name], []
    weights = supernet.trainable_weights
    owner = {id(variable): usage for usage in supernet.usage() for variable in usage.variables}

    @tf.function
    def gradients(x: tf.Tensor) -> list[tf.Tensor]:
        traces.append(1)
        with tf.GradientTape() as tape:
            # A cube, because normalised features have a constant sum of squares.
            loss = tf.reduce_sum(supernet(x, training=True) ** 3)
        return tape.gradient(loss, weights, unconnected_gradients="zero")

    reached = set()
    for architecture in every_option(space):
        supernet.select(architecture)
        route = tf.constant(supernet.route(architecture))
        for weight, gradient in zip(weights, gradients(tf.constant(images())), strict=True):
            used = bool(owner[id(weight)].used(route)) if id(weight) in owner else True
            assert used or not np.any(gradient)
            if used and np.any(gradient):
                reached.add(weight.path)
    assert reached == {weight.path for weight in weights}
    assert len(traces) == 1


def test_usage_tells_the_weights_of_a_route(supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets["mixed"], SPACES["mixed"]
    architecture = space.parse("mbconv_k3_e1 shuffle_k5")
    route = tf.constant(supernet.route(architecture))
    used = [variable.path for usage in supernet.usage() if usage.used(route) for variable in usage.variables]
    assert {path.split("/")[-2].rpartition("_")[0] for path in used} >= {"layer_1_mbconv_k3_e1", "layer_2_shuffle_k5"}
    assert all("layer_1_mbconv_k3_e1" in path or "layer_2_shuffle_k5" in path for path in used)


@pytest.mark.parametrize("name", ["spos", "widths"])
def test_half_precision_and_float64(name: str) -> None:
    space = SPACES[name]
    architecture = space.sample(np.random.default_rng(4))
    exact = shaken(PathChain(space, dtype="float64"))
    exact.select(architecture)
    for policy, tolerance in (("mixed_bfloat16", 0.2), ("mixed_float16", 0.03)):
        supernet = PathChain(space, dtype=policy)
        supernet.build((None, *SIZE))
        supernet.set_weights(exact.get_weights())
        supernet.select(architecture)
        assert {weight.dtype for weight in supernet.trainable_weights} == {"float32"}
        y = tf.function(lambda x, net=supernet: net(x, training=True))(images())
        assert y.dtype.name == policy.removeprefix("mixed_")
        np.testing.assert_allclose(np.asarray(y, "float64"), exact(images(), training=True), atol=tolerance)
        assert (np.asarray(supernet.stem.layers[-2].moving_mean) != np.asarray(exact.stem.layers[-2].moving_mean)).any()
        exact.set_weights(supernet.get_weights())
    assert exact(images()).dtype == tf.float64
    assert keras.config.dtype_policy().name == "float32"


def test_initial_weights_depend_on_the_seed_and_the_place_alone() -> None:
    space = SPACES["macro"]
    first, again, other = (PathChain(space, seed=seed) for seed in (0, 0, 1))
    for supernet in (first, again, other):
        keras.utils.set_random_seed(int(supernet is again))
        supernet.build((None, *SIZE))
    kernels = [w for w in first.trainable_weights if "kernel" in w.path]
    assert len({np.asarray(kernel).tobytes() for kernel in kernels}) == len(kernels)
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((np.asarray(a) != np.asarray(b)).any() for a, b in zip(first.weights, other.weights, strict=True))


def test_it_trains_in_fit_and_comes_back_from_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    space = SPACES["mixed widths"]
    supernet = PathChain(space)
    x = keras.Input(SIZE)
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D()(supernet(x)))
    supernet.select(space.sample(np.random.default_rng(0)))
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(images(), np.zeros((4, space.features)), verbose=0)
    path = tmp_path_factory.mktemp("chain") / "supernet.keras"
    model.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(model(images()), again(images()))
    assert again.layers[1].space == space


def test_sizes_may_change_where_no_unit_shuffles(supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets["macro"], SPACES["macro"]
    architecture = space.default()
    supernet.select(architecture)
    x = np.random.default_rng(0).normal(size=(2, 13, 1, 3)).astype("float32")
    model = supernet.extract(architecture, (13, 1, 3))
    np.testing.assert_allclose(supernet(x), model(x), atol=1e-5)
    assert supernet(x).shape == supernet.compute_output_shape(x.shape)


def test_a_wrong_architecture_is_refused(supernets: dict[str, PathChain]) -> None:
    supernet = supernets["macro"]
    before = np.asarray(supernet.selected)
    with pytest.raises(ValueError, match="layer_1"):
        supernet.select({**SPACES["macro"].default(), "layer_1": "shuffle_k3"})
    np.testing.assert_array_equal(supernet.selected, before)


def test_a_switch_of_one_branch_is_that_branch() -> None:
    model = branch_model("only", (4, 4, 2), keras.layers.Dense(3), "float32", seed=0)
    x = np.ones((1, 4, 4, 2), "float32")
    switch = Switch([model])
    np.testing.assert_array_equal(switch(x, tf.constant(0)), model(x))
    assert switch.usage(0) == [] and switch.compute_output_shape(x.shape) == (1, 4, 4, 3)
    with pytest.raises(ValueError, match="at least one branch"):
        Switch([])
