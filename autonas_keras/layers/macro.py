"""Networks of ENAS's macro space, and the parts they are made of, out of stock Keras layers, channels last.

Reference: Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018,
section 2.3 and appendix C; the insides of the operations are those of the authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import Tensor, batch_norm, convolution, depthwise, factorized_reduce, relu
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.macro import MacroSpace, parse_macro_operation


def macro_network(
    x: Tensor,
    architecture: Mapping[str, Option],
    space: MacroSpace,
    *,
    affine: bool = True,
    name_prefix: str = "",
) -> Tensor:
    """The network of an architecture of the macro space.

    A layer applies its operation to the output of the layer before it. Each but the first then joins its skip inputs
    with what the operation gives, whether it has any or none: they are concatenated, and a 1x1 convolution with batch
    normalisation and ReLU brings them back to the channels of the layer, as in the paper. The supernet keeps the rows
    of that convolution apart, and adds what they give, which is the same function. (The authors' code adds skip inputs
    without weights in the search and concatenates them in the final network, which are two functions; and it counts
    the stem as the first layer to skip to, where the paper counts layers.)

    Args:
        x: Images, (batch, height, width, channels); sizes may be odd.
        architecture: A point of the space.
        space: Says how many layers, how wide and where the resolution is halved.
        affine: Whether batch normalisation learns scale and offset.
        name_prefix: Goes in front of the layers' names, such as "stem_conv", "layer_3_conv_5x5_conv_2",
            "layer_3_join_conv" or "layer_3_reduction_4_conv".

    Returns:
        Features (batch, ceil(height / 4), ceil(width / 4), space.features); global average pooling and a classifier
        follow.

    Raises:
        ValueError: When the architecture is no point of the space.
    """
    point = space.architecture(architecture)
    with layer_names(f"{name_prefix}stem"):
        x = macro_stem(x, space, affine)
    outputs: dict[int, Tensor] = {}
    for layer in range(1, space.layers + 1):
        width, name = space.width(layer), space.operation(point, layer)
        with layer_names(f"{name_prefix}layer_{layer}_{name}"):
            x = macro_operation(x, name, width, affine)
        if layer > 1:
            with layer_names(f"{name_prefix}layer_{layer}_join"):
                x = macro_join([*(outputs[source] for source in space.sources(point, layer)), x], width, affine)
        outputs[layer] = x
        if layer in space.reductions:
            for source in space.reduced(point, layer):
                with layer_names(f"{name_prefix}layer_{source}_reduction_{layer}"):
                    outputs[source] = macro_reduction(outputs[source], space.width(layer + 1), affine)
            x = outputs[layer]
    return x


def macro_stem(x: Tensor, space: MacroSpace, affine: bool = True) -> Tensor:
    """3x3 convolution and batch normalisation in front of the first layer."""
    return batch_norm(affine)(convolution(x, space.channels, 3))


def macro_operation(x: Tensor, name: str, channels: int, affine: bool = True) -> Tensor:
    """The operation of a layer, behind a 1x1 convolution with batch normalisation and ReLU.

    Args:
        x: (batch, height, width, c).
        name: Its name among the operations of the space.
        channels: Channels of the output.
        affine: Whether batch normalisation learns scale and offset.

    Returns:
        (batch, height, width, channels).
    """
    family, kernel = parse_macro_operation(name)
    x = normalised_relu(convolution(x, channels, 1), affine)
    if family == "conv":
        return normalised_relu(convolution(x, channels, kernel), affine)
    if family == "sep_conv":
        return normalised_relu(convolution(depthwise(x, kernel), channels, 1), affine)
    pooling = keras.layers.AveragePooling2D if family == "avg_pool" else keras.layers.MaxPooling2D
    return pooling(kernel, 1, padding="same", name=layer_name("pool"))(x)


def normalised_relu(x: Tensor, affine: bool = True) -> Tensor:
    """Batch normalisation and ReLU, which follow every convolution within a layer."""
    return relu(batch_norm(affine)(x))


def macro_reduction(x: Tensor, channels: int, affine: bool = True) -> Tensor:
    """Halve the resolution of the output of a layer."""
    return factorized_reduce(x, channels, affine, activation=False)


def macro_join(inputs: Sequence[Tensor], channels: int, affine: bool = True) -> Tensor:
    """Skip inputs and the output of the operation, laid end to end and brought back to the channels of the layer."""
    x = inputs[0] if len(inputs) == 1 else keras.layers.Concatenate(name=layer_name("concat"))(inputs)
    return normalised_relu(convolution(x, channels, 1), affine)
