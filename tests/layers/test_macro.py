"""Networks of ENAS's macro space out of stock layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from autonas_keras.layers import macro_network
from autonas_keras.layers.macro import macro_operation, macro_reduction
from autonas_keras.spaces import Architecture, MacroSpace
from autonas_keras.spaces.macro import ENAS_MACRO_OPERATIONS

SPACE = MacroSpace.enas(layers=4, channels=6)
# Layers 2 and 4 skip to layer 1, layer 3 to none; the resolution is halved after layers 1 and 2.
ARCHITECTURE = SPACE.parse("0 3 1 5 0 0 4 1 0 0")


def network(architecture: Architecture, shape: tuple[int, int, int] = (8, 6, 3)) -> keras.Model:
    x = keras.Input(shape)
    return keras.Model(x, macro_network(x, architecture, SPACE))


def kinds(name: str) -> list[str]:
    x = keras.Input((6, 5, 4))
    return [type(layer).__name__ for layer in keras.Model(x, macro_operation(x, name, 4)).layers[1:]]


def test_operations_begin_with_a_pointwise_convolution() -> None:
    conv = ["Conv2D", "BatchNormalization", "ReLU"]
    assert [kinds(name) for name in ENAS_MACRO_OPERATIONS] == [
        [*conv, *conv],
        [*conv, "DepthwiseConv2D", *conv],
        [*conv, *conv],
        [*conv, "DepthwiseConv2D", *conv],
        [*conv, "AveragePooling2D"],
        [*conv, "MaxPooling2D"],
    ]


@pytest.mark.parametrize("name", ENAS_MACRO_OPERATIONS)
def test_operations_keep_the_size(name: str) -> None:
    for size in ((6, 5), (1, 1)):
        x = keras.Input((*size, 4))
        assert macro_operation(x, name, 7).shape == (None, *size, 7)


def test_a_layer_joins_its_skip_inputs_with_its_own_output() -> None:
    model = network(ARCHITECTURE)
    kernels = {layer: tuple(model.get_layer(f"layer_{layer}_join_conv").kernel.shape) for layer in (2, 3, 4)}
    assert kernels == {2: (1, 1, 24, 12), 3: (1, 1, 24, 24), 4: (1, 1, 48, 24)}
    join = model.get_layer("layer_4_join_concat").input
    assert [tensor.shape for tensor in join] == [(None, 2, 2, 24)] * 2
    with pytest.raises(ValueError, match="No such layer"):
        model.get_layer("layer_1_join_conv")


def test_only_what_later_layers_read_is_reduced() -> None:
    names = {layer.name for layer in network(ARCHITECTURE).layers if "reduction" in layer.name}
    places = {name.rpartition("_reduction_")[0] + ">" + name.rpartition("_reduction_")[2][0] for name in names}
    assert places == {"layer_1>1", "layer_1>2", "layer_2>2"}


def test_a_reduction_has_no_activation() -> None:
    x = keras.Input((7, 5, 4))
    model = keras.Model(x, macro_reduction(x, 6))
    assert model.output_shape == (None, 4, 3, 6)
    assert not any(isinstance(layer, keras.layers.ReLU) for layer in model.layers)


@pytest.mark.parametrize("shape", [(8, 6, 3), (7, 1, 2)])
def test_the_network_quarters_the_resolution(shape: tuple[int, int, int]) -> None:
    for seed in range(2):
        model = network(SPACE.sample(np.random.default_rng(seed)), shape)
        assert model.output_shape == (None, 2, -(-shape[1] // 4), SPACE.features)


def test_names_do_not_depend_on_what_was_built_before() -> None:
    first, second = network(ARCHITECTURE), network(ARCHITECTURE)
    assert [layer.name for layer in first.layers][1:] == [layer.name for layer in second.layers][1:]


def test_a_wrong_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="'layer_1'"):
        network({"layer_2": "conv_3x3"})  # type: ignore[arg-type]
