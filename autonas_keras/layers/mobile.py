"""Networks of inverted residuals out of stock Keras layers.

Reference: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section 3; Howard et al.,
"Searching for MobileNetV3", ICCV 2019, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras

from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import Tensor, batch_norm, convolution, depthwise
from autonas_keras.spaces import MobileBlock, MobileSpace, Option
from autonas_keras.spaces.mobile_plan import resized_shape


def mobile_network(x: Tensor, architecture: Mapping[str, Option], space: MobileSpace, name_prefix: str = "") -> Tensor:
    """The network of an architecture of a mobile space.

    Args:
        x: Images, (batch, height, width, channels); of known size if the space has resolutions.
        architecture: A point of the space.
        space: The space.
        name_prefix: Goes in front of the layers' names, such as "stem_conv" or "stage_1_block_0_expand_conv".

    Returns:
        Features (batch, h, w, c) without pooling or classifier.

    Raises:
        ValueError: When the space has resolutions and the size of ``x`` is not known.
    """
    plan = space.plan(architecture)
    x = resize(x, plan.resolution, f"{name_prefix}resize")
    with layer_names(f"{name_prefix}stem"):
        x = activation(batch_norm(True)(convolution(x, plan.stem, 3, space.stem_stride)), space.activations[0])
    for stage, blocks in enumerate(plan.stages):
        for number, block in enumerate(blocks):
            x = inverted_residual(x, block, f"{name_prefix}stage_{stage}_block_{number}")
    if space.head is None:
        return x
    with layer_names(f"{name_prefix}head"):
        return activation(batch_norm(True)(convolution(x, space.head, 1)), space.activations[-1])


def resize(x: Tensor, resolution: int | None, name: str) -> Tensor:
    """Images whose shorter side has ``resolution`` pixels; None, or images that have them, pass.

    Raises:
        ValueError: When the size of the images is not known.
    """
    if resolution is None:
        return x
    size = tuple(x.shape[1:3])
    if None in size:
        raise ValueError(f"Expected images of a known size to resize, got {tuple(x.shape)}; give the input its shape.")
    wanted = resized_shape(size, resolution)
    return x if wanted == size else keras.layers.Resizing(*wanted, name=name)(x)


def inverted_residual(x: Tensor, block: MobileBlock, name: str) -> Tensor:
    """One block; its layers are named ``name``_expand_conv, _expand_batch_norm, _depthwise_depthwise and so on."""
    y = x
    if block.expands:
        with layer_names(f"{name}_expand"):
            y = activation(batch_norm(True)(convolution(y, block.hidden, 1)), block.activation)
    with layer_names(f"{name}_depthwise"):
        y = activation(batch_norm(True)(depthwise(y, block.kernel, block.stride)), block.activation)
    if block.squeezed:
        with layer_names(f"{name}_squeeze"):
            y = squeeze_excitation(y, block.squeezed)
    with layer_names(f"{name}_project"):
        y = batch_norm(True)(convolution(y, block.outputs, 1))
    return keras.layers.Add(name=f"{name}_add")([x, y]) if block.residual else y


def squeeze_excitation(x: Tensor, squeezed: int) -> Tensor:
    """Weigh the channels of ``x`` by a function of their means, with ``squeezed`` channels in between.

    Reference: Howard et al., ICCV 2019, section 5.3: the weights are hard sigmoids.
    """
    y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=layer_name("pool"))(x)
    y = keras.layers.Conv2D(squeezed, 1, activation="relu", name=layer_name("conv"))(y)
    y = keras.layers.Conv2D(x.shape[-1], 1, activation="hard_sigmoid", name=layer_name("conv"))(y)
    return keras.layers.Multiply(name=layer_name("multiply"))([x, y])


def activation(x: Tensor, name: str) -> Tensor:
    """One of the activations of a mobile space."""
    if name in ("relu", "relu6"):
        return keras.layers.ReLU(6.0 if name == "relu6" else None, name=layer_name("relu"))(x)
    return keras.layers.Activation(name, name=layer_name("activation"))(x)
