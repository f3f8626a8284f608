"""Networks of inverted residuals: their layers, names and shapes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from autonas_keras.layers import mobile_network
from autonas_keras.spaces import Architecture, MobileSpace

SPACE = MobileSpace(
    widths=(4, 6),
    depths=(1, 2),
    kernels=(3, 5),
    expansions=[[1], [2, 3]],
    strides=(1, 2),
    stem=4,
    head=8,
    resolutions=(6, 8),
    activations=("relu6", "hard_swish"),
    squeeze=(False, True),
)


def network(
    architecture: Architecture, shape: tuple[int | None, int | None, int] = (9, 12, 3), prefix: str = ""
) -> keras.Model:
    x = keras.Input(shape)
    return keras.Model(x, mobile_network(x, architecture, SPACE, prefix))


def test_the_largest_network_has_these_layers() -> None:
    found = [(layer.name, type(layer).__name__) for layer in network(SPACE.largest(), prefix="a_").layers[1:]]
    deep = [f"a_stage_1_block_{number}" for number in (0, 1)]
    plain = [f"a_stage_0_block_{number}" for number in (0, 1)]
    expected = [("a_resize", "Resizing"), ("a_stem_conv", "Conv2D"), ("a_stem_batch_norm", "BatchNormalization")]
    expected += [("a_stem_relu", "ReLU")]
    for number, here in enumerate([*plain, *deep]):
        activation = ("activation", "Activation") if here in deep else ("relu", "ReLU")
        if here in deep:
            expected += [(f"{here}_expand_conv", "Conv2D"), (f"{here}_expand_batch_norm", "BatchNormalization")]
            expected += [(f"{here}_expand_{activation[0]}", activation[1])]
        expected += [(f"{here}_depthwise_pad", "ZeroPadding2D")] if number == 2 else []
        expected += [(f"{here}_depthwise_depthwise", "DepthwiseConv2D")]
        expected += [(f"{here}_depthwise_batch_norm", "BatchNormalization")]
        expected += [(f"{here}_depthwise_{activation[0]}", activation[1])]
        if here in deep:
            expected += [(f"{here}_squeeze_pool", "GlobalAveragePooling2D"), (f"{here}_squeeze_conv", "Conv2D")]
            expected += [(f"{here}_squeeze_conv_2", "Conv2D"), (f"{here}_squeeze_multiply", "Multiply")]
        expected += [(f"{here}_project_conv", "Conv2D"), (f"{here}_project_batch_norm", "BatchNormalization")]
        expected += [(f"{here}_add", "Add")] if number % 2 else []
    expected += [("a_head_conv", "Conv2D"), ("a_head_batch_norm", "BatchNormalization")]
    expected += [("a_head_activation", "Activation")]
    assert found == expected


def test_all_layers_are_stock_layers() -> None:
    for layer in network(SPACE.largest()).layers:
        assert type(layer).__module__.startswith("keras.src."), layer.name


def test_names_do_not_depend_on_what_was_built_before() -> None:
    first = [layer.name for layer in network(SPACE.smallest()).layers[1:]]
    network(SPACE.largest())
    assert [layer.name for layer in network(SPACE.smallest()).layers[1:]] == first


@pytest.mark.parametrize(
    ("shape", "resized", "given"),
    [((9, 12, 3), (8, 11), (4, 6)), ((8, 8, 1), None, (4, 4)), ((5, 5, 2), (8, 8), (4, 4))],
)
def test_the_shorter_side_decides_the_size(
    shape: tuple[int, int, int], resized: tuple[int, int] | None, given: tuple[int, int]
) -> None:
    model = network(SPACE.largest(), shape)
    found = [layer.output.shape[1:3] for layer in model.layers if layer.name == "resize"]
    assert found == ([] if resized is None else [resized])
    assert model.output_shape == (None, *given, 8)


def test_images_of_unknown_size_cannot_be_resized() -> None:
    with pytest.raises(ValueError, match="known size"):
        network(SPACE.largest(), (None, None, 3))


def test_images_of_unknown_size_pass_where_nothing_is_resized() -> None:
    space = MobileSpace([4, 6], stem=4)
    x = keras.Input((None, None, 3))
    model = keras.Model(x, mobile_network(x, space.smallest(), space))
    assert model(np.zeros((1, 7, 9, 3))).shape == (1, 2, 3, 6)


def test_a_block_beyond_the_depth_is_not_there() -> None:
    names = [layer.name for layer in network(SPACE.smallest()).layers]
    assert any(name.startswith("stage_1_block_0") for name in names)
    assert not any(name.startswith("stage_1_block_1") for name in names)


@pytest.mark.parametrize("name", ["relu", "relu6", "swish", "hard_swish"])
def test_every_activation_is_the_one_of_that_name(name: str) -> None:
    space = MobileSpace([4], depths=(1, 2), activations=name, head=8)
    x = keras.Input((4, 4, 3))
    model = keras.Model(x, mobile_network(x, space.smallest(), space))
    before = keras.Model(x, model.get_layer("head_batch_norm").output)
    images = 9 * np.random.default_rng(0).standard_normal((2, 4, 4, 3))
    model.get_layer("head_batch_norm").gamma.assign([9.0] * 8)
    y = np.array(before(images, training=True), np.float64)
    part = {"relu": y > 0, "relu6": y > 0, "swish": 1 / (1 + np.exp(-y)), "hard_swish": np.clip(y + 3, 0, 6) / 6}[name]
    expected = np.minimum(y * part, 6.0 if name == "relu6" else np.inf)
    assert y.max() > 6
    np.testing.assert_allclose(np.array(model(images, training=True)), expected, rtol=1e-5, atol=1e-5)
