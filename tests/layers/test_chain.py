"""Blocks and networks of chains out of stock layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from autonas_keras.layers import chain_network
from autonas_keras.layers.chain import chain_block, split_channels
from autonas_keras.spaces import ChainSpace
from autonas_keras.spaces.chain import ChainLayer

OPERATIONS = ("identity", "mbconv_k3_e1", "mbconv_k5_e3", "shuffle_k3", "shuffle_k7", "shuffle_xception")
SPACE = ChainSpace(OPERATIONS, ((2, 8, 2),), stem=4)


def block(name: str, layer: ChainLayer, size: tuple[int, int] = (6, 5), **arguments: float) -> keras.Model:
    x = keras.Input((*size, layer.read))
    return keras.Model(x, chain_block(x, name, layer, SPACE, **arguments))


def kernels(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.trainable_weights if "kernel" in weight.path]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("layer", [ChainLayer("a", 4, 8, 2), ChainLayer("a", 4, 8, 1), ChainLayer("a", 8, 8, 1)])
def test_blocks_give_the_shape_of_their_layer(name: str, layer: ChainLayer) -> None:
    sizes = [(6, 5), (7, 8), (1, 1)]
    for size in sizes:
        expected = tuple(-(-n // layer.strides) for n in size)
        assert block(name, layer, size).output_shape == (None, *expected, layer.given)


def test_an_inverted_residual_is_that_of_mobilenetv2() -> None:
    model = block("mbconv_k5_e3", ChainLayer("a", 4, 4, 1))
    kinds = [type(layer).__name__ for layer in model.layers[1:]]
    assert kinds == [
        *("Conv2D", "BatchNormalization", "ReLU", "DepthwiseConv2D", "BatchNormalization", "ReLU"),
        *("Conv2D", "BatchNormalization", "Add"),
    ]
    assert kernels(model) == [(1, 1, 4, 12), (5, 5, 12, 1), (1, 1, 12, 4)]
    assert kernels(block("mbconv_k3_e1", ChainLayer("a", 4, 8, 2))) == [(3, 3, 4, 1), (1, 1, 4, 8)]
    assert [layer.max_value for layer in model.layers if isinstance(layer, keras.layers.ReLU)] == [6.0, 6.0]
    model.get_layer(model.layers[-2].name).gamma.assign(np.zeros(4))
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 4)).astype("float32")
    np.testing.assert_array_equal(model(x), x)


def test_a_shuffle_unit_keeps_the_even_channels() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 8)).astype("float32")
    y = np.asarray(block("shuffle_k3", ChainLayer("a", 8, 8, 1))(x))
    np.testing.assert_array_equal(y[..., :4], x[..., ::2])
    assert (y[..., 4:] >= 0).all()
    even, odd = (keras.Model(inputs := keras.Input((6, 5, 8)), split_channels(inputs)))(x)
    np.testing.assert_array_equal(even, x[..., ::2])
    np.testing.assert_array_equal(odd, x[..., 1::2])


def test_the_units_of_spos_have_the_published_kernels() -> None:
    same, change = ChainLayer("a", 8, 8, 1), ChainLayer("a", 4, 10, 2)
    assert kernels(block("shuffle_k7", same)) == [(1, 1, 4, 4), (7, 7, 4, 1), (1, 1, 4, 4)]
    assert sorted(kernels(block("shuffle_k3", change))) == sorted(
        [(1, 1, 4, 5), (3, 3, 5, 1), (1, 1, 5, 6), (3, 3, 4, 1), (1, 1, 4, 4)]
    )
    assert kernels(block("shuffle_xception", same)) == [(3, 3, 4, 1), (1, 1, 4, 4)] * 3
    assert sorted(kernels(block("shuffle_xception", change))) == sorted(
        [(3, 3, 4, 1), (1, 1, 4, 5), (3, 3, 5, 1), (1, 1, 5, 5), (3, 3, 5, 1), (1, 1, 5, 6), (3, 3, 4, 1), (1, 1, 4, 4)]
    )


def test_a_width_changes_the_channels_inside_alone() -> None:
    layer = ChainLayer("a", 8, 8, 1)
    assert kernels(block("shuffle_k3", layer, width=1.5)) == [(1, 1, 4, 6), (3, 3, 6, 1), (1, 1, 6, 4)]
    assert kernels(block("mbconv_k5_e3", layer, width=0.5)) == [(1, 1, 8, 12), (5, 5, 12, 1), (1, 1, 12, 8)]
    assert kernels(block("mbconv_k3_e1", layer, width=0.5)) == kernels(block("mbconv_k3_e1", layer))


def test_an_identity_that_changes_the_shape_reads_the_even_positions() -> None:
    layer = ChainLayer("a", 4, 8, 2)
    model = block("identity", layer)
    assert [type(part).__name__ for part in model.layers[1:]] == ["Conv2D", "BatchNormalization"]
    x = np.random.default_rng(0).normal(size=(1, 6, 5, 4)).astype("float32")
    changed = x.copy()
    changed[:, 1::2], changed[:, :, 1::2] = 0, 0
    np.testing.assert_array_equal(model(x), model(changed))
    assert len(block("identity", ChainLayer("a", 8, 8, 1)).layers) == 1


def test_layers_have_the_same_names_in_every_network_of_the_process() -> None:
    space = ChainSpace.nasbench_macro(channels=4)
    names = []
    for _ in range(2):
        x = keras.Input((8, 8, 3), name="x")
        model = keras.Model(x, chain_network(x, space.parse("10200000"), space, name_prefix="a_"))
        names.append([layer.name for layer in model.layers])
    assert names[0] == names[1]
    assert {"a_stem_conv", "a_layer_1_mb3_k3_depthwise", "a_layer_3_mb6_k5_pad", "a_tail_relu"} <= set(names[0])


def test_a_network_loads_from_its_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("chain") / "model.keras"
    x = keras.Input((6, 5, 3))
    model = keras.Model(x, chain_network(x, SPACE.parse("shuffle_k7 shuffle_xception"), SPACE, affine=False))
    model.save(path)
    images = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype("float32")
    np.testing.assert_array_equal(keras.models.load_model(path)(images), model(images))
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    assert not any("gamma" in weight.path or "beta" in weight.path for weight in model.weights)


def test_shuffle_units_refuse_open_sizes() -> None:
    with pytest.raises(ValueError, match="known height and width"):
        chain_network(keras.Input((None, 8, 3)), SPACE.parse("identity shuffle_k3"), SPACE)
    x = keras.Input((None, None, 3))
    assert chain_network(x, SPACE.parse("identity mbconv_k3_e1"), SPACE).shape == (None, None, None, 8)
