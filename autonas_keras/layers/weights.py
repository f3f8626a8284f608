"""Weights of discrete networks: drawn from a seed, handed from one network to another."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give every layer of ``target`` the weights of the layer of ``source`` with the same name.

    So a network that was trained with drop-path and an auxiliary head becomes the one without.

    Raises:
        ValueError: When ``source`` lacks a layer that has weights in ``target``, or its shapes differ.
    """
    known = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        if not layer.weights:
            continue
        if layer.name not in known:
            raise ValueError(f"Expected a layer named {layer.name!r} in model {source.name!r}, got none.")
        layer.set_weights(known[layer.name].get_weights())


def initialize_weights(model: keras.Model, seed: int) -> None:
    """Start all weights over with the layers' own initializers, from a seed and the places of the layers alone.

    Weights whose initializer a layer does not hold under Keras's names (``kernel_initializer``) stay as they are.
    """
    for place, layer in enumerate(_flat(model)):
        for attribute, initializer, variable in initializers(layer):
            config = initializer.get_config()
            if "seed" in config:
                # An initializer repeats itself for a seed, so each weight gets one of its own.
                config["seed"] = int(
                    np.random.SeedSequence([seed, place, *attribute.encode()]).generate_state(1)[0] >> 1
                )
            variable.assign(type(initializer).from_config(config)(variable.shape, dtype=variable.dtype))


def initializers(layer: keras.layers.Layer) -> Iterator[tuple[str, keras.initializers.Initializer, keras.Variable]]:
    """The initializers that a layer holds under Keras's names, such as ``kernel_initializer``, and what each is for."""
    for attribute in sorted(name for name in vars(layer) if name.endswith("_initializer")):
        variable = _variable(layer, attribute.removesuffix("_initializer"))
        initializer = getattr(layer, attribute)
        if variable is not None and isinstance(initializer, keras.initializers.Initializer):
            yield attribute, initializer, variable


def _flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        else:
            yield from layer._flatten_layers()  # a recurrent layer keeps its weights in a cell


def _variable(layer: keras.layers.Layer, name: str) -> keras.Variable | None:
    # DepthwiseConv2D keeps what its depthwise_initializer makes in ``kernel``, SeparableConv2D in ``depthwise_kernel``.
    for found in (getattr(layer, name, None), getattr(layer, f"{name}_kernel", None), getattr(layer, "kernel", None)):
        if isinstance(found, keras.Variable):
            return found
    return None
