"""What networks of the mobile space cost, counted from the architecture alone."""

from __future__ import annotations

from collections.abc import Mapping

from autonas_keras.evaluation.pairs import Pair, classifier, named, normalised, total
from autonas_keras.spaces import MobileBlock, MobileSpace
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.mobile_plan import resized_shape


def mobile_costs(
    space: MobileSpace, architecture: Mapping[str, Option], input_shape: tuple[int, int, int], classes: int
) -> dict[str, int]:
    """The costs of the network of an architecture, without building it: ``model_costs`` gives the same.

    Args:
        space: The space of the architecture.
        architecture: A point of it.
        input_shape: (height, width, channels) of the images, before they are resized.
        classes: Outputs of the dense layer after global average pooling.
    """
    plan = space.plan(architecture)
    size = resized_shape(input_shape[:2], plan.resolution)
    height, width = (-(-side // space.stem_stride) for side in size)
    costs = [normalised(9 * input_shape[2] * plan.stem, plan.stem, height * width)]
    channels = plan.stem
    for blocks in plan.stages:
        for block in blocks:
            before = height * width
            height, width = -(-height // block.stride), -(-width // block.stride)
            costs += _block(block, before, height * width)
            channels = block.outputs
    if space.head is not None:
        costs.append(normalised(channels * space.head, space.head, height * width))
        channels = space.head
    return named(total(*costs, classifier(channels, classes)))


def least_mobile_costs(space: MobileSpace, input_shape: tuple[int, int, int], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has: every decision adds to both."""
    return mobile_costs(space, space.smallest(), input_shape, classes)


def _block(block: MobileBlock, before: int, area: int) -> list[Pair]:
    """Parameters and multiply-adds of each part of a block that reads ``before`` pixels and gives ``area``."""
    hidden, squeezed = block.hidden, block.squeezed
    parts = [
        normalised(block.kernel**2 * hidden, hidden, area),
        normalised(hidden * block.outputs, block.outputs, area),
    ]
    if block.expands:
        parts.append(normalised(block.inputs * hidden, hidden, before))
    if squeezed:
        # Two layers of one pixel, with biases.
        weights = 2 * hidden * squeezed + hidden + squeezed
        parts.append((weights, weights))
    return parts
