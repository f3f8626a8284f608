"""Slices, order and start of the mobile supernet; what it shares with all path supernets is in test_conformance."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.ops import convert_to_numpy as to_numpy

from autonas_keras.layers import copy_weights, mobile_network
from autonas_keras.spaces import Architecture, CellSpace, MobileSpace
from autonas_keras.supernets.path_mobile import PathMobile

TINY: dict[str, Any] = {
    "widths": ((2, 3), (4, 6)),
    "depths": ((1, 2), (2, 3)),
    "kernels": (3, 5),
    "expansions": (2, 3),
    "strides": (1, 2),
    "stem": (2, 3),
    "head": 8,
    "resolutions": (6, 8),
}
SPACES = {
    "bignas": MobileSpace(**TINY),
    "ofa": MobileSpace([2, 4], expansions=[[1], [2, 3]], depths=[[1], [1, 2, 3]], strides=(1, 2), stem=4),
    "squeezed": MobileSpace(
        **{**TINY, "squeeze": (False, True), "activations": ("swish", "hard_swish"), "resolutions": 6, "stem_stride": 2}
    ),
    "depth alone": MobileSpace([3, 4], depths=(1, 2), kernels=(5,), expansions=(2,), stem=2),
}


def images(batch: int = 4, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, size, size, 3)).astype(keras.config.floatx())


def made(space: MobileSpace, size: int = 8, **settings: Any) -> PathMobile:
    """A supernet with weights and statistics that stand nowhere at their usual start."""
    supernet = PathMobile(space, **settings)
    supernet.build((None, size, size, 3))
    rng = np.random.default_rng(1)
    for variable in supernet.weights:
        if variable.dtype == "int32":
            continue
        if variable.ndim == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        else:
            variable.assign_add(rng.normal(0, 0.1, variable.shape))
    return supernet


def some(space: MobileSpace, count: int = 2) -> list[Architecture]:
    rng = np.random.default_rng(2)
    return [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(count))]


def test_the_largest_equals_the_plain_network() -> None:
    space, x = SPACES["ofa"], images()
    supernet = made(space)
    plain_input = keras.Input((8, 8, 3))
    plain = keras.Model(plain_input, mobile_network(plain_input, space.largest(), space))
    copy_weights(supernet.extract(space.largest(), (8, 8, 3)), plain)
    supernet.select(space.largest())
    np.testing.assert_allclose(to_numpy(supernet(x)), to_numpy(plain(x)), rtol=1e-5, atol=1e-5)
    assert plain.count_params() == sum(int(np.prod(w.shape)) for w in supernet.weights if w.dtype != "int32")


def slopes(layer: Any, x: np.ndarray) -> dict[int, np.ndarray]:
    """Gradients of all trainable weights by the id of the weight, zeros where there is none."""
    values = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        weights = np.random.default_rng(3).standard_normal(y.shape)
        loss = tf.reduce_sum(y * tf.cast(weights, y.dtype))
    found = tape.gradient(loss, values, unconnected_gradients="zero")
    return {id(w): np.array(tf.convert_to_tensor(g)) for w, g in zip(layer.trainable_weights, found, strict=True)}


@pytest.mark.parametrize("name", ["ofa", "squeezed"])
def test_every_weight_gets_a_gradient_from_some_network(name: str) -> None:
    # Maps of four pixels and more, so that a kernel's margin meets some of them.
    space, x = MobileSpace(**{**SPACES[name].get_config(), "resolutions": 16}), images(8, 16)
    supernet = made(space, 16, transform=True)
    for block in supernet.blocks:
        if block.squeeze is not None:
            # Away from where the two activations are flat.
            block.squeeze.reduce_bias.assign_add(2 * np.ones(block.squeeze.reduce_bias.shape))
            block.squeeze.expand_kernel.assign(block.squeeze.expand_kernel * 0.1)
    moved = {id(weight): np.zeros(weight.shape, bool) for weight in supernet.trainable_weights}
    for kernel in space.kernels[-1]:
        changed = {name: kernel if "kernel" in name else option for name, option in space.largest().items()}
        supernet.select(space.architecture(changed))
        for key, slope in slopes(supernet, x).items():
            moved[key] |= slope != 0
    for weight in supernet.trainable_weights:
        assert np.all(moved[id(weight)]), weight.path


@pytest.mark.parametrize("name", ["bignas", "ofa"])
def test_what_a_network_does_not_have_gets_no_gradient(name: str) -> None:
    space = SPACES[name]
    supernet, x = made(space), images()
    for architecture in some(space, 1):
        supernet.select(architecture)
        plan, found = space.plan(architecture), slopes(supernet, x)
        for (stage, number), block in zip(supernet._positions(), supernet.blocks, strict=True):
            kernel = found[id(block.depthwise.kernel)]
            if number >= len(plan.stages[stage]):
                assert not any(np.any(found[id(weight)]) for weight in block.trainable_weights)
                continue
            size = plan.stages[stage][number]
            margin = (kernel.shape[0] - size.kernel) // 2
            inside = np.zeros(kernel.shape, bool)
            inside[margin : margin + size.kernel, margin : margin + size.kernel, : size.hidden] = True
            assert not np.any(kernel[~inside]) and np.any(kernel[inside])
            projection = found[id(block.project.conv.kernel)]
            assert not np.any(projection[:, :, size.hidden :]) and not np.any(projection[..., size.outputs :])
            assert not np.any(found[id(block.project.batch_norm.gamma)][size.outputs :])


def test_the_route_of_zeros_is_the_smallest_network() -> None:
    supernet = made(SPACES["bignas"])
    np.testing.assert_array_equal(supernet.route(SPACES["bignas"].smallest()), np.zeros(supernet.selected.shape, int))
    routes = {tuple(supernet.route(a)) for a in (SPACES["bignas"].sample(np.random.default_rng(i)) for i in range(50))}
    networks = {SPACES["bignas"].sample(np.random.default_rng(i)) for i in range(50)}
    assert len(routes) == len(networks)


def test_a_network_of_another_space_is_refused() -> None:
    supernet = made(SPACES["bignas"])
    for run in (supernet.route, supernet.select, lambda a: supernet.extract(a, (8, 8, 3))):
        with pytest.raises(ValueError, match="Expected"):
            run(SPACES["ofa"].largest())
    with pytest.raises(TypeError, match="Expected a MobileSpace, got CellSpace"):
        PathMobile(CellSpace.darts())


def test_images_need_a_known_size_to_be_resized() -> None:
    with pytest.raises(ValueError, match="known size"):
        PathMobile(SPACES["bignas"]).build((None, None, None, 3))
    PathMobile(SPACES["ofa"]).build((None, None, None, 3))


def test_initial_weights_depend_on_the_seed_and_the_place() -> None:
    def kernels(seed: int, **changes: Any) -> dict[str, np.ndarray]:
        supernet = PathMobile(MobileSpace(**{**TINY, **changes}), seed=seed)
        supernet.build((None, 8, 8, 3))
        return {w.path.partition("/")[2]: w.numpy() for w in supernet.trainable_weights if w.ndim == 4}

    first, again, other = kernels(0), kernels(0, depths=((1, 4), (2, 4))), kernels(1)
    assert len(first) == 2 + 3 * 5 and len({kernel.tobytes() for kernel in first.values()}) == len(first)
    for name, kernel in first.items():
        np.testing.assert_array_equal(kernel, again[name])
        assert not np.any(kernel == other[name])


def test_blocks_that_add_their_input_start_as_the_identity_with_zero_gamma() -> None:
    space, x = SPACES["depth alone"], images()
    for zero_gamma in (False, True):
        supernet = PathMobile(space, zero_gamma=zero_gamma)
        outputs = []
        for architecture in (space.smallest(), space.largest()):
            supernet.build(x.shape) if not supernet.built else None
            supernet.select(architecture)
            outputs.append(to_numpy(supernet(x)))
        assert np.allclose(*outputs, atol=1e-6) == zero_gamma and outputs[0].std() > 0


@pytest.mark.parametrize("name", ["bignas", "squeezed"])
def test_sorted_channels_leave_the_largest_network_as_it_is(name: str) -> None:
    space, x = SPACES[name], images()
    supernet = made(space)
    outputs: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for _ in range(2):
        for largest in outputs:
            supernet.select(space.largest() if largest else space.smallest())
            outputs[largest].append(to_numpy(supernet(x)))
        supernet.sort_channels()
    np.testing.assert_allclose(*outputs[True], rtol=1e-5, atol=1e-5)
    assert not np.allclose(*outputs[False], rtol=1e-3)
    for block in supernet.blocks:
        norms = np.abs(block.project.conv.kernel.numpy()).sum((0, 1, 3))
        assert np.all(np.diff(norms) <= 0)


def test_sorting_within_limits_leaves_trained_networks_as_they_are() -> None:
    space = MobileSpace([4, 5], depths=(1, 2), expansions=(1.5, 2, 3), kernels=(3, 5), squeeze=True)
    supernet, x = made(space), images()
    middle = space.architecture({n: 2.0 if "expansion" in n else o for n, o in space.largest().items()})
    least = space.architecture({n: 1.5 if "expansion" in n else o for n, o in space.largest().items()})

    def outputs() -> list[np.ndarray]:
        found = []
        for architecture in (space.largest(), middle, least):
            supernet.select(architecture)
            found.append(to_numpy(supernet(x)))
        return found

    before = outputs()
    supernet.sort_channels([2.0])
    after = outputs()
    for start, end in zip(before[:2], after[:2], strict=True):
        np.testing.assert_allclose(start, end, rtol=1e-5, atol=1e-5)
    assert not np.allclose(before[2], after[2], rtol=1e-3)


def test_an_optimizer_that_follows_the_permutations_goes_on_as_before() -> None:
    space, x = SPACES["squeezed"], images()
    results = []
    for sort_first in (True, False):
        supernet = made(space)
        supernet.select(space.largest())
        variables = supernet.trainable_weights
        moments = [np.zeros(variable.shape, "float32") for variable in variables]
        for step in range(2):
            found = slopes(supernet, x)
            for index, variable in enumerate(variables):
                moments[index] = 0.9 * moments[index] + found[id(variable)]
                variable.assign_sub(1e-2 * moments[index])
            if sort_first and step == 0:
                places = {id(variable): index for index, variable in enumerate(variables)}
                for variable, axis, order in supernet.sort_channels():
                    if id(variable) in places:
                        index = places[id(variable)]
                        moments[index] = np.take(moments[index], order, axis)
        results.append(to_numpy(supernet(x)))
    np.testing.assert_allclose(*results, rtol=1e-3, atol=1e-4)


def test_mixed_precision_hands_out_weights_in_full() -> None:
    supernet = made(SPACES["squeezed"], dtype="mixed_float16")
    model = supernet.extract(SPACES["squeezed"].largest(), (8, 8, 3))
    block = supernet.blocks[-1]
    for name, weight in (("depthwise_depthwise", block.depthwise.kernel), ("expand_conv", block.expand.conv.kernel)):
        np.testing.assert_array_equal(model.get_layer(f"stage_1_block_2_{name}").get_weights()[0], weight.numpy())
