"""Spaces of chains: layers one after another, each of which takes one of several blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from autonas_keras.checks import check_count
from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.space import Space

MACRO_OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
SPOS_OPERATIONS = ("shuffle_k3", "shuffle_k5", "shuffle_k7", "shuffle_xception")
ACTIVATIONS = ("relu", "relu6")

_PATTERNS = (
    ("mbconv", re.compile(r"mbconv_k(?P<kernel>\d+)_e(?P<expansion>\d+)")),
    ("mbconv", re.compile(r"mb(?P<expansion>\d+)_k(?P<kernel>\d+)")),
    ("shuffle", re.compile(r"shuffle_k(?P<kernel>\d+)")),
)


_WORD = re.compile(r"(?P<name>\w+)(:(?P<width>\d+\.?\d*))?(@(?P<weights>\d+),(?P<activations>\d+))?")


class Block(NamedTuple):
    """What the name of a block says.

    Attributes:
        family: "identity", "mbconv", "shuffle" or "xception".
        kernel: Size of the depthwise kernels, 0 for none.
        expansion: Channels inside an "mbconv" as a multiple of those it reads, 0 for other families.
    """

    family: str
    kernel: int = 0
    expansion: int = 0

    @property
    def elastic(self) -> bool:
        """Whether the channels inside the block may be chosen."""
        return self.family != "identity" and self.expansion != 1

    def hidden(self, read: int, given: int, width: float = 1.0) -> int:
        """Channels inside the block when it reads ``read`` and gives ``given`` channels.

        Args:
            read: Channels of the input.
            given: Channels of the output.
            width: Multiple of the channels that the block has by itself.
        """
        if not self.elastic:
            return read
        own = read * self.expansion if self.family == "mbconv" else given // 2
        return max(1, int(own * width + 0.5))


def parse_block(name: str) -> Block:
    """The block of a name: "identity", "mbconv_k3_e6" (or "mb6_k3"), "shuffle_k5", "shuffle_xception".

    Raises:
        ValueError: When the name is none of these, or its kernel is even or its expansion 0.
    """
    if name == "identity":
        return Block("identity")
    if name == "shuffle_xception":
        return Block("xception", 3)
    for family, pattern in _PATTERNS:
        if match := pattern.fullmatch(str(name)):
            sizes = {key: int(value) for key, value in match.groupdict().items()}
            if sizes["kernel"] % 2 and sizes.get("expansion", 1):
                return Block(family, **sizes)
    raise ValueError(
        'Expected blocks such as "identity", "mbconv_k3_e6", "shuffle_k5" or "shuffle_xception", with an odd kernel k '
        f"and an expansion e of 1 or more, got {name!r}."
    )


class ChainLayer(NamedTuple):
    """A place of a chain.

    Attributes:
        name: Name of its choice, "layer_1" and so on.
        read: Channels of the input.
        given: Channels of the output.
        strides: 1, or 2 where the resolution is halved.
    """

    name: str
    read: int
    given: int
    strides: int

    @property
    def keeps_shape(self) -> bool:
        """Whether output and input have the same shape."""
        return self.strides == 1 and self.read == self.given

    @property
    def width_name(self) -> str:
        """Name of the choice of the channels inside."""
        return self.name.replace("layer", "width")

    @property
    def bits_names(self) -> tuple[str, str]:
        """Names of the choices of the bits of weights and of activations."""
        return self.name.replace("layer", "weight_bits"), self.name.replace("layer", "activation_bits")

    def choosable(self, block: Block) -> tuple[bool, bool]:
        """Whether a block at this place has channels inside to choose, and weights whose bits to choose."""
        return block.elastic, not (block.family == "identity" and self.keeps_shape)


class ChainSpace(Space):
    """The space of networks whose layers follow one another, each of them one of several blocks.

    A layer that changes the shape has a form of every block that does so; that of "identity" is a 1x1 convolution.

    Args:
        operations: Candidate blocks of every layer by name: "identity"; "mbconv_k3_e6", an inverted residual of kernel
            3 and expansion 6; "shuffle_k3", a unit of ShuffleNetV2; "shuffle_xception", the unit with three of its
            convolutions.
        stages: (layers, channels, strides of the first layer) for each stage.
        stem: Channels of the 3x3 convolution in front.
        stem_strides: Strides of that convolution, 1 or 2.
        tail: Channels of the 1x1 convolution at the end, 0 for none.
        activation: "relu" or "relu6".
        widths: Candidates for the channels inside a block, as multiples of those it has by itself; none by default.
        bits: Candidates for the bits of a block's weights, and of its activations; none by default, which is floating
            point. Stem and tail stay in floating point.

    Raises:
        ValueError: When a block is unknown or has no form for a layer, or a number is out of range.

    Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, section
    3.3; Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, section 4.
    """

    operations: tuple[str, ...]
    stages: tuple[tuple[int, int, int], ...]
    stem: int
    stem_strides: int
    tail: int
    activation: str
    widths: tuple[float, ...]
    bits: tuple[int, ...]

    def __init__(
        self,
        operations: Sequence[str],
        stages: Sequence[Sequence[int]],
        stem: int = 16,
        stem_strides: int = 1,
        tail: int = 0,
        activation: str = "relu6",
        widths: Sequence[float] = (),
        bits: Sequence[int] = (),
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"Expected an activation of {ACTIVATIONS}, got {activation!r}.")
        fields: dict[str, Any] = {
            "operations": tuple(str(name) for name in operations),
            "stages": tuple(_stage(stage) for stage in stages),
            "stem": check_count("stem", stem),
            "stem_strides": _strides(stem_strides),
            "tail": tail if tail == 0 else check_count("tail", tail),
            "activation": activation,
            "widths": _widths(widths),
            "bits": _bits(bits),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        blocks = {name: parse_block(name) for name in self.operations}
        if not blocks or not self.stages or len(set(blocks.values())) < len(self.operations):
            raise ValueError(
                f"Expected at least one stage and one block, no block twice, got stages {list(self.stages)} and "
                f"blocks {list(self.operations)}."
            )
        self._check_shuffle(blocks)
        super().__init__(tuple(choice for layer in self.layers for choice in self._choices(layer, blocks)))

    @classmethod
    def nasbench_macro(cls, channels: int = 32, **changes: Any) -> ChainSpace:
        """Eight layers of an identity or one of two inverted residuals, 6,561 architectures; 32 channels as published.

        Choices and options are those of ``ank.nasbench.NasBenchMacro``, which therefore knows its architectures.
        """
        channels = check_count("channels", channels)
        config = {
            "operations": MACRO_OPERATIONS,
            "stages": ((2, 2 * channels, 2), (3, 4 * channels, 2), (3, 8 * channels, 2)),
            "stem": channels,
            "tail": 40 * channels,
            "activation": "relu",
        }
        return cls(**{**config, **changes})

    @classmethod
    def spos(
        cls,
        channels: Sequence[int] = (16, 64, 160, 320, 640, 1024),
        strides: Sequence[int] = (1, 2, 2, 2, 2),
        **changes: Any,
    ) -> ChainSpace:
        """Twenty layers of four shuffle units, 1.1e12 architectures.

        Args:
            channels: Of the stem, the four stages and the tail; as published by default.
            strides: Of the stem and the first layers of the stages; the stem has 2 for the published 224 pixels.
            **changes: Other arguments of ``ChainSpace``, such as ``widths``.
        """
        if len(channels) != 6 or len(strides) != 5:
            raise ValueError(
                f"Expected six channels and five strides, got {len(channels)} and {len(strides)}; they are those of "
                "the stem, four stages and, for the channels, the tail."
            )
        config = {
            "operations": SPOS_OPERATIONS,
            "stages": tuple(zip((4, 4, 8, 4), channels[1:-1], strides[1:], strict=True)),
            "stem": channels[0],
            "stem_strides": strides[0],
            "tail": channels[-1],
            "activation": "relu",
        }
        return cls(**{**config, **changes})

    def resized(self, factor: float = 1.0) -> ChainSpace:
        """The same decisions in a network of ``factor`` times the channels, rounded to multiples of 4."""

        def scaled(channels: int) -> int:
            return channels if factor == 1 else max(4, 4 * int(channels * factor / 4 + 0.5))

        stages = [(layers, scaled(channels), strides) for layers, channels, strides in self.stages]
        tail = scaled(self.tail) if self.tail else 0
        return type(self)(**{**self.get_config(), "stages": stages, "stem": scaled(self.stem), "tail": tail})

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``ChainSpace(**config)``."""
        return {
            "operations": list(self.operations),
            "stages": [list(stage) for stage in self.stages],
            "stem": self.stem,
            "stem_strides": self.stem_strides,
            "tail": self.tail,
            "activation": self.activation,
            "widths": list(self.widths),
            "bits": list(self.bits),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChainSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.operations, self.stages, self.stem, self.tail, self.widths, self.bits))

    def __repr__(self) -> str:
        return f"ChainSpace({', '.join(f'{name}={value!r}' for name, value in self.get_config().items())})"

    @cached_property
    def layers(self) -> tuple[ChainLayer, ...]:
        """All layers in their order, with the channels they read and give."""
        layers: list[ChainLayer] = []
        read = self.stem
        for count, given, strides in self.stages:
            for position in range(count):
                step = strides if position == 0 else 1
                layers.append(ChainLayer(f"layer_{len(layers) + 1}", read, given, step))
                read = given
        return tuple(layers)

    @property
    def features(self) -> int:
        """Channels of what the network gives."""
        return self.tail or self.layers[-1].given

    @property
    def reduction(self) -> int:
        """Factor by which the network divides the resolution."""
        return int(np.prod([self.stem_strides, *(strides for _, _, strides in self.stages)]))

    def _choices(self, layer: ChainLayer, blocks: Mapping[str, Block]) -> list[Choice]:
        children: dict[Option, tuple[Choice, ...]] = {}
        for name, block in blocks.items():
            elastic, weighted = layer.choosable(block)
            widths = [Choice(layer.width_name, self.widths)] if self.widths and elastic else []
            bits = [Choice(part, self.bits) for part in layer.bits_names] if self.bits and weighted else []
            children[name] = (*widths, *bits)
        if len(set(children.values())) == 1:
            # What exists in any case needs no condition.
            return [Choice(layer.name, self.operations), *children[self.operations[0]]]
        return [Choice(layer.name, self.operations, {name: found for name, found in children.items() if found})]

    def _check_shuffle(self, blocks: Mapping[str, Block]) -> None:
        if not any(block.family in ("shuffle", "xception") for block in blocks.values()):
            return
        for layer in self.layers:
            if layer.given % 2 or (not layer.keeps_shape and layer.given <= layer.read):
                raise ValueError(
                    "Expected the channels of shuffle units to be even, and to grow wherever the shape changes, got "
                    f"{layer.read} before and {layer.given} after {layer.name} with strides {layer.strides}."
                )

    def block(self, architecture: Mapping[str, Option], layer: ChainLayer) -> tuple[str, float]:
        """The block of a layer that an architecture names, and the width inside it."""
        return str(architecture[layer.name]), float(architecture.get(layer.width_name, 1.0))

    def block_bits(self, architecture: Mapping[str, Option], layer: ChainLayer) -> tuple[int, int] | None:
        """The bits of weights and activations of a layer, None for floating point."""
        if layer.bits_names[0] not in architecture:
            return None
        weights, activations = (architecture[name] for name in layer.bits_names)
        return int(weights), int(activations)

    def describe(self, architecture: Mapping[str, Option]) -> str:
        """The blocks in their order: "22212202" with those of NAS-Bench-Macro, else "shuffle_k3:0.5@4,8 identity".

        Behind the colon stands the width, behind the "@" the bits of weights and activations.
        """
        point = self.architecture(architecture)
        if self._has_digits:
            return "".join(str(self.operations.index(str(point[layer.name]))) for layer in self.layers)
        words = []
        for layer in self.layers:
            width = f":{point[layer.width_name]}" if layer.width_name in point else ""
            bits = self.block_bits(point, layer)
            words.append(f"{point[layer.name]}{width}{'' if bits is None else f'@{bits[0]},{bits[1]}'}")
        return " ".join(words)

    def parse(self, text: str) -> Architecture:
        """The architecture that a text names: what ``describe`` gives, or JSON.

        Raises:
            ValueError: When the text has another number of layers, or names no point of this space.
        """
        text = text.strip()
        if text.startswith("{"):
            return Architecture.from_json(text, self)
        words = list(text) if self._has_digits else text.split()
        if len(words) != len(self.layers):
            raise ValueError(f"Expected {len(self.layers)} layers, got {len(words)} in {text[:80]!r}.")
        decisions: dict[str, Option] = {}
        for layer, word in zip(self.layers, words, strict=True):
            found = _WORD.fullmatch(word)
            if found is None:
                raise ValueError(f"Expected words such as shuffle_k3, shuffle_k3:0.5 or shuffle_k3@4,8, got {word!r}.")
            name = found["name"]
            decisions[layer.name] = self.operations[int(name)] if self._has_digits and name in "012" else name
            if found["width"]:
                decisions[layer.width_name] = float(found["width"])
            if found["weights"]:
                weights, activations = layer.bits_names
                decisions |= {weights: int(found["weights"]), activations: int(found["activations"])}
        return self.architecture(decisions)

    @property
    def _has_digits(self) -> bool:
        return self.operations == MACRO_OPERATIONS and not self.widths and not self.bits


def _strides(value: Any) -> int:
    if value not in (1, 2):
        raise ValueError(f"Expected strides of 1 or 2, got {value!r}.")
    return int(value)


def _stage(stage: Sequence[int]) -> tuple[int, int, int]:
    if len(stage) != 3:
        raise ValueError(f"Expected stages of (layers, channels, strides), got {stage!r}.")
    return check_count("layers", stage[0]), check_count("channels", stage[1]), _strides(stage[2])


def _widths(widths: Sequence[float]) -> tuple[float, ...]:
    found = tuple(float(width) for width in widths)
    if len(set(found)) < len(found) or not all(0 < width <= 16 for width in found):
        raise ValueError(f"Expected widths to be different multiples above 0 and up to 16, got {list(widths)}.")
    return found


def _bits(bits: Sequence[int]) -> tuple[int, ...]:
    found = tuple(check_count("bits", number) for number in bits)
    if len(set(found)) < len(found) or not all(number <= 16 for number in found):
        raise ValueError(f"Expected bits to be different numbers from 1 to 16, got {list(bits)}.")
    return found
