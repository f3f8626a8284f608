"""The sizes of one network of inverted residuals.

Reference: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ACTIVATIONS = ("relu", "relu6", "swish", "hard_swish")
SQUEEZE = 4  # the channels inside a squeeze-excitation are this part of those it weighs


@dataclass(frozen=True)
class MobileBlock:
    """One inverted residual: 1x1 convolution to ``hidden`` channels, depthwise convolution, 1x1 convolution.

    Attributes:
        inputs: Channels of its input.
        hidden: Channels of the depthwise convolution.
        outputs: Channels of its output.
        kernel: Side of the depthwise kernel.
        stride: Stride of the depthwise convolution.
        expands: Whether the first convolution is there.
        residual: Whether its input is added to its output.
        squeezed: Channels inside the squeeze-excitation after the depthwise convolution, 0 for none.
        activation: "relu", "relu6", "swish" or "hard_swish".
    """

    inputs: int
    hidden: int
    outputs: int
    kernel: int
    stride: int
    expands: bool
    residual: bool
    squeezed: int
    activation: str


@dataclass(frozen=True)
class MobilePlan:
    """The sizes of one network.

    Attributes:
        resolution: Pixels of the shorter side of the images, None for images as they come.
        stem: Channels of the first convolution.
        stages: The blocks of each stage.
    """

    resolution: int | None
    stem: int
    stages: tuple[tuple[MobileBlock, ...], ...]


def hidden_channels(inputs: int, expansion: float) -> int:
    """Channels inside a block, rounded half up."""
    return max(1, int(inputs * expansion + 0.5))


def squeezed_channels(hidden: int) -> int:
    """Channels inside a squeeze-excitation over ``hidden`` channels."""
    return -(-hidden // SQUEEZE)


def resized_shape(size: Sequence[Any], resolution: int | None) -> tuple[int, int]:
    """The (height, width) of images of that size whose shorter side is brought to ``resolution`` pixels."""
    height, width = (int(side) for side in size)
    if resolution is None:
        return height, width
    ratio = resolution / min(height, width)
    return max(1, int(height * ratio + 0.5)), max(1, int(width * ratio + 0.5))
