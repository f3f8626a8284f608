"""The mobile supernet computes every network of its space, hands it out, and traces once."""

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


@pytest.mark.parametrize(
    ("name", "transform"), [("bignas", True), ("ofa", True), ("squeezed", False), ("depth alone", False)]
)
def test_every_network_equals_the_extracted_one(name: str, transform: bool) -> None:
    space, x = SPACES[name], images()
    supernet = made(space, transform=transform)
    run = tf.function(lambda x: supernet(x, training=False), autograph=False)
    for architecture in some(space):
        supernet.select(architecture)
        model = supernet.extract(architecture, (8, 8, 3))
        expected = to_numpy(model(x, training=False))
        np.testing.assert_allclose(to_numpy(run(x)), expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(to_numpy(supernet(x)), expected, rtol=1e-5, atol=1e-5)
        assert expected.shape[-1] == supernet.compute_output_shape(x.shape)[-1] and expected.std() > 1e-3
        assert {type(layer).__module__.partition(".")[0] for layer in model.layers} == {"keras"}
    assert run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", ["bignas", "squeezed"])
def test_batch_statistics_in_training_are_those_of_the_extracted_network(name: str, float64: None) -> None:
    space, x = SPACES[name], images()
    supernet = made(space, transform=True)
    run = tf.function(lambda x: supernet(x, training=True), autograph=False)
    for architecture in some(space, 1):
        supernet.select(architecture)
        model = supernet.extract(architecture, (8, 8, 3))
        np.testing.assert_allclose(to_numpy(run(x)), to_numpy(model(x, training=True)), rtol=1e-7, atol=1e-9)
        after = supernet.extract(architecture, (8, 8, 3))
        for found, expected in zip(after.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    assert run.experimental_get_tracing_count() == 1


def test_training_in_float32_equals_the_extracted_network() -> None:
    space, x = SPACES["squeezed"], images(8)
    supernet = made(space)
    for architecture in some(space, 1):
        supernet.select(architecture)
        model = supernet.extract(architecture, (8, 8, 3))
        expected = to_numpy(model(x, training=True))
        np.testing.assert_allclose(to_numpy(supernet(x, training=True)), expected, rtol=1e-3, atol=1e-4)


def test_gradients_are_those_of_the_extracted_network(float64: None) -> None:
    space, x = SPACES["squeezed"], images()
    supernet, architecture = made(space), space.largest()
    supernet.select(architecture)
    model = supernet.extract(architecture, (8, 8, 3))
    found, expected = slopes(supernet, x), slopes(model, x)
    for place, layer in (("stem_conv", supernet.stem.conv), ("head_conv", supernet.head.conv)):
        kernel = model.get_layer(place).kernel
        assert np.any(found[id(layer.kernel)])
        np.testing.assert_allclose(found[id(layer.kernel)], expected[id(kernel)], rtol=1e-6, atol=1e-9)
    norms = [sum(float(np.sum(slope**2)) for slope in table.values()) for table in (found, expected)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-9)


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


@pytest.mark.parametrize("name", ["bignas", "ofa", "squeezed"])
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


@pytest.mark.parametrize("name", SPACES)
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


@pytest.mark.parametrize("name", SPACES)
def test_usage_tells_the_weights_that_a_route_uses(name: str) -> None:
    supernet, x = made(SPACES[name], transform=True), images()
    for architecture in some(SPACES[name], 1):
        supernet.select(architecture)
        found = slopes(supernet, x)
        unused = set()
        for usage in supernet.usage():
            used = usage.used(tf.constant(supernet.route(architecture)))
            assert used.dtype == tf.bool and used.shape == ()
            moved = [bool(np.any(found[id(variable)])) for variable in usage.variables]
            assert any(moved) if bool(used) else not any(moved)
            unused |= set() if bool(used) else {id(variable) for variable in usage.variables}
        rest = [weight for weight in supernet.trainable_weights if id(weight) not in unused]
        assert all(np.any(found[id(weight)]) for weight in rest)


def test_a_network_that_runs_moves_no_other_statistics() -> None:
    space = SPACES["bignas"]
    supernet = made(space)
    supernet.select(space.smallest())
    before = [weight.numpy().copy() for weight in supernet.non_trainable_weights]
    supernet(images(), training=True)
    dead = {
        id(weight)
        for (stage, number), block in zip(supernet._positions(), supernet.blocks, strict=True)
        for weight in block.weights
        if number >= space.depths[stage][0]
    }
    for weight, start in zip(supernet.non_trainable_weights, before, strict=True):
        same = weight.numpy() == start
        if weight.dtype != "int32":
            assert np.all(same) if id(weight) in dead else not np.any(same[:2])


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


@pytest.mark.parametrize("name", SPACES)
def test_the_shape_is_known_before_it_runs(name: str) -> None:
    space, supernet = SPACES[name], made(SPACES[name])
    known = tuple(supernet(keras.Input((8, 8, 3))).shape)
    for architecture in (space.smallest(), space.largest()):
        supernet.select(architecture)
        y = supernet(images())
        assert all(side in (None, found) for side, found in zip(known[1:], y.shape[1:], strict=True))
    assert (None in known[1:3]) == (len(space.resolutions) > 1)


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


def test_a_model_with_it_trains_in_one_trace_and_comes_back_from_its_files(tmp_path: Any) -> None:
    def model() -> keras.Model:
        x = keras.Input((8, 8, 3))
        y = keras.layers.GlobalAveragePooling2D()(PathMobile(SPACES["bignas"], transform=True, name="supernet")(x))
        return keras.Model(x, keras.layers.Dense(2)(y))

    first, x = model(), images()
    first.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    supernet, traces = first.get_layer("supernet"), []
    call, supernet.call = supernet.call, lambda *args, **kwargs: (traces.append(1), call(*args, **kwargs))[1]
    for architecture in some(SPACES["bignas"]):
        supernet.select(architecture)
        first.train_on_batch(x, np.array([0, 1, 0, 1]))
    assert len(traces) == 1
    first.save_weights(tmp_path / "a.weights.h5")
    second = model()
    second.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(to_numpy(second(x)), to_numpy(first(x)), rtol=1e-5, atol=1e-6)
    copied = PathMobile.from_config(supernet.get_config())
    assert copied.get_config() == supernet.get_config() and copied.space == supernet.space


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_in_finite_numbers(policy: str) -> None:
    supernet = PathMobile(SPACES["squeezed"], dtype=policy, transform=True)
    x = images().astype("float32")
    for architecture in some(SPACES["squeezed"], 1):
        supernet.build(x.shape) if not supernet.built else None
        supernet.select(architecture)
        y = supernet(x, training=True)
        assert y.dtype == supernet.compute_dtype and np.all(np.isfinite(to_numpy(tf.cast(y, tf.float32))))
    assert all(np.all(np.isfinite(slope)) for slope in slopes(supernet, x).values())


def test_mixed_precision_hands_out_weights_in_full() -> None:
    supernet = made(SPACES["squeezed"], dtype="mixed_float16")
    model = supernet.extract(SPACES["squeezed"].largest(), (8, 8, 3))
    block = supernet.blocks[-1]
    for name, weight in (("depthwise_depthwise", block.depthwise.kernel), ("expand_conv", block.expand.conv.kernel)):
        np.testing.assert_array_equal(model.get_layer(f"stage_1_block_2_{name}").get_weights()[0], weight.numpy())
