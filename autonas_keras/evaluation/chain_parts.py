"""The parts of networks whose blocks follow one another: those of chains and of the mobile space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product

import keras

from autonas_keras.evaluation.parts import Part, Size, classifier, function_part, part_model, reduced
from autonas_keras.layers.chain import chain_block, chain_network, chain_stem, chain_tail
from autonas_keras.layers.mobile import activation, inverted_residual, mobile_network, resize
from autonas_keras.layers.operations import Tensor, batch_norm, convolution
from autonas_keras.spaces import ChainSpace, MobileBlock, MobileSpace
from autonas_keras.spaces.chain import ChainLayer, parse_block
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.mobile_plan import resized_shape


class ChainCut:
    """Networks of a chain space as stem, blocks and head.

    Args:
        space: The space.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the classifier.

    Raises:
        ValueError: When the space has bits to choose: rounding in floating point takes time instead of saving it.
    """

    def __init__(self, space: ChainSpace, input_shape: Size, classes: int) -> None:
        if space.bits:
            raise ValueError(
                f"Expected a chain space without bits to time, got bits={space.bits}; networks that round in floating "
                "point tell nothing of the time in integers."
            )
        self.space, self.input_shape, self.classes = space, input_shape, classes

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The network of an architecture with global average pooling and a classifier."""
        return part_model(
            lambda x: classifier(chain_network(x, architecture, self.space), self.classes), self.input_shape
        )

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has."""
        for name, width in product(self.space.operations, self.space.widths or (1.0,)):
            everywhere: dict[str, Option] = {layer.name: name for layer in self.space.layers}
            yield from self.parts({**everywhere, **{layer.width_name: width for layer in self.space.layers}})

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """The parts of the network of an architecture."""
        space = self.space
        found = [function_part("stem", self.input_shape, partial(chain_stem, space=space))]
        height, width = reduced(self.input_shape[:2], space.stem_strides)
        for layer in space.layers:
            name, inside = space.block(architecture, layer)
            if name != "identity" or not layer.keeps_shape:
                found.append(self._block(name, layer, inside, (height, width, layer.read)))
            height, width = reduced((height, width), layer.strides)
        return [*found, function_part("head", (height, width, space.layers[-1].given), self._head)]

    def _block(self, name: str, layer: ChainLayer, inside: float, size: Size) -> Part:
        hidden = parse_block(name).hidden(layer.read, layer.given, inside)
        text = f"{name} inside {hidden} to {layer.given} by {layer.strides}"
        return function_part(text, size, partial(chain_block, name=name, layer=layer, space=self.space, width=inside))

    def _head(self, x: Tensor) -> Tensor:
        return classifier(chain_tail(x, self.space), self.classes)


class MobileCut:
    """Networks of the mobile space as resizing, stem, inverted residuals and head.

    Args:
        space: The space.
        input_shape: (height, width, channels) of the images, before they are resized.
        classes: Outputs of the classifier.
    """

    def __init__(self, space: MobileSpace, input_shape: Size, classes: int) -> None:
        self.space, self.input_shape, self.classes = space, input_shape, classes

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The network of an architecture with global average pooling and a classifier."""
        return part_model(
            lambda x: classifier(mobile_network(x, architecture, self.space), self.classes), self.input_shape
        )

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has."""
        # A stage depends on its own decisions, the width in front of it and the resolution.
        named, largest = self.space.named, self.space.largest()
        for stage in range(len(self.space.widths)):
            before = "stem/width" if stage == 0 else f"stage_{stage - 1}/width"
            here = [name for name in named if name.startswith(f"stage_{stage}/")]
            groups = [
                ["resolution"],
                [before],
                [f"stage_{stage}/width"],
                [name for name in here if name.endswith("/kernel")],
                [name for name in here if name.endswith("/expansion")],
            ]
            varied = [group for group in groups if group and group[0] in named]
            for options in product(*(named[group[0]].options for group in varied)):
                taken = {name: option for group, option in zip(varied, options, strict=True) for name in group}
                yield from self.parts({**largest, **taken})

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """The parts of the network of an architecture."""
        plan, space, found = self.space.plan(architecture), self.space, []
        height, width = resized_shape(self.input_shape[:2], plan.resolution)
        if (height, width) != self.input_shape[:2]:
            resizing = partial(resize, resolution=plan.resolution, name="resize")
            found.append(function_part(f"resize to {height}x{width}", self.input_shape, resizing))
        found.append(
            function_part(
                f"stem {plan.stem}", (height, width, self.input_shape[2]), partial(self._stem, channels=plan.stem)
            )
        )
        height, width = reduced((height, width), space.stem_stride)
        channels = plan.stem
        for block in (block for blocks in plan.stages for block in blocks):
            found.append(_mobile_block(block, (height, width, block.inputs)))
            height, width = reduced((height, width), block.stride)
            channels = block.outputs
        return [*found, function_part("head", (height, width, channels), self._head)]

    def _stem(self, x: Tensor, channels: int) -> Tensor:
        return activation(
            batch_norm(True)(convolution(x, channels, 3, self.space.stem_stride)), self.space.activations[0]
        )

    def _head(self, x: Tensor) -> Tensor:
        if self.space.head is not None:
            x = activation(batch_norm(True)(convolution(x, self.space.head, 1)), self.space.activations[-1])
        return classifier(x, self.classes)


def _mobile_block(block: MobileBlock, size: Size) -> Part:
    text = (
        f"mbconv_k{block.kernel} {block.activation} inside {block.hidden if block.expands else 'as before'}"
        f" to {block.outputs} by {block.stride}{' added' if block.residual else ''}"
        f"{f' squeezed to {block.squeezed}' if block.squeezed else ''}"
    )
    return function_part(text, size, partial(inverted_residual, block=block, name="block"))
