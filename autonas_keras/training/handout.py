"""Networks of stock layers out of a model with supernets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from autonas_keras.layers import (
    cell_network,
    chain_network,
    function_network,
    has_function,
    macro_network,
    mobile_network,
)
from autonas_keras.spaces import Architecture, CellSpace, ChainSpace, MacroSpace, MobileSpace, Option
from autonas_keras.supernets import PathSupernet
from autonas_keras.training.paths import PathModel


def handed_out(model: PathModel, architecture: Mapping[str, Option]) -> keras.Model:
    """The network of an architecture with the weights it has in the model, of stock Keras layers, not compiled.

    Its batch normalisation holds the statistics that the model holds, which are those of the network only if it was
    calibrated last.

    Args:
        model: A model whose searched parts are supernets.
        architecture: A point of ``model.space``.

    Raises:
        ValueError: When the architecture is no point of the space.
    """
    point = model.space.architecture(architecture)
    network = discrete_network(model, point)
    weights = {layer.name: layer.get_weights() for layer in model.layers if not isinstance(layer, PathSupernet)}
    for layer in model.supernets:
        extracted = layer.extract(point.scope(layer.name, layer.space), tuple(layer.input.shape[1:]))
        prefix = _prefix(model, layer)
        weights |= {f"{prefix}{part.name}": part.get_weights() for part in extracted.layers if part.weights}
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return network


def discrete_network(model: PathModel, architecture: Architecture, affine: bool | None = None) -> keras.Model:
    """The network of an architecture with new weights.

    Args:
        model: A model whose searched parts are supernets.
        architecture: A point of ``model.space``.
        affine: Whether batch normalisation inside cells learns scale and offset; None as in the model.
    """

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        # What was adapted to the data has more state than weights.
        adapted = hasattr(layer, "adapt") and not isinstance(layer, keras.layers.Normalization)
        if adapted or isinstance(layer, PathSupernet):
            return layer
        return type(layer).from_config(layer.get_config())

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(layer, PathSupernet):
            return layer(*args, **kwargs)
        return _features(layer, args[0], architecture.scope(layer.name, layer.space), affine, _prefix(model, layer))

    # A plain model of the same layers: a copy of the model's own class would have to be compiled.
    plain = keras.Model(_alone(model.inputs), _alone(model.outputs))
    found = keras.models.clone_model(plain, clone_function=copied, call_function=called)
    return keras.Model(_alone(found.inputs), _alone(found.outputs), name="network")


def _features(layer: Any, x: Any, point: Architecture, affine: bool | None, prefix: str) -> Any:
    space, affine = layer.space, getattr(layer, "affine", True) if affine is None else affine
    if isinstance(space, CellSpace):
        cells = {kind: space.cell(point, kind) for kind in space.cell_types}
        return cell_network(x, cells, space, affine=affine, name_prefix=prefix)
    if isinstance(space, ChainSpace):
        return chain_network(x, point, space, affine=affine, name_prefix=prefix)
    if isinstance(space, MacroSpace):
        return macro_network(x, point, space, affine=affine, name_prefix=prefix)
    if isinstance(space, MobileSpace):
        return mobile_network(x, point, space, name_prefix=prefix)
    if has_function(space):
        return function_network(x, point, space, name_prefix=prefix)
    known = "cells, chains, layers with skip inputs or mobile networks"
    raise TypeError(f"Expected a supernet of {known}, got one of {type(space).__name__}.")


def _prefix(model: PathModel, layer: PathSupernet) -> str:
    """What the names of a supernet's layers begin with: several of them must not have the same ones."""
    return f"{layer.name}_" if len(model.supernets) > 1 else ""


def _alone(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors
