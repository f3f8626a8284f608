"""A small space whose network is a function: a choice under an option, a shared one, identity and none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import keras

from autonas_keras.layers import NETWORKS, Picker, layer_names
from autonas_keras.layers.names import layer_name
from autonas_keras.spaces import Choice, Option, Space


class ToySpace(Space):
    """Layers that are dense, with an activation of their own, or gated, or nothing much; one normalisation for all."""

    mixture_only: ClassVar[tuple[Option, ...]] = ("none",)

    def __init__(
        self, layers: int = 2, width: int = 4, operations: Sequence[str] = ("dense", "gate", "identity", "none")
    ) -> None:
        for name, value in {"layers": layers, "width": width, "operations": tuple(operations)}.items():
            object.__setattr__(self, name, value)
        super().__init__(
            (
                Choice("normalisation", ("batch", "layer", "without")),
                Choice("only", ("one",)),
                *(
                    Choice(
                        f"layer_{layer}",
                        self.operations,
                        {"dense": (Choice(f"activation_{layer}", ("tanh", "swish")),)},
                    )
                    for layer in range(1, layers + 1)
                ),
            )
        )

    layers: int
    width: int
    operations: tuple[str, ...]

    def get_config(self) -> dict[str, Any]:
        return {"layers": self.layers, "width": self.width, "operations": list(self.operations)}


def toy_network(x: Any, space: ToySpace, picker: Picker, name_prefix: str = "") -> Any:
    with layer_names(f"{name_prefix}stem"):
        h = first = keras.layers.Dense(space.width, name=layer_name("dense"))(x)
    h = picker.pick("only", h, {"one": _dense(space)})
    for layer in range(1, space.layers + 1):
        ways = {
            "dense": partial(_activated, layer, space, picker),
            "gate": partial(_gated, space, picker),
            "identity": lambda read: read[0],
            "none": lambda read: keras.ops.zeros_like(read[0]),
        }
        h = keras.ops.add(
            first, picker.pick(f"layer_{layer}", [h, first], {name: ways[name] for name in space.operations})
        )
    return _normalised(h, picker)


def _dense(space: ToySpace) -> Any:
    return lambda h: keras.layers.Dense(space.width, name=layer_name("dense"))(h)


def _activated(layer: int, space: ToySpace, picker: Picker, read: Any) -> Any:
    h = _normalised(_dense(space)(read[0]), picker)
    return picker.pick(f"activation_{layer}", h, {"tanh": keras.ops.tanh, "swish": keras.ops.swish})


def _gated(space: ToySpace, picker: Picker, read: Any) -> Any:
    h, first = read
    return keras.ops.multiply(_normalised(_dense(space)(h), picker), keras.ops.sigmoid(_dense(space)(first)))


def _normalised(h: Any, picker: Picker) -> Any:
    ways = {
        "batch": lambda y: keras.layers.BatchNormalization(name=layer_name("norm"))(y),
        "layer": lambda y: keras.layers.LayerNormalization(name=layer_name("norm"))(y),
        "without": lambda y: y,
    }
    return picker.pick("normalisation", h, ways)


NETWORKS[ToySpace] = toy_network
