"""ENAS's macro space as one layer that computes one architecture at a time.

Reference: Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018,
section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.macro import macro_network, macro_operation, macro_reduction, macro_stem, normalised_relu
from autonas_keras.layers.operations import Tensor, convolution
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.macro import MacroSpace, skip_name
from autonas_keras.supernets.path import PathSupernet, Usage
from autonas_keras.supernets.switch import Switch, branch_model, dtype_policy


@keras.utils.register_keras_serializable(package="autonas_keras")
class PathMacro(PathSupernet):
    """The network of a macro space in which every layer holds all operations and computes one of them.

    The 1x1 convolution that joins a layer with its skip inputs has rows of its own for each layer before it; the rows
    of the skip inputs in use are applied to these and added up, which is that convolution of their concatenation. A
    skip input that is not used is not computed with, nor is a reduction that no later layer reads. Input (batch,
    height, width, channels), output the features of the last layer.

    The route is the architecture's arc.

    Args:
        space: A macro space, or its configuration.
        affine: Whether batch normalisation learns scale and offset.
        seed: Seed of all initial weights.
        **kwargs: As keras.layers.Layer takes them.
    """

    space: MacroSpace

    def __init__(
        self, space: MacroSpace | Mapping[str, Any], affine: bool = True, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.space = space if isinstance(space, MacroSpace) else MacroSpace(**space)
        self.affine = bool(affine)
        self._places = {name: place for place, name in enumerate(self.space.named)}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.get_config(),
            "affine": self.affine,
            "seed": self.seed,
        }

    # Routes

    def route(self, architecture: Mapping[str, Option]) -> np.ndarray:
        return np.array(self.space.arc(architecture), np.int32)

    def usage(self) -> list[Usage]:
        found: list[Usage] = []
        for layer, switch in enumerate(self.switches, 1):
            found += switch.usage(self._places[f"layer_{layer}"])
            for source in range(1, layer):
                rows = self._model(_rows_name(source, layer))
                found.append(Usage(partial(_any_set, places=self._skips(source, (layer,))), rows.trainable_weights))
        for reduction in self.space.reductions:
            for source in range(1, reduction):
                model = self._model(_reduction_name(source, reduction))
                places = self._skips(source, self._after(reduction))
                found.append(Usage(partial(_any_set, places=places), model.trainable_weights))
        return found

    def _skips(self, source: int, layers: Sequence[int]) -> list[int]:
        """The places of a route that say which of the layers skip to ``source``."""
        return [self._places[skip_name(source, layer)] for layer in layers]

    def _after(self, reduction: int) -> range:
        return range(reduction + 1, self.space.layers + 1)

    # Weights

    def build(self, input_shape: Sequence[int | None]) -> None:
        space = self.space
        if input_shape[-1] is None:
            raise ValueError("Expected an input with a known number of channels, got None; give the input its shape.")
        self._models: list[keras.Model] = []
        self._numbers: dict[str, int] = {}
        self.switches: list[Switch] = []
        self._add("stem", int(input_shape[-1]), partial(macro_stem, space=space, affine=self.affine))
        for layer in range(1, space.layers + 1):
            width = space.width(layer)
            self.switches.append(self._switch(layer, width))
            if layer > 1:
                for source in range(1, layer + 1):
                    self._add(_rows_name(source, layer), width, partial(convolution, channels=width, kernel=1))
                self._add(f"layer_{layer}_join", width, partial(normalised_relu, affine=self.affine))
            if layer in space.reductions:
                function = partial(macro_reduction, channels=space.width(layer + 1), affine=self.affine)
                for source in range(1, layer + 1):
                    self._add(_reduction_name(source, layer), width, function)
        self._build_route(len(self._places))
        super().build(input_shape)

    def _add(self, name: str, channels: int, function: Callable[[Tensor], Tensor]) -> None:
        self._numbers[name] = len(self._models)
        self._models.append(self._branch(name, channels, function, 0, len(self._models)))

    def _branch(self, name: str, channels: int, function: Callable[[Tensor], Tensor], *place: int) -> keras.Model:
        return branch_model(name, (None, None, channels), function, self.dtype_policy, [self.seed, 7, *place])

    def _switch(self, layer: int, width: int) -> Switch:
        branches: list[keras.Model | None] = []
        for index, name in enumerate(self.space.operations):
            function = partial(macro_operation, name=name, channels=width, affine=self.affine)
            branches.append(self._branch(f"layer_{layer}_{name}", width, function, layer, index))
        return Switch(branches, name=f"layer_{layer}", dtype=self.dtype_policy)

    def _model(self, name: str) -> keras.Model:
        return self._models[self._numbers[name]]

    # Computation

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Features of images, (batch, height, width, channels) to (batch, h, w, c)."""
        x = self._model("stem")(x, training=training)
        outputs: dict[int, tf.Tensor] = {}
        for layer, switch in enumerate(self.switches, 1):
            x = switch(x, self.place(self._places[f"layer_{layer}"]), training=training)
            outputs[layer] = self._join(layer, x, outputs, training) if layer > 1 else x
            if layer in self.space.reductions:
                for source in outputs:
                    outputs[source] = self._reduce(source, layer, outputs[source], training)
            x = outputs[layer]
        return x

    def _join(self, layer: int, x: tf.Tensor, outputs: Mapping[int, tf.Tensor], training: bool | None) -> tf.Tensor:
        """The output of a layer whose operation gave ``x``."""
        total = self._model(_rows_name(layer, layer))(x)
        for source, output in outputs.items():
            total = self._added(total, self._model(_rows_name(source, layer)), output, self._skips(source, (layer,)))
        return self._model(f"layer_{layer}_join")(total, training=training)

    def _added(self, total: tf.Tensor, rows: keras.Model, output: tf.Tensor, places: Sequence[int]) -> tf.Tensor:
        return tf.cond(
            _any_set(self._route, places),
            lambda: total + tf.cast(rows(output), total.dtype),
            lambda: tf.identity(total),
        )

    def _reduce(self, source: int, reduction: int, x: tf.Tensor, training: bool | None) -> tf.Tensor:
        """The output of a layer at half the resolution, or zeros where nothing reads it any more."""
        model = self._model(_reduction_name(source, reduction))
        if source == reduction:
            return model(x, training=training)
        read = _any_set(self._route, self._skips(source, self._after(reduction)))
        return tf.cond(
            read,
            lambda: tf.cast(model(x, training=training), x.dtype),
            lambda: self._zeros(x, self.space.width(reduction + 1)),
        )

    @property
    def _route(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.selected)

    @staticmethod
    def _zeros(x: tf.Tensor, channels: int) -> tf.Tensor:
        shape = tf.shape(x)
        known = (None if n is None else -(-n // 2) for n in x.shape[1:3])
        zeros = tf.zeros([shape[0], -(-shape[1] // 2), -(-shape[2] // 2), channels], x.dtype)
        return tf.ensure_shape(zeros, [x.shape[0], *known, channels])

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        factor = 2 ** len(self.space.reductions)
        # Halving and rounding up again and again is dividing by the product and rounding up.
        sizes = (None if size is None else -(-size // factor) for size in (height, width))
        return (batch, *sizes, self.space.features)

    def compute_output_spec(self, x: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=self.compute_dtype)

    # What is handed out

    def extract(self, architecture: Mapping[str, Option], input_shape: tuple[int, int, int]) -> keras.Model:
        point = self.space.architecture(architecture)
        with dtype_policy(self.dtype_policy):
            x = keras.Input(input_shape, dtype=self.compute_dtype)
            model = keras.Model(x, macro_network(x, point, self.space, affine=self.affine))
        indices = [self._places[f"layer_{layer}"] for layer in range(1, self.space.layers + 1)]
        taken = [
            switch.branch(int(index)) for switch, index in zip(self.switches, self.route(point)[indices], strict=True)
        ]
        held = {layer.name: layer for part in (*self._models, *taken) if part is not None for layer in part.layers}
        for layer in model.layers:
            if layer.weights and layer.name in held:
                layer.set_weights(held[layer.name].get_weights())
        for number in range(2, self.space.layers + 1):
            rows = [_rows_name(source, number) for source in (*self.space.sources(point, number), number)]
            kernel = np.concatenate([self._model(name).get_weights()[0] for name in rows], axis=2)
            model.get_layer(f"layer_{number}_join_conv").set_weights([kernel])
        return model


def _rows_name(source: int, layer: int) -> str:
    """Name of the rows of the convolution that joins ``layer``: for what it skips to, or for its own operation."""
    return f"layer_{layer}_from_{source}"


def _reduction_name(source: int, reduction: int) -> str:
    return f"layer_{source}_reduction_{reduction}"


def _any_set(route: tf.Tensor, places: Sequence[int]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(tf.gather(route, list(places)), 1))
