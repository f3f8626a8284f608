"""A network computed layer by layer, as what reads untrained networks needs it; nothing of the model changes.

Each network is new there, so that a trace costs more than it saves, and half of an eager call is what Keras does around
a layer. So the layers' own ``call`` is used, and what happens at a normalisation is said by the caller.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import keras
import tensorflow as tf

NORMALISATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.UnitNormalization,
    keras.layers.Normalization,
    keras.layers.Rescaling,
)
Visit = Callable[[Any, Any], None]


def run_layers(model: keras.Model, inputs: list[tf.Tensor], normalise: Callable[..., Any], visit: Visit | None) -> Any:
    """The output of a functional model, one layer after another.

    Args:
        model: The model; a softmax at its end is left out inside ``linear_end``.
        inputs: A tensor for each of its inputs.
        normalise: Function of a normalisation layer and what it reads.
        visit: Called with each layer or operation and what it gave.
    """

    def apply(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(operation, keras.Model):
            return run_layers(functional(operation), keras.tree.flatten(args[0]), normalise, visit)
        if isinstance(operation, NORMALISATIONS):
            return keras.tree.map_structure(_as(args), normalise(operation, args[0]))
        known = _arguments(operation.__class__)
        kwargs = {name: value for name, value in kwargs.items() if name in known or value is not None}
        result = operation.call(*args, **{**kwargs, **({"training": False} if "training" in known else {})})
        if visit is not None:
            visit(operation, result)
        return keras.tree.map_structure(_as(args), result)

    # Keras's own loop over the graph of a model, which has no public name.
    return model._run_through_graph(inputs, operation_fn=lambda operation: partial(apply, operation))


def functional(model: keras.Model) -> keras.Model:
    """The model with the graph of its layers.

    Raises:
        ValueError: When it has none.
    """
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs, model.outputs)
    if not hasattr(model, "_run_through_graph"):
        raise ValueError(f"Expected a built functional or sequential model, got {type(model).__name__}.")
    return model


def batch_statistics(layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    """A normalisation as in the first step of a training, by the statistics of the batch."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return layer.call(x)
    if len(x.shape) != 4 or layer.axis not in (-1, 3) or x.dtype != tf.float32:
        return layer.call(x, training=True)
    channels = x.shape[-1]
    scale = tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones(channels)
    offset = tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros(channels)
    # One kernel for what are ten operations otherwise.
    return tf.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=layer.epsilon, is_training=True)[0]


def unchanged(layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    """A normalisation that is left out; of a rescaling the factor stays, by which an operation "none" is zero."""
    return x * tf.cast(layer.scale, x.dtype) if isinstance(layer, keras.layers.Rescaling) else x


@contextmanager
def linear_end(model: keras.Model) -> Iterator[keras.Model]:
    """The model with its logits for outputs, inside: softmax and sigmoid at its end are left out."""
    ends, outputs = [], []
    for tensor in model.outputs:
        while isinstance(layer := tensor._keras_history.operation, keras.layers.Softmax | keras.layers.Activation):
            tensor = layer.input
        outputs.append(tensor)
        if hasattr(layer, "activation"):
            ends.append((layer, layer.activation))
    try:
        for layer, _ in ends:
            layer.activation = keras.activations.linear
        same = all(a is b for a, b in zip(outputs, model.outputs, strict=True))
        yield functional(model) if same else keras.Model(model.inputs, outputs)
    finally:
        for layer, activation in ends:
            layer.activation = activation


@contextmanager
def unbounded(model: keras.Model) -> Iterator[None]:
    """Rectifiers without an upper bound, inside: a flow that is never normalised passes any bound, and stops there."""
    bounded = [layer for layer in _every_layer(model) if getattr(layer, "max_value", None) is not None]
    named = [layer for layer in _every_layer(model) if getattr(layer, "activation", None) is keras.activations.relu6]
    bounds = [layer.max_value for layer in bounded]
    try:
        for layer in bounded:
            layer.max_value = None
        for layer in named:
            layer.activation = keras.activations.relu
        yield
    finally:
        for layer, bound in zip(bounded, bounds, strict=True):
            layer.max_value = bound
        for layer in named:
            layer.activation = keras.activations.relu6


def _every_layer(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _every_layer(layer)
        else:
            yield layer


def _as(args: Any) -> Callable[[Any], Any]:
    """Casts floating results to the dtype of the first floating argument: some layers turn to their own."""
    floating = [part.dtype for part in keras.tree.flatten(args) if tf.is_tensor(part) and part.dtype.is_floating]

    def cast(result: Any) -> Any:
        if not floating or not tf.is_tensor(result) or not result.dtype.is_floating:
            return result
        return tf.cast(result, floating[0])

    return cast


@cache
def _arguments(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.call).parameters)
