"""The parts of networks of ENAS's macro space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import keras

from autonas_keras.evaluation.parts import Part, Size, classifier, function_part, part_model, reduced, size_text
from autonas_keras.layers.macro import macro_join, macro_network, macro_operation, macro_reduction, macro_stem
from autonas_keras.spaces import MacroSpace
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.macro import skip_name


class MacroCut:
    """Networks of the macro space as stem, operations, joins of skip inputs, reductions and classifier.

    Args:
        space: The space.
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the classifier.
    """

    def __init__(self, space: MacroSpace, input_shape: Size, classes: int) -> None:
        self.space, self.input_shape, self.classes = space, input_shape, classes

    def network(self, architecture: Mapping[str, Option]) -> keras.Model:
        """The network of an architecture with global average pooling and a classifier."""
        return part_model(
            lambda x: classifier(macro_network(x, architecture, self.space), self.classes), self.input_shape
        )

    def all_parts(self) -> Iterator[Part]:
        """Every part that some architecture has."""
        layers = range(1, self.space.layers + 1)
        without: dict[str, Option] = {skip_name(source, layer): False for layer in layers for source in range(1, layer)}
        for name in self.space.operations:
            everywhere = {f"layer_{layer}": name for layer in layers}
            yield from self.parts({**without, **everywhere})
        # The first so many layers as skip inputs: which ones they are makes no difference to a join.
        for count in range(1, self.space.layers):
            skips = {skip_name(source, layer): True for layer in layers for source in range(1, min(count + 1, layer))}
            yield from self.parts({**without, **everywhere, **skips})

    def parts(self, architecture: Mapping[str, Option]) -> list[Part]:
        """The parts of the network of an architecture."""
        space = self.space
        found = [function_part("stem", self.input_shape, partial(macro_stem, space=space))]
        side = self.input_shape[:2]
        for layer in range(1, space.layers + 1):
            size = (*side, space.width(layer))
            name = space.operation(architecture, layer)
            found.append(function_part(name, size, partial(macro_operation, name=name, channels=size[2])))
            if layer > 1:
                found.append(_join(1 + len(space.sources(architecture, layer)), size))
            if layer in space.reductions:
                channels = space.width(layer + 1)
                halving = function_part(f"reduction to {channels}", size, partial(macro_reduction, channels=channels))
                found += [halving] * len(space.reduced(architecture, layer))
                side = reduced(side, 2)
        head = partial(classifier, classes=self.classes)
        return [*found, function_part("head", (*side, space.features), head)]


def _join(count: int, size: Size) -> Part:
    def build() -> keras.Model:
        inputs = [keras.Input(size) for _ in range(count)]
        return keras.Model(inputs, macro_join(inputs, size[2]))

    return Part(f"join of {count} of {size_text(size)}", build)
