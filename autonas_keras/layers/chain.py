"""Networks of chains, and the blocks they are made of, out of stock Keras layers, channels last.

Reference: Sandler et al., "MobileNetV2", CVPR 2018, figure 3; Ma et al., "ShuffleNet V2", ECCV 2018, figure 3; Guo et
al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, figure 2 of the supplement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import Tensor, batch_norm, convolution, depthwise
from autonas_keras.layers.quantize import quantized_relu
from autonas_keras.spaces.chain import Block, ChainLayer, ChainSpace, parse_block
from autonas_keras.spaces.choice import Option


def chain_network(
    x: Tensor,
    architecture: Mapping[str, Option],
    space: ChainSpace,
    *,
    affine: bool = True,
    name_prefix: str = "",
) -> Tensor:
    """The network of an architecture of a chain space.

    Args:
        x: Images, (batch, height, width, channels); shuffle units need a known height and width.
        architecture: A point of the space.
        space: Says how many layers, how wide and where the resolution is halved.
        affine: Whether batch normalisation learns scale and offset.
        name_prefix: Goes in front of the layers' names, such as "stem_conv" or "layer_3_mbconv_k3_e3_depthwise".

    Returns:
        Features (batch, h, w, c); global average pooling and a classifier follow. In a space with bits the activations
        are rounded by layers that have no gradient, and the weights have to be rounded ones.

    Raises:
        ValueError: When the architecture is no point of the space.
    """
    point = space.architecture(architecture)
    with layer_names(f"{name_prefix}stem"):
        x = chain_stem(x, space, affine)
    for layer in space.layers:
        name, width = space.block(point, layer)
        with layer_names(f"{name_prefix}{layer.name}_{name}"):
            x = chain_block(x, name, layer, space, width, affine, space.block_bits(point, layer))
    with layer_names(f"{name_prefix}tail"):
        return chain_tail(x, space, affine)


def chain_stem(x: Tensor, space: ChainSpace, affine: bool = True) -> Tensor:
    """3x3 convolution, batch normalisation and activation in front of the first layer."""
    return _Parts(space, affine).pointwise(x, space.stem, 3, space.stem_strides)


def chain_tail(x: Tensor, space: ChainSpace, affine: bool = True) -> Tensor:
    """1x1 convolution, batch normalisation and activation behind the last layer, or nothing."""
    return _Parts(space, affine).pointwise(x, space.tail) if space.tail else x


def chain_block(
    x: Tensor,
    name: str,
    layer: ChainLayer,
    space: ChainSpace,
    width: float = 1.0,
    affine: bool = True,
    bits: tuple[int, int] | None = None,
) -> Tensor:
    """A block at its place in the chain.

    Args:
        x: (batch, height, width, layer.read).
        name: Its name among the operations of the space.
        layer: The place.
        space: Says the activation.
        width: Channels inside, as a multiple of those that the block has by itself.
        affine: Whether batch normalisation learns scale and offset.
        bits: Those of its weights and of its activations, None for floating point.

    Returns:
        (batch, ceil(height / strides), ceil(width / strides), layer.given).
    """
    block, parts = parse_block(name), _Parts(space, affine, None if bits is None else bits[1])
    if block.family == "identity":
        return x if layer.keeps_shape else batch_norm(affine)(convolution(x, layer.given, 1, layer.strides))
    hidden = block.hidden(layer.read, layer.given, width)
    unit = _inverted_residual if block.family == "mbconv" else _shuffle_unit
    return unit(x, block, layer, hidden, parts)


def largest_activation(space: ChainSpace) -> float:
    """Where activations of a few bits are clipped: at 1, as published, or where they end anyway."""
    return 6.0 if space.activation == "relu6" else 1.0


@dataclass(frozen=True)
class _Parts:
    """What the blocks of a network are put together of."""

    space: ChainSpace
    affine: bool
    bits: int | None = None

    def activation(self, x: Tensor) -> Tensor:
        if self.bits is not None:
            return quantized_relu(x, self.bits, largest_activation(self.space))
        largest = 6.0 if self.space.activation == "relu6" else None
        return keras.layers.ReLU(largest, name=layer_name("relu"))(x)

    def pointwise(self, x: Tensor, channels: int, kernel: int = 1, strides: int = 1) -> Tensor:
        return self.activation(batch_norm(self.affine)(convolution(x, channels, kernel, strides)))

    def depthwise(self, x: Tensor, kernel: int, strides: int) -> Tensor:
        return batch_norm(self.affine)(depthwise(x, kernel, strides))

    def separable(self, x: Tensor, channels: int, kernel: int, strides: int) -> Tensor:
        return self.pointwise(self.depthwise(x, kernel, strides), channels)


def _inverted_residual(x: Tensor, block: Block, layer: ChainLayer, hidden: int, parts: _Parts) -> Tensor:
    y = x if block.expansion == 1 else parts.pointwise(x, hidden)
    y = parts.activation(parts.depthwise(y, block.kernel, layer.strides))
    y = batch_norm(parts.affine)(convolution(y, layer.given, 1))
    return keras.layers.Add(name=layer_name("add"))([x, y]) if layer.keeps_shape else y


def _shuffle_unit(x: Tensor, block: Block, layer: ChainLayer, hidden: int, parts: _Parts) -> Tensor:
    """Half of the channels pass by the branch; where the shape changes, all go both through it and beside it."""
    beside, inside = split_channels(x) if layer.keeps_shape else (x, x)
    given, kernel = layer.given - int(beside.shape[-1]), block.kernel
    # The branch comes first, so that the first convolutions by name are those of its inside.
    if block.family == "xception":
        inside = parts.separable(inside, hidden, kernel, layer.strides)
        inside = parts.separable(inside, hidden, kernel, 1)
        inside = parts.separable(inside, given, kernel, 1)
    else:
        inside = parts.separable(parts.pointwise(inside, hidden), given, kernel, layer.strides)
    if not layer.keeps_shape:
        beside = parts.separable(beside, layer.read, kernel, layer.strides)
    return keras.layers.Concatenate(name=layer_name("concat"))([beside, inside])


def split_channels(x: Tensor) -> tuple[Tensor, Tensor]:
    """The even and the odd channels of x: the shuffle between two groups, and the split after it.

    Raises:
        ValueError: When the height or the width is not known.
    """
    height, width, channels = x.shape[1:]
    if height is None or width is None:
        raise ValueError(
            f"Expected an input of known height and width for shuffle units, got {tuple(x.shape[1:])}; give the "
            "input its shape."
        )
    half = channels // 2
    x = keras.layers.Reshape((height, width, half, 2), name=layer_name("pairs"))(x)
    x = keras.layers.Permute((1, 2, 4, 3), name=layer_name("shuffle"))(x)
    x = keras.layers.Reshape((height, width, channels), name=layer_name("shuffled"))(x)

    def cropped(first: int, last: int) -> Tensor:
        # Said to be channels first, the layer crops the last axis.
        margins = ((0, 0), (first, last))
        return keras.layers.Cropping2D(margins, data_format="channels_first", name=layer_name("half"))(x)

    return cropped(0, half), cropped(half, 0)
