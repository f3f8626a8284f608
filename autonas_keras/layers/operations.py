"""Candidate operations out of stock Keras layers, channels last.

Stride 2 pads symmetrically and keeps ceil(size / 2) positions, the even ones, for every operation. At stride 1 Keras's
"same" padding of an odd kernel is symmetric already.

Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 3.1; Dong, Yang,
"NAS-Bench-201", ICLR 2020, section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import keras

from autonas_keras.layers.names import layer_name, layer_names, name_layers
from autonas_keras.spaces import canonical, close_names, known_operations
from autonas_keras.spaces.operations import add_operation_name

Tensor: TypeAlias = keras.KerasTensor
Builder = Callable[[Tensor, int, int, bool, bool], Tensor]


def batch_norm(affine: bool) -> keras.layers.BatchNormalization:
    """Batch normalisation with the reference's epsilon 1e-5 and momentum 0.9, learned scale and offset or neither."""
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=affine, scale=affine, name=layer_name("batch_norm")
    )


def relu(x: Tensor) -> Tensor:
    """ReLU."""
    return keras.layers.ReLU(name=layer_name("relu"))(x)


def convolution(x: Tensor, channels: int, kernel: int | tuple[int, int], strides: int | tuple[int, int] = 1) -> Tensor:
    """Convolution without bias; (batch, height, width, c) to (batch, ceil(height / s), ceil(width / s), channels)."""
    kernels, steps = _pair(kernel), _pair(strides)
    x = _padded(x, kernels, steps)
    return keras.layers.Conv2D(
        channels,
        kernels,
        steps,
        padding="same" if steps == (1, 1) else "valid",
        use_bias=False,
        # The reference's default: uniform within 1 / sqrt(fan in).
        kernel_initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        name=layer_name("conv"),
    )(x)


def depthwise(x: Tensor, kernel: int, strides: int = 1, dilation: int = 1) -> Tensor:
    """Depthwise convolution without bias, strides 1 or 2, dilation 1 or 2."""
    if dilation == strides == 2:
        # Keras refuses both at once. The dilated kernel then meets even positions only: a plain kernel on those.
        x, strides, dilation = subsample(x), 1, 1
    x = _padded(x, _pair(kernel), _pair(strides))
    return keras.layers.DepthwiseConv2D(
        kernel,
        strides,
        padding="same" if strides == 1 else "valid",
        dilation_rate=dilation,
        use_bias=False,
        # Keras would count all channels as fan in; a depthwise kernel sees one.
        depthwise_initializer=keras.initializers.RandomUniform(-1 / kernel, 1 / kernel),
        name=layer_name("depthwise"),
    )(x)


def subsample(x: Tensor) -> Tensor:
    """The even rows and columns of ``x``."""
    return keras.layers.MaxPooling2D(1, 2, name=layer_name("subsample"))(x)


def relu_conv_bn(x: Tensor, channels: int, kernel: int, strides: int = 1, affine: bool = True) -> Tensor:
    """ReLU, convolution, batch normalisation."""
    return batch_norm(affine)(convolution(relu(x), channels, kernel, strides))


def factorized_reduce(x: Tensor, channels: int, affine: bool = True, activation: bool = True) -> Tensor:
    """Halve the resolution: ReLU, a 1x1 convolution of the even positions beside one of the odd ones, normalised.

    Without ``activation`` there is no ReLU.

    The odd positions are read from the input shifted by one pixel with zeros coming in, so that odd sizes give two
    maps of ceil(size / 2) too.
    """
    x = relu(x) if activation else x
    # Padded before it is cropped, because an image of one pixel cannot be cropped.
    shifted = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=layer_name("pad"))(x)
    shifted = keras.layers.Cropping2D(((1, 0), (1, 0)), name=layer_name("shift"))(shifted)
    halves = [(x, channels // 2), (shifted, channels - channels // 2)]
    maps = [convolution(image, width, 1, 2) for image, width in halves if width]
    y = keras.layers.Concatenate(name=layer_name("concat"))(maps) if len(maps) == 2 else maps[0]
    return batch_norm(affine)(y)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _padded(x: Tensor, kernel: tuple[int, int], strides: tuple[int, int]) -> Tensor:
    margins = (kernel[0] // 2, kernel[1] // 2)
    if strides == (1, 1) or margins == (0, 0):
        return x
    return keras.layers.ZeroPadding2D(margins, name=layer_name("pad"))(x)


def _conv(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool, *, kernel: int) -> Tensor:
    return relu_conv_bn(x, channels, kernel, strides, affine)


def _conv_7x1_1x7(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool) -> Tensor:
    x = convolution(relu(x), channels, (1, 7), (1, strides))
    return batch_norm(affine)(convolution(x, channels, (7, 1), (strides, 1)))


def _sep_conv(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool, *, kernel: int) -> Tensor:
    x = convolution(depthwise(relu(x), kernel, strides), x.shape[-1], 1)
    x = relu(batch_norm(affine)(x))
    return batch_norm(affine)(convolution(depthwise(x, kernel), channels, 1))


def _dil_conv(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool, *, kernel: int) -> Tensor:
    return batch_norm(affine)(convolution(depthwise(relu(x), kernel, strides, 2), channels, 1))


def _pool(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool, *, average: bool) -> Tensor:
    if x.shape[-1] != channels:
        x = relu_conv_bn(x, channels, 1, 1, affine)
    pooling = keras.layers.AveragePooling2D if average else keras.layers.MaxPooling2D
    # Keras leaves the padding out of both; at stride 1 it is symmetric, at stride 2 on even sizes it would not be.
    x = pooling(3, 1, padding="same", name=layer_name("pool"))(x)
    x = subsample(x) if strides == 2 else x
    return batch_norm(False)(x) if pool_norm else x


def _skip(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool) -> Tensor:
    if strides == 2:
        return factorized_reduce(x, channels, affine)
    return x if x.shape[-1] == channels else relu_conv_bn(x, channels, 1, 1, affine)


def _none(x: Tensor, channels: int, strides: int, affine: bool, pool_norm: bool) -> Tensor:
    if x.shape[-1] != channels:
        raise ValueError(f'Expected the operation "none" to keep the {x.shape[-1]} channels, got {channels}.')
    x = subsample(x) if strides == 2 else x
    return keras.layers.Rescaling(0.0, name=layer_name("zero"))(x)


OPERATIONS: dict[str, Builder] = {
    "none": _none,
    "skip_connect": _skip,
    "max_pool_3x3": partial(_pool, average=False),
    "avg_pool_3x3": partial(_pool, average=True),
    "conv_1x1": partial(_conv, kernel=1),
    "conv_3x3": partial(_conv, kernel=3),
    "conv_5x5": partial(_conv, kernel=5),
    "conv_7x1_1x7": _conv_7x1_1x7,
    "sep_conv_3x3": partial(_sep_conv, kernel=3),
    "sep_conv_5x5": partial(_sep_conv, kernel=5),
    "sep_conv_7x7": partial(_sep_conv, kernel=7),
    "dil_conv_3x3": partial(_dil_conv, kernel=3),
    "dil_conv_5x5": partial(_dil_conv, kernel=5),
}
BUILT_IN = frozenset(known_operations()) | frozenset(OPERATIONS)


def apply_operation(
    name: str, x: Tensor, channels: int, strides: int = 1, affine: bool = True, pool_norm: bool = True
) -> Tensor:
    """Apply a candidate operation.

    Args:
        name: An operation, a synonym of one ("identity") or one that the user registered.
        x: (batch, height, width, c).
        channels: Channels of the result.
        strides: 1 or 2.
        affine: Whether batch normalisation learns scale and offset; not so in a search.
        pool_norm: Whether pooling is followed by a batch normalisation without affine; so in a search of DARTS.

    Returns:
        (batch, ceil(height / strides), ceil(width / strides), channels).

    Raises:
        ValueError: When the operation is unknown, the strides are not 1 or 2, or a registered operation gives
            another shape.
    """
    builder = OPERATIONS.get(canonical(name))
    if builder is None:
        raise ValueError(f"Expected a known operation, got {name!r}{close_names(name, known_operations())}.")
    if strides not in (1, 2):
        raise ValueError(f"Expected strides of 1 or 2 for {name!r}, got {strides!r}.")
    return builder(x, channels, strides, affine, pool_norm)


def operation_model(
    name: str,
    input_shape: tuple[int | None, int | None, int],
    channels: int,
    strides: int = 1,
    affine: bool = True,
    pool_norm: bool = True,
) -> keras.Model:
    """A candidate operation on images of ``input_shape`` (height, width, c) as a model of layers "operation_conv" etc."""
    x = keras.Input(input_shape, dtype=keras.config.dtype_policy().compute_dtype)
    with layer_names("operation"):
        return keras.Model(x, apply_operation(name, x, channels, strides, affine, pool_norm))


def register_operation(name: str, function: Callable[[Tensor, int, int], Tensor]) -> None:
    """Let spaces and networks use an operation of the user's own under ``name``.

    Args:
        name: An identifier; registering it again replaces the function.
        function: ``function(x, channels, strides)`` takes (batch, height, width, c) and gives
            (batch, ceil(height / strides), ceil(width / strides), channels), built of Keras layers.

    Raises:
        ValueError: When the name is no identifier or belongs to a built-in operation.
        TypeError: When ``function`` cannot be called.
    """
    if name in BUILT_IN:
        raise ValueError(f"Expected a new name for an operation, got {name!r}, which is built in; choose another name.")
    if not callable(function):
        raise TypeError(f"Expected a function of (x, channels, strides), got {type(function).__name__}.")
    add_operation_name(name)
    OPERATIONS[name] = partial(_registered, name=name, function=function)


def _registered(
    x: Tensor,
    channels: int,
    strides: int,
    affine: bool,
    pool_norm: bool,
    *,
    name: str,
    function: Callable[[Tensor, int, int], Tensor],
) -> Tensor:
    y = function(x, channels, strides)
    size = tuple(None if n is None else -(-n // strides) for n in x.shape[1:3])
    if tuple(y.shape[1:]) != (*size, channels):
        raise ValueError(
            f"Expected operation {name!r} to give shape {(*size, channels)} of an input of {tuple(x.shape[1:])} at "
            f"strides {strides}, got {tuple(y.shape[1:])}."
        )
    name_layers(x, y)
    return y
