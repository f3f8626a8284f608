"""The mobile space: stages of inverted residuals of elastic depth, width, kernel, expansion and resolution.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3.2;
Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020, table 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.mobile_plan import ACTIVATIONS, MobileBlock, MobilePlan, hidden_channels, squeezed_channels
from autonas_keras.spaces.space import Space

Numbers = tuple[Any, ...]


class MobileSpace(Space):
    """The space of networks of inverted residuals.

    Each stage has a number of blocks and a width, each block a kernel and an expansion, the ratio of its hidden to its
    input channels; blocks beyond the depth do not exist. An argument with a single option is no choice. What is
    given for stages is given once for all of them, or in a sequence of one entry for each stage.

    Args:
        widths: Channels of each stage: for each stage a number, or the options.
        depths: Options of the number of blocks of a stage.
        kernels: Options of the sides of a block's depthwise kernel, odd.
        expansions: Options of a block's expansion. A stage that has 1 only is without the first convolution.
        strides: Stride of the first block of each stage, 1 or 2.
        stem: Channels of the 3x3 convolution in front, a number or options.
        stem_stride: Its stride, 1 or 2.
        head: Channels of the 1x1 convolution at the end, which have to be fixed, for a classifier reads them; None
            for none.
        resolutions: Options of the shorter side of the images in pixels; none for images as they come.
        activations: "relu", "relu6", "swish" or "hard_swish" for the blocks of a stage; stem and head take those of
            the first and the last one.
        squeeze: Whether the blocks of a stage have squeeze-excitation.

    Raises:
        ValueError: When an argument is out of range, there is nothing to choose, or the last stage's width is a
            choice and there is no head.

    Reference: Cai et al., ICLR 2020, section 3.2; Yu et al., ECCV 2020, table 2; Howard et al., "Searching for
        MobileNetV3", ICCV 2019, section 5.
    """

    widths: tuple[Numbers, ...]
    depths: tuple[Numbers, ...]
    kernels: tuple[Numbers, ...]
    expansions: tuple[Numbers, ...]
    strides: tuple[int, ...]
    stem: Numbers
    stem_stride: int
    head: int | None
    resolutions: Numbers
    activations: tuple[str, ...]
    squeeze: tuple[bool, ...]

    def __init__(
        self,
        widths: Sequence[Any],
        depths: Sequence[Any] = (2, 3, 4),
        kernels: Sequence[Any] = (3, 5, 7),
        expansions: Sequence[Any] = (3, 4, 6),
        strides: int | Sequence[int] = 2,
        stem: int | Sequence[int] = 16,
        stem_stride: int = 1,
        head: int | None = None,
        resolutions: int | Sequence[int] = (),
        activations: str | Sequence[str] = "relu6",
        squeeze: bool | Sequence[bool] = False,
    ) -> None:
        stages = len(widths)
        if not stages:
            raise ValueError("Expected widths of at least one stage, got none.")
        fields: dict[str, Any] = {
            "widths": tuple(_numbers("widths", options) for options in widths),
            "depths": _per_stage("depths", depths, stages),
            "kernels": _per_stage("kernels", kernels, stages),
            "expansions": _per_stage("expansions", expansions, stages),
            "strides": _repeated("strides", strides, stages),
            "stem": _numbers("stem", stem),
            "stem_stride": stem_stride,
            "head": None if head is None else _numbers("head", head)[0],
            "resolutions": _numbers("resolutions", resolutions) if resolutions else (),
            "activations": _repeated("activations", activations, stages),
            "squeeze": tuple(bool(flag) for flag in _repeated("squeeze", squeeze, stages)),
        }
        for name in fields:
            object.__setattr__(self, name, fields[name])
        self._check()
        choices = [_choice("resolution", self.resolutions), _choice("stem/width", self.stem)]
        for stage in range(stages):
            choices += self._stage_choices(stage)
        found = tuple(choice for choice in choices if choice is not None)
        if not found:
            raise ValueError("Expected at least one argument with several options, got a single network.")
        super().__init__(found)

    def _check(self) -> None:
        for kernel in (kernel for kernels in self.kernels for kernel in kernels):
            if kernel % 2 == 0:
                raise ValueError(f"Expected odd kernels, got {kernel}.")
        for stride in (*self.strides, self.stem_stride):
            if isinstance(stride, bool) or stride not in (1, 2):
                raise ValueError(f"Expected strides of 1 or 2, got {stride!r}.")
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise ValueError(f"Expected an activation of {ACTIVATIONS}, got {name!r}.")
        if self.head is None and len(self.widths[-1]) > 1:
            raise ValueError(
                f"Expected a head, or one width of the last stage, got the widths {list(self.widths[-1])} and no head; "
                "a classifier reads features of one width."
            )

    # Presets for images of about 32 pixels on a processor

    @classmethod
    def ofa(cls, image_size: int = 32, **changes: Any) -> MobileSpace:
        """The decisions of Once-for-All: resolution, and depth, kernel and expansion of 5 stages after a fixed block.

        There are 2.2e19 networks of each resolution.
        """
        preset = {
            "widths": (12, 12, 16, 24, 32, 48),
            "depths": ((1,), *[(2, 3, 4)] * 5),
            "kernels": ((3,), *[(3, 5, 7)] * 5),
            "expansions": ((1,), *[(3, 4, 6)] * 5),
            "strides": (1, 2, 1, 2, 1, 1),
            "stem": 12,
            "stem_stride": 2,
            "head": 128,
            "resolutions": near_resolutions(image_size),
        }
        return cls(**{**preset, **changes})

    @classmethod
    def bignas(cls, image_size: int = 32, **changes: Any) -> MobileSpace:
        """The decisions of BigNAS: resolution, and depth, width, kernel and expansion of 5 stages after a plain one."""
        preset = {
            "widths": ((8, 12, 16), (12, 16), (16, 20, 24), (24, 32), (32, 40, 48), (48, 64)),
            "depths": ((1, 2), (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2)),
            "kernels": ((3,), *[(3, 5)] * 5),
            "expansions": ((1,), *[(3, 4, 6)] * 5),
            "strides": (1, 2, 1, 2, 1, 1),
            "stem": (12, 16),
            "stem_stride": 2,
            "head": 128,
            "resolutions": near_resolutions(image_size),
        }
        return cls(**{**preset, **changes})

    @classmethod
    def small(cls, image_size: int = 32, **changes: Any) -> MobileSpace:
        """Three stages whose largest network trains in seconds per epoch, with all decisions of BigNAS."""
        preset = {
            "widths": ((8, 12, 16), (16, 24, 32), (32, 48, 64)),
            "depths": ((1, 2), (1, 2, 3), (1, 2, 3)),
            "kernels": (3, 5),
            "expansions": (2, 3, 4),
            "strides": (1, 2, 2),
            "stem": (8, 12, 16),
            "stem_stride": 2,
            "head": 128,
            "resolutions": near_resolutions(image_size),
        }
        return cls(**{**preset, **changes})

    def resized(self, width: float = 1.0, resolutions: Sequence[int] | None = None) -> MobileSpace:
        """The same decisions in networks of other width or resolution.

        An architecture keeps its place: ``other.decode(space.encode(architecture))``.

        Args:
            width: Factor of all channels; two options that it makes the same are one channel apart.
            resolutions: As many options as before, None for the same ones.

        Raises:
            ValueError: When there are more or fewer resolutions than before.
        """
        sides = self.resolutions if resolutions is None else tuple(resolutions)
        if len(sides) != len(self.resolutions):
            raise ValueError(f"Expected {len(self.resolutions)} resolutions, got {len(sides)}.")

        def scaled(options: Numbers) -> list[int]:
            found: list[int] = []
            for option in options:
                found.append(max(1, round(option * width), *(n + 1 for n in found)))
            return found

        changes = {
            "widths": [scaled(options) for options in self.widths],
            "stem": scaled(self.stem),
            "head": None if self.head is None else scaled((self.head,))[0],
            "resolutions": list(sides),
        }
        return type(self)(**{**self.get_config(), **changes})

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``MobileSpace(**config)``."""
        config: dict[str, Any] = {
            name: [list(options) for options in getattr(self, name)]
            for name in ("widths", "depths", "kernels", "expansions")
        }
        config |= {name: list(getattr(self, name)) for name in ("strides", "stem", "resolutions")}
        config |= {"stem_stride": self.stem_stride, "head": self.head}
        return config | {name: list(getattr(self, name)) for name in ("activations", "squeeze")}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MobileSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(
            (self.widths, self.depths, self.kernels, self.expansions, self.strides, self.stem, self.resolutions)
        )

    def __repr__(self) -> str:
        return f"MobileSpace({', '.join(f'{name}={value!r}' for name, value in self.get_config().items())})"

    def _stage_choices(self, stage: int) -> list[Choice | None]:
        depths = self.depths[stage]
        blocks = [self._block_choices(stage, block) for block in range(depths[-1])]
        always = [choice for block in blocks[: depths[0]] for choice in block]
        # A block hangs under every depth that has it.
        children = {depth: tuple(c for block in blocks[depths[0] : depth] for c in block) for depth in depths}
        return [
            _choice(f"stage_{stage}/width", self.widths[stage]),
            *always,
            _choice(f"stage_{stage}/depth", depths, {d: found for d, found in children.items() if found}),
        ]

    def _block_choices(self, stage: int, block: int) -> list[Choice]:
        here = f"stage_{stage}/block_{block}"
        found = (
            _choice(f"{here}/kernel", self.kernels[stage]),
            _choice(f"{here}/expansion", self.expansions[stage]),
        )
        return [choice for choice in found if choice is not None]

    # Single networks

    def smallest(self) -> Architecture:
        """The network that takes the least option everywhere."""
        return self.default()

    def largest(self) -> Architecture:
        """The network that takes the greatest option everywhere."""
        return self._make(lambda choice: choice.options[-1])

    def plan(self, architecture: Mapping[str, Option]) -> MobilePlan:
        """The sizes of the network of an architecture, which is not checked."""

        def taken(name: str, options: Numbers) -> Any:
            return architecture[name] if len(options) > 1 else options[0]

        stages = []
        stem = inputs = taken("stem/width", self.stem)
        for stage, options in enumerate(self.widths):
            width, blocks = taken(f"stage_{stage}/width", options), []
            for number in range(taken(f"stage_{stage}/depth", self.depths[stage])):
                here = f"stage_{stage}/block_{number}"
                expansion = taken(f"{here}/expansion", self.expansions[stage])
                hidden = hidden_channels(inputs, expansion)
                blocks.append(
                    MobileBlock(
                        inputs=inputs,
                        hidden=hidden,
                        outputs=width,
                        kernel=taken(f"{here}/kernel", self.kernels[stage]),
                        stride=self.strides[stage] if number == 0 else 1,
                        expands=self.expands(stage),
                        residual=number > 0,
                        squeezed=squeezed_channels(hidden) if self.squeeze[stage] else 0,
                        activation=self.activations[stage],
                    )
                )
                inputs = width
            stages.append(tuple(blocks))
        resolution = taken("resolution", self.resolutions) if self.resolutions else None
        return MobilePlan(resolution, stem, tuple(stages))

    def expands(self, stage: int) -> bool:
        """Whether the blocks of a stage begin with a 1x1 convolution."""
        return self.expansions[stage] != (1,)

    # Notation

    def describe(self, architecture: Mapping[str, Option]) -> str:
        """Parts of the network between bars: "r24 c16 | c24 k3e4 k5e6 | c128".

        First the resolution, if there is one, and the channels of the stem, then the channels of each stage with kernel
        and expansion of each block, and at last the channels of the head.
        """
        plan, point = self.plan(architecture), architecture
        parts = [f"c{plan.stem}" if plan.resolution is None else f"r{plan.resolution} c{plan.stem}"]
        for stage, blocks in enumerate(plan.stages):
            words = [f"c{blocks[0].outputs}"]
            for number, block in enumerate(blocks):
                fixed = self.expansions[stage][0]
                expansion = point.get(f"stage_{stage}/block_{number}/expansion", fixed)
                words.append(f"k{block.kernel}e{expansion:g}")
            parts.append(" ".join(words))
        return " | ".join(parts if self.head is None else [*parts, f"c{self.head}"])

    def parse(self, text: str) -> Architecture:
        """The architecture of this space that a text names, in the notation of ``describe`` or JSON.

        Raises:
            ValueError: When the text is neither, or names no point of this space.
        """
        text = text.strip()
        if text.startswith("{"):
            return Architecture.from_json(text, self)
        decisions: dict[str, Option] = {}
        parts = [part.split() for part in text.split("|")]
        for number, words in enumerate(parts):
            stage, block = f"stage_{number - 1}", 0
            for word in words:
                match = re.fullmatch(r"([rc])(\d+)|k(\d+)e(\d+(?:\.\d+)?)", word)
                if match is None:
                    raise ValueError(f"Expected words such as r24, c16 and k3e4 between bars, got {word!r}.")
                if match[1]:
                    name = "resolution" if match[1] == "r" else "stem/width" if number == 0 else f"{stage}/width"
                    decisions[name] = int(match[2])
                    continue
                decisions |= {f"{stage}/block_{block}/kernel": int(match[3])}
                decisions |= {f"{stage}/block_{block}/expansion": float(match[4])}
                block += 1
                decisions[f"{stage}/depth"] = block
        point = self.architecture({name: option for name, option in decisions.items() if name in self.named})
        # Decisions that are none in this space are not checked by ``architecture``.
        own = self.describe(point)
        if [part.split() for part in own.split("|")] != parts:
            raise ValueError(f"Expected a network of this space such as {own!r}, got {text!r}.")
        return point


def near_resolutions(image_size: int) -> tuple[int, ...]:
    """Four options from the next multiple of four downwards, 12 pixels apart in all."""
    largest = -(-int(image_size) // 4) * 4
    return tuple(side for side in range(largest - 12, largest + 1, 4) if side >= 4)


def _choice(name: str, options: Numbers, children: Mapping[Option, tuple[Choice, ...]] | None = None) -> Choice | None:
    return Choice(name, options, children or ()) if len(options) > 1 else None


def _numbers(name: str, value: Any) -> Numbers:
    """Options in ascending order: positive integers, or positive numbers for expansions."""
    given = tuple(value) if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) else (value,)
    whole = name != "expansions" or all(isinstance(option, (int, np.integer)) for option in given)
    kinds: tuple[Any, ...] = (int, np.integer) if whole else (Real,)
    if not given or any(isinstance(n, bool) or not isinstance(n, kinds) or not n > 0 for n in given):
        kind = "positive integers" if name != "expansions" else "positive numbers"
        raise ValueError(f"Expected the options of {name} to be {kind}, got {value!r}.")
    if len(set(given)) < len(given):
        raise ValueError(f"Expected the options of {name} to be unique, got {list(given)}.")
    return tuple(sorted(int(option) if whole else float(option) for option in given))


def _per_stage(name: str, value: Any, stages: int) -> tuple[Numbers, ...]:
    """Options of each stage, given once for all of them or in a sequence of sequences."""
    nested = isinstance(value, Sequence) and any(isinstance(entry, Sequence) for entry in value)
    if not nested:
        return (_numbers(name, value),) * stages
    if len(value) != stages:
        raise ValueError(f"Expected {name} for each of {stages} stages, got {len(value)} entries.")
    return tuple(_numbers(name, options) for options in value)


def _repeated(name: str, value: Any, stages: int) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (value,) * stages
    if len(value) != stages:
        raise ValueError(f"Expected {name} for each of {stages} stages, got {len(value)} entries.")
    return tuple(value)
