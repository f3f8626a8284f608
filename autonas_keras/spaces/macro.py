"""The macro space of ENAS: a chain of layers that take an operation each, and skip inputs from any layers before.

Reference: Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018,
section 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from autonas_keras.checks import check_count
from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.space import Space

ENAS_MACRO_OPERATIONS = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")

_OPERATION = re.compile(r"(?P<family>conv|sep_conv|avg_pool|max_pool)_(?P<kernel>\d+)x(?P=kernel)")


class MacroOperation(NamedTuple):
    """What the name of an operation says.

    Attributes:
        family: "conv", "sep_conv", "avg_pool" or "max_pool".
        kernel: Size of its window.
    """

    family: str
    kernel: int


def parse_macro_operation(name: str) -> MacroOperation:
    """The operation of a name such as "conv_3x3", "sep_conv_5x5", "avg_pool_3x3" or "max_pool_3x3".

    Raises:
        ValueError: When the name is none of these, or its window is even.
    """
    found = _OPERATION.fullmatch(str(name))
    if found is None or int(found["kernel"]) % 2 == 0:
        raise ValueError(
            f"Expected operations such as conv_3x3, sep_conv_5x5, avg_pool_3x3 and max_pool_3x3, got {name!r}."
        )
    return MacroOperation(found["family"], int(found["kernel"]))


class MacroSpace(Space):
    """The space of networks whose every layer takes an operation and any of the layers before as skip inputs.

    A layer applies its operation to the output of the layer before it. Each layer but the first then joins the outputs
    of its skip inputs with its own. After each third of the layers but the last the resolution is halved.

    The choices are "layer_1" and so on, the operation of a layer, and "skip_1_3", whether layer 3 takes layer 1 as a
    skip input, for every pair of layers; in the order of ENAS's arcs.

    Args:
        operations: Candidate operations of every layer, "conv_3x3", "sep_conv_5x5", "avg_pool_3x3" and the like. Each
            begins with a 1x1 convolution, and a separable convolution is applied once.
        layers: Number of layers, 3 or more.
        channels: Of the stem and of the first third of the layers.
        growth: Factor by which the channels grow where the resolution is halved: 2 as in the published networks, 1 as
            in the published search.

    Raises:
        ValueError: When an operation is unknown, or a number is out of range.

    Reference: Pham et al., ICML 2018, section 2.3.
    """

    operations: tuple[str, ...]
    layers: int
    channels: int
    growth: int

    def __init__(self, operations: Sequence[str], layers: int, channels: int, growth: int = 2) -> None:
        fields: dict[str, Any] = {
            "operations": tuple(str(name) for name in operations),
            "layers": check_count("layers", layers, 3),
            "channels": check_count("channels", channels),
            "growth": check_count("growth", growth),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        found = {parse_macro_operation(name) for name in self.operations}
        if not found or len(found) < len(self.operations):
            raise ValueError(f"Expected at least one operation, and none twice, got {list(self.operations)}.")
        super().__init__(
            tuple(
                choice
                for layer in range(1, self.layers + 1)
                for choice in (
                    Choice(f"layer_{layer}", self.operations),
                    *(Choice(skip_name(source, layer), (False, True)) for source in range(1, layer)),
                )
            )
        )

    @classmethod
    def enas(cls, layers: int = 12, channels: int = 36, **changes: Any) -> MacroSpace:
        """Six operations and all skip inputs, 6^12 * 2^66 = 1.6e29 architectures for 12 layers.

        Args:
            layers: Number of layers; 12 in the published search, 24 in the published network.
            channels: Of the first layers; 36 in the published search, 96 in the published network.
            **changes: Other arguments of ``MacroSpace``.
        """
        return cls(**{"operations": ENAS_MACRO_OPERATIONS, "layers": layers, "channels": channels, **changes})

    def resized(self, factor: float = 1.0) -> MacroSpace:
        """The same decisions in a network of ``factor`` times the channels, rounded to multiples of 4."""
        channels = self.channels if factor == 1 else max(4, 4 * int(self.channels * factor / 4 + 0.5))
        return type(self)(**{**self.get_config(), "channels": channels})

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``MacroSpace(**config)``."""
        return {
            "operations": list(self.operations),
            "layers": self.layers,
            "channels": self.channels,
            "growth": self.growth,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MacroSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.operations, self.layers, self.channels, self.growth))

    def __repr__(self) -> str:
        return f"MacroSpace({', '.join(f'{name}={value!r}' for name, value in self.get_config().items())})"

    # The network

    @property
    def reductions(self) -> tuple[int, int]:
        """The layers after which the resolution is halved."""
        third = self.layers // 3
        return third, 2 * third

    def width(self, layer: int) -> int:
        """Channels of the output of a layer; 0 is the stem."""
        return self.channels * self.growth ** sum(reduction < layer for reduction in self.reductions)

    @property
    def features(self) -> int:
        """Channels of what the network gives."""
        return self.width(self.layers)

    @property
    def skip_names(self) -> list[str]:
        """The names of the choices of skip inputs."""
        return [name for name in self.named if name.startswith("skip_")]

    def operation(self, architecture: Mapping[str, Option], layer: int) -> str:
        """The operation of a layer."""
        return str(architecture[f"layer_{layer}"])

    def sources(self, architecture: Mapping[str, Option], layer: int) -> list[int]:
        """The skip inputs of a layer in their order."""
        return [source for source in range(1, layer) if architecture[skip_name(source, layer)]]

    def reduced(self, architecture: Mapping[str, Option], reduction: int) -> list[int]:
        """The layers whose output is read after a reduction: the last before it, and what later layers skip to."""
        later = {s for layer in range(reduction + 1, self.layers + 1) for s in self.sources(architecture, layer)}
        return [source for source in range(1, reduction + 1) if source == reduction or source in later]

    # Notations

    def arc(self, architecture: Mapping[str, Option]) -> list[int]:
        """The architecture as ENAS writes it: for each layer its operation, then for each layer before whether it skips.

        Operations are indices into ``operations``, which for ``enas`` are those of the authors.
        """
        return [int(index) for index in self.encode(architecture)]

    def describe(self, architecture: Mapping[str, Option]) -> str:
        """The arc as text: "0 3 0 0 1 0" are three layers, of which the third takes the first as a skip input."""
        return " ".join(str(number) for number in self.arc(architecture))

    def parse(self, text: str | Sequence[int]) -> Architecture:
        """The architecture of an arc, as numbers or as text, or of JSON.

        Raises:
            ValueError: When the arc has another length or a number is out of range, or the JSON names no point.
        """
        if isinstance(text, str) and text.strip().startswith("{"):
            return Architecture.from_json(text, self)
        words = re.findall(r"[^\s,\[\]]+", text) if isinstance(text, str) else [str(number) for number in text]
        if not all(word.isdecimal() for word in words):
            raise ValueError(f"Expected an arc of numbers such as '0 3 0 0 1 0', got {str(text)[:80]!r}.")
        if len(words) != len(self.choices):
            raise ValueError(
                f"Expected an arc of {len(self.choices)} numbers for {self.layers} layers, got {len(words)}."
            )
        return self.decode([int(word) for word in words])


def skip_name(source: int, layer: int) -> str:
    """Name of the choice whether ``layer`` takes ``source`` as a skip input."""
    return f"skip_{source}_{layer}"
