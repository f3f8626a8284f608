"""A whole chain space as one layer that computes one chain at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.chain import chain_block, chain_network, chain_stem, chain_tail, largest_activation
from autonas_keras.layers.operations import Tensor
from autonas_keras.layers.quantize import quantize_weights
from autonas_keras.spaces.chain import ChainLayer, ChainSpace, parse_block
from autonas_keras.spaces.choice import Option
from autonas_keras.supernets.path import PathSupernet, Usage
from autonas_keras.supernets.sliced import SlicedSwitch
from autonas_keras.supernets.switch import Switch, branch_model, dtype_policy


@keras.utils.register_keras_serializable(package="autonas_keras")
class PathChain(PathSupernet):
    """The network of a chain space in which every layer holds all candidate blocks and computes one of them.

    Where the space chooses the channels inside the blocks, a block has the weights of the widest, and computes with
    the first of its channels. Input (batch, height, width, channels), output the features of the last layer.

    Where it chooses bits, the weights are rounded in every step, and their gradients pass the rounding.

    The route has an entry for each layer, the index of its block; behind these, if the space has widths, one for each
    layer with the index of its width; and behind these, if the space has bits, the indices of the bits of the weights
    of every layer, and then of those of the activations.

    Args:
        space: A chain space, or its configuration.
        affine: Whether batch normalisation learns scale and offset.
        seed: Seed of all initial weights.
        **kwargs: As keras.layers.Layer takes them.

    Reference: Guo et al., ECCV 2020, sections 3.2 and 3.3.
    """

    space: ChainSpace

    def __init__(
        self, space: ChainSpace | Mapping[str, Any], affine: bool = True, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.space = space if isinstance(space, ChainSpace) else ChainSpace(**space)
        self.affine = bool(affine)

    @property
    def _parts(self) -> int:
        """Entries of a route for each layer."""
        return 1 + bool(self.space.widths) + 2 * bool(self.space.bits)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.get_config(),
            "affine": self.affine,
            "seed": self.seed,
        }

    def build(self, input_shape: Sequence[int | None]) -> None:
        space, layers = self.space, self.space.layers
        # The shuffle of channels is the only part that needs to know the sizes.
        fixed = any(parse_block(name).family in ("shuffle", "xception") for name in space.operations)
        shape = tuple(input_shape)[1:] if fixed else (None, None, input_shape[-1])
        self.stem = self._model("stem", shape, partial(chain_stem, space=space, affine=self.affine), 0)
        shape = self.stem.output_shape[1:]
        self.switches = []
        for place, layer in enumerate(layers):
            self.switches.append(self._switch(layer, place, shape))
            shape = self.switches[-1].compute_output_shape((None, *shape))[1:]
        tail = partial(chain_tail, space=space, affine=self.affine)
        self.tail = self._model("tail", shape, tail, len(layers) + 1) if space.tail else None
        self._build_route(len(layers) * self._parts)
        super().build(input_shape)

    def _model(
        self, name: str, shape: Sequence[int | None], function: Callable[[Tensor], Tensor], *place: int
    ) -> keras.Model:
        return branch_model(name, shape, function, self.dtype_policy, [self.seed, *place])

    def _switch(self, layer: ChainLayer, place: int, shape: Sequence[int | None]) -> Switch:
        space = self.space
        widest = max(space.widths, default=1.0)
        branches: list[keras.Model | None] = []
        for index, name in enumerate(space.operations):
            block = parse_block(name)
            if block.family == "identity" and layer.keeps_shape:
                branches.append(None)
                continue
            build = partial(chain_block, name=name, layer=layer, space=space, width=widest, affine=self.affine)
            branches.append(self._model(f"{layer.name}_{name}", shape, build, place + 1, index))
        if self._parts == 1:
            return Switch(branches, name=layer.name, dtype=self.dtype_policy)
        blocks = [parse_block(name) for name in space.operations]
        widths = space.widths or (1.0,)
        hidden = [[block.hidden(layer.read, layer.given, width) for width in widths] for block in blocks]
        inner = [{"xception": 2}.get(block.family, 1) if space.widths and block.elastic else 0 for block in blocks]
        largest = largest_activation(space)
        return SlicedSwitch(branches, hidden, inner, largest, name=layer.name, dtype=self.dtype_policy)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Features of images, (batch, height, width, channels) to (batch, h, w, c)."""
        x = self.stem(x, training=training)
        for place, switch in enumerate(self.switches):
            x = switch(x, self.place(place), training=training, **self._selection(place))
        return x if self.tail is None else self.tail(x, training=training)

    def _selection(self, place: int) -> dict[str, Any]:
        """What is selected at a layer beside its block."""
        space, count = self.space, len(self.switches)
        found: dict[str, Any] = {}
        if space.widths:
            found["width"] = self.place(count + place)
        if space.bits:
            first = (self._parts - 2) * count + place
            found["bits"] = tuple(tf.gather(list(space.bits), self.place(i)) for i in (first, first + count))
        return found

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        factor = self.space.reduction
        # Halving and rounding up again and again is dividing by the product and rounding up.
        sizes = (None if size is None else -(-size // factor) for size in (height, width))
        return (batch, *sizes, self.space.features)

    def compute_output_spec(self, x: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=self.compute_dtype)

    def route(self, architecture: Mapping[str, Option]) -> np.ndarray:
        space, point = self.space, self.space.architecture(architecture)
        route = [space.operations.index(str(point[layer.name])) for layer in space.layers]
        # A block that has no such choice ignores these entries.
        if space.widths:
            names = [layer.width_name for layer in space.layers]
            route += [space.widths.index(float(point[name])) if name in point else 0 for name in names]
        if space.bits:
            names = [layer.bits_names[part] for part in (0, 1) for layer in space.layers]
            route += [space.bits.index(int(point[name])) if name in point else 0 for name in names]
        return np.array(route, dtype=np.int32)

    def usage(self) -> list[Usage]:
        return [entry for place, switch in enumerate(self.switches) for entry in switch.usage(place)]

    def extract(self, architecture: Mapping[str, Option], input_shape: tuple[int, int, int]) -> keras.Model:
        """The network of an architecture as a model of stock Keras layers, with the weights it has in here.

        Of a space with bits it holds the rounded weights, and layers that round activations: it predicts, and is not
        trained any further.

        Raises:
            ValueError: When the architecture is no point of the space.
        """
        point = self.space.architecture(architecture)
        with dtype_policy(self.dtype_policy):
            x = keras.Input(input_shape, dtype=self.compute_dtype)
            model = keras.Model(x, chain_network(x, point, self.space, affine=self.affine))
        sources = [self.stem, *self._selected(point), *([self.tail] if self.tail else [])]
        held = {layer.name: layer for source in sources for layer in source.layers if layer.weights}
        for layer in model.layers:
            if layer.weights:
                pairs = zip(held[layer.name].get_weights(), layer.weights, strict=True)
                layer.set_weights([array[tuple(slice(size) for size in w.shape)] for array, w in pairs])
        for place in self.space.layers:
            bits = self.space.block_bits(point, place)
            for layer in model.layers:
                if bits is not None and layer.name.startswith(f"{place.name}_") and hasattr(layer, "kernel"):
                    layer.set_weights([quantize_weights(layer.kernel, bits[0]).numpy()])
        return model

    def parts(self, architecture: Mapping[str, Option]) -> list[keras.Model] | None:
        point = self.space.architecture(architecture)
        if self._parts > 1:  # what is chosen beside the blocks slices or rounds their weights
            return None
        return [self.stem, *self._selected(point), *([self.tail] if self.tail else [])]

    def _selected(self, point: Mapping[str, Option]) -> list[keras.Model]:
        """The models of the blocks of an architecture."""
        indices = self.route(point)
        found = [switch.branch(int(index)) for switch, index in zip(self.switches, indices, strict=False)]
        return [model for model in found if model is not None]
