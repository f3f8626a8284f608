"""Wider and deeper networks that compute what a trained network computes.

Reference: Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016 (Net2WiderNet and
Net2DeeperNet).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

# Layers that treat every channel by itself and keep their number; they have no weights.
BY_CHANNEL = (
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Activation,
    keras.layers.Identity,
    keras.layers.Rescaling,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Cropping2D,
    keras.layers.UpSampling2D,
)
MERGES = (keras.layers.Add, keras.layers.Average, keras.layers.Maximum, keras.layers.Multiply)
READERS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D)
RECTIFIED = ("relu", "relu6")
# Activations that treat every unit by itself; "" is of layers that have none.
ELEMENTWISE = {
    "", "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "swish", "gelu", "mish", "sigmoid",
    "hard_sigmoid", "log_sigmoid", "tanh", "hard_tanh", "softplus", "softsign", "exponential", "hard_silu", "hard_swish",
}  # fmt: skip


def widen(model: keras.Model, name: str, width: int, rng: np.random.Generator, noise: float = 0.0) -> keras.Model:
    """The model with more units in one layer, which computes the same (Net2WiderNet).

    New units repeat old ones, drawn by ``rng``, and what reads a repeated unit shares its weights out.

    Args:
        model: A functional or sequential model of stock layers, channels last; it stays as it is.
        name: A Dense, Conv1D or Conv2D layer of it.
        width: Its new units or filters.
        rng: Draws which units are repeated.
        noise: Deviation of what is added to the weights of new units, in relation to that of all, so that they learn
            different things without dropout; 0 keeps the function exactly.

    Raises:
        ValueError: When there is no such layer, it is not to be wider, is a convolution in groups, or its units meet a
            layer or an activation that mixes them in a way that is not known, such as a sum with others or the output.
    """
    layer = _layer(model, name, READERS)
    if getattr(layer, "groups", 1) != 1:
        raise ValueError(f"Expected a convolution without groups to widen, got {layer.groups} groups in {name!r}.")
    size = int(layer.kernel.shape[-1])
    if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width <= size:
        raise ValueError(f"Expected a width of more than the {size} units of {name!r}, got {width!r}.")
    origin = np.concatenate([np.arange(size), rng.integers(size, size=int(width) - size)])
    key = "units" if isinstance(layer, keras.layers.Dense) else "filters"
    functional = _functional(model)
    weights = _Widening(name, origin).weights(functional)  # refuses what cannot be wider
    wider = keras.models.clone_model(functional, clone_function=_with(name, {key: int(width)}))
    for other in wider.layers:
        if other.weights:
            other.set_weights(weights[other.name])
    if noise:
        kernel = keras.ops.convert_to_numpy(wider.get_layer(name).kernel)
        kernel[..., size:] += noise * kernel.std() * rng.standard_normal(kernel[..., size:].shape)
        wider.get_layer(name).kernel.assign(kernel)
    return wider


def deepen(model: keras.Model, name: str, kind: str = "conv", kernel_size: int = 3, norm: bool = False) -> keras.Model:
    """The model with one more layer, which computes the same (Net2DeeperNet).

    Behind a layer that ends in ReLU stands a new layer that passes everything on, and another ReLU, which changes
    nothing any more.

    Args:
        model: A functional or sequential model of stock layers, channels last; it stays as it is.
        name: A layer whose output is that of a ReLU.
        kind: "dense", "conv" or "depthwise": what the new layer is.
        kernel_size: Size of its kernel, odd.
        norm: Whether batch normalisation follows it, which at first changes nothing in inference.

    Raises:
        ValueError: When there is no such layer, it does not end in ReLU, or an argument is not of these.
    """
    functional = _functional(model)
    layer = _layer(functional, name, (keras.layers.Layer,))
    rectifies = isinstance(layer, keras.layers.ReLU) and not layer.negative_slope
    if not rectifies and _activation(layer) not in RECTIFIED:
        raise ValueError(f"Expected a layer that ends in ReLU to deepen a model behind, got {name!r}.")
    if kind not in ("dense", "conv", "depthwise"):
        raise ValueError(f"Expected a kind of 'dense', 'conv' or 'depthwise', got {kind!r}.")
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"Expected an odd kernel_size, got {kernel_size!r}.")
    added: list[keras.layers.Layer] = []
    free = _free_name(functional, f"{name}_deeper")

    def call(found: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        y = found(*args, **kwargs)
        if found.name != name:
            return y
        if not added:
            added.extend(_identity(kind, int(y.shape[-1]), kernel_size, norm, free))
        for part in added:
            y = part(y)
        return y

    deeper = keras.models.clone_model(functional, clone_function=_with(name, {}), call_function=call)
    for other in functional.layers:
        if other.weights:
            deeper.get_layer(other.name).set_weights(other.get_weights())
    for part in added:
        if isinstance(part, keras.layers.BatchNormalization):
            part.gamma.assign(np.sqrt(1 + part.epsilon) * np.ones(part.gamma.shape))
        elif part.weights:
            part.kernel.assign(identity_kernel(tuple(part.kernel.shape), kind == "depthwise"))
    return deeper


def identity_kernel(shape: tuple[int, ...], depthwise: bool = False) -> np.ndarray:
    """The kernel that passes every channel on.

    Args:
        shape: (in, out) of a dense layer, (height, width, in, out) of a convolution, (height, width, in, 1) of a
            depthwise one.
        depthwise: Whether it is a depthwise one.
    """
    kernel = np.zeros(shape, "float32")
    middle = tuple(size // 2 for size in shape[:-2])
    kernel[middle] = 1.0 if depthwise else np.eye(shape[-2], shape[-1])
    return kernel


def widened(weights: list[np.ndarray], layer: keras.layers.Layer, origin: np.ndarray, size: int) -> list[np.ndarray]:
    """The weights of a layer that reads units of which some are repeated.

    Args:
        weights: Its weights.
        layer: A stock layer.
        origin: For each unit that it reads now, which of the old ones it is.
        size: The number of old ones.

    Raises:
        ValueError: When it is not known how the layer treats its units.
    """
    counts = np.bincount(origin, minlength=size)[origin]
    if isinstance(layer, READERS) and getattr(layer, "groups", 1) == 1:
        kernel = weights[0].take(origin, axis=-2) / counts[:, None]
        return [kernel.astype(weights[0].dtype), *weights[1:]]
    if isinstance(layer, keras.layers.BatchNormalization) and layer.axis in (-1, len(layer.input.shape) - 1):
        return [weight[origin] for weight in weights]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return [weights[0].take(origin, axis=2), *(bias[spread(origin, layer)] for bias in weights[1:])]
    if isinstance(layer, keras.layers.SeparableConv2D):
        depthwise, pointwise = weights[0].take(origin, axis=2), weights[1]
        places = spread(origin, layer)
        shared = pointwise.take(places, axis=-2) / np.repeat(counts, layer.depth_multiplier)[:, None]
        return [depthwise, shared.astype(pointwise.dtype), *weights[2:]]
    raise ValueError(
        f"Expected layers that treat units one by one or read them all behind a wider one, got {layer.name!r}, a "
        f"{type(layer).__name__}; widen another layer."
    )


class _Widening:
    """Follows repeated units through a model.

    Args:
        name: The layer that is wider.
        origin: For each of its units, which of the old ones it repeats.
    """

    def __init__(self, name: str, origin: np.ndarray) -> None:
        self.name, self.origin = name, origin

    def weights(self, model: keras.Model) -> dict[str, list[np.ndarray]]:
        """The weights of all layers of the wider model."""
        origins: dict[int, np.ndarray] = {}
        found: dict[str, list[np.ndarray]] = {}
        for layer in model.layers:
            found[layer.name], read_before = layer.get_weights(), None
            for node in layer._inbound_nodes:
                if node.is_input or not any(id(tensor) in self._tensors(model) for tensor in node.outputs):
                    continue
                read = [origins.get(id(tensor)) for tensor in node.input_tensors]
                if layer.weights and read_before is not None and not all(map(_same, read, read_before)):
                    raise ValueError(
                        f"Expected a layer that reads the same units wherever it is used, got {layer.name!r}, of which "
                        f"{self.name!r} would widen some; widen another layer."
                    )
                read_before = read
                given = self._through(layer, node, read, found)
                if given is not None:
                    origins.update({id(tensor): given for tensor in node.outputs})
        if any(id(tensor) in origins for tensor in model.outputs):
            raise ValueError(
                f"Expected a layer before the last one to widen, got {self.name!r}, whose units are outputs."
            )
        _check_elementwise(model.get_layer(self.name))
        return found

    @staticmethod
    def _tensors(model: keras.Model) -> set[int]:
        return {id(tensor) for nodes in model._nodes_by_depth.values() for node in nodes for tensor in node.outputs}

    def _through(
        self, layer: Any, node: Any, read: list[np.ndarray | None], found: dict[str, list[np.ndarray]]
    ) -> np.ndarray | None:
        """What the units that a layer gives repeat, None when they are as before."""
        held = layer.get_weights()  # a layer that is used twice is widened once
        if layer.name == self.name:
            if any(origin is not None for origin in read):
                raise ValueError(f"Expected a layer that is used once to widen, got {self.name!r}.")
            found[layer.name] = [held[0][..., self.origin], *(bias[self.origin] for bias in held[1:])]
            return self.origin
        origin = next((part for part in read if part is not None), None)
        if origin is None:
            return None
        sizes = [int(tensor.shape[-1]) for tensor in node.input_tensors]
        if isinstance(layer, BY_CHANNEL) and np.ndim(getattr(layer, "scale", 0.0)) == 0:
            _check_elementwise(layer)
            return origin
        if isinstance(layer, keras.layers.Flatten):
            places = int(np.prod(node.input_tensors[0].shape[1:-1]))
            return (np.arange(places)[:, None] * sizes[0] + origin[None]).reshape(-1)
        if isinstance(layer, keras.layers.Concatenate) and layer.axis in (-1, len(node.outputs[0].shape) - 1):
            starts = np.cumsum([0, *sizes])
            parts = [np.arange(size) if part is None else part for part, size in zip(read, sizes, strict=True)]
            return np.concatenate([start + part for start, part in zip(starts, parts, strict=False)])
        if isinstance(layer, MERGES) and all(part is not None and np.array_equal(part, origin) for part in read):
            return origin
        found[layer.name] = widened(held, layer, origin, sizes[0])
        if isinstance(layer, keras.layers.BatchNormalization):
            return origin
        if not isinstance(layer, keras.layers.DepthwiseConv2D):
            return None
        _check_elementwise(layer)
        return spread(origin, layer)


def spread(origin: np.ndarray, layer: Any) -> np.ndarray:
    """What the outputs of a depthwise convolution repeat: each channel gives ``depth_multiplier`` of them."""
    times = layer.depth_multiplier
    return (origin[:, None] * times + np.arange(times)).reshape(-1)


def _identity(kind: str, channels: int, size: int, norm: bool, name: str) -> list[keras.layers.Layer]:
    makers: dict[str, Callable[[], keras.layers.Layer]] = {
        "dense": lambda: keras.layers.Dense(channels, name=name),
        "conv": lambda: keras.layers.Conv2D(channels, size, padding="same", use_bias=not norm, name=name),
        "depthwise": lambda: keras.layers.DepthwiseConv2D(size, padding="same", use_bias=not norm, name=name),
    }
    norms = [keras.layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=f"{name}_batch_norm")] if norm else []
    return [makers[kind](), *norms, keras.layers.ReLU(name=f"{name}_relu")]


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _check_elementwise(layer: Any) -> None:
    if (activation := _activation(layer)) not in ELEMENTWISE:
        raise ValueError(
            f"Expected an activation that treats units one by one at or behind a wider layer, got {activation!r} in "
            f"{layer.name!r}; widen another layer."
        )


def _activation(layer: Any) -> str:
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _with(name: str, changes: dict[str, Any]) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
    """Makes a layer as it is, the named one with changes."""

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return type(layer).from_config({**config, **(changes if layer.name == name else {})})

    return clone


def _functional(model: keras.Model) -> keras.Model:
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name)
    return model


def _layer(model: keras.Model, name: str, kinds: tuple[type, ...]) -> Any:
    found = next((layer for layer in model.layers if layer.name == name), None)
    if not isinstance(found, kinds):
        wanted = ", ".join(kind.__name__ for kind in kinds)
        got = "none" if found is None else f"a {type(found).__name__}"
        raise ValueError(f"Expected a layer named {name!r} of {wanted}, got {got}.")
    return found


def _free_name(model: keras.Model, name: str) -> str:
    known, count = {layer.name for layer in model.layers}, 1
    while f"{name}_{count}" in known:
        count += 1
    return f"{name}_{count}"
