"""What is particular about chains; what they share with all path supernets is in test_conformance."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers import chain_network
from autonas_keras.spaces import ChainSpace
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


def values(supernet: PathChain) -> dict[str, np.ndarray]:
    return {weight.path: np.asarray(weight) for weight in supernet.weights}


@pytest.fixture(scope="module")
def supernets() -> dict[str, PathChain]:
    return {name: shaken(PathChain(space, seed=3)) for name, space in SPACES.items()}


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


def test_narrow_branches_leave_the_statistics_of_other_channels(supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets["widths"], SPACES["widths"]
    supernet.select(space.decode([0, 0] * 2))
    before = values(supernet)
    supernet(images(), training=True)
    for path, value in values(supernet).items():
        if "layer_2_shuffle_k3_batch_norm/moving_mean" in path:
            changed = value != before[path]
            assert changed[:2].all() and not changed[2:].any()


def test_usage_tells_the_weights_of_a_route(supernets: dict[str, PathChain]) -> None:
    supernet, space = supernets["mixed"], SPACES["mixed"]
    architecture = space.parse("mbconv_k3_e1 shuffle_k5")
    route = tf.constant(supernet.route(architecture))
    used = [variable.path for usage in supernet.usage() if usage.used(route) for variable in usage.variables]
    assert {path.split("/")[-2].rpartition("_")[0] for path in used} >= {"layer_1_mbconv_k3_e1", "layer_2_shuffle_k5"}
    assert all("layer_1_mbconv_k3_e1" in path or "layer_2_shuffle_k5" in path for path in used)


def test_a_switch_of_one_branch_is_that_branch() -> None:
    model = branch_model("only", (4, 4, 2), keras.layers.Dense(3), "float32", seed=0)
    x = np.ones((1, 4, 4, 2), "float32")
    switch = Switch([model])
    np.testing.assert_array_equal(switch(x, tf.constant(0)), model(x))
    assert switch.usage(0) == [] and switch.compute_output_shape(x.shape) == (1, 4, 4, 3)
    with pytest.raises(ValueError, match="at least one branch"):
        Switch([])
