"""Progressive shrinking: the phases in which an elastic supernet learns, and what each of them samples.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section
3.3 and appendix B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autonas_keras.spaces import Architecture, Choice, Option, Space
from autonas_keras.training.sampling import Sampling

# Epochs of the phases as published, and learning rates in relation to that of the full network. Those published, 2.6 for
# the full network and 0.96, 0.08 and 0.24, are of the sum of the two losses of distillation; here is their mean.
FULL, KERNEL, FIRST, SECOND = 180, 125, 25, 125
KERNEL_RATE, FIRST_RATE, SECOND_RATE = 0.74, 0.06, 0.18
ALL = 1_000_000  # more options than any choice has


@dataclass(frozen=True)
class Phase:
    """A part of progressive shrinking.

    Attributes:
        name: "full", "kernel", "depth_1", "depth_2", "expansion_1" or "expansion_2".
        open: For each kind of choice how many of its largest options are sampled; all of a kind that is not named.
        paths: Architectures in a step.
        length: Epochs in relation to those of the other phases.
        rate: Learning rate at the start in relation to that of the first phase.
        sorts: Whether the channels inside blocks are sorted by importance before it.
    """

    name: str
    open: Mapping[str, int]
    paths: int
    length: int
    rate: float
    sorts: bool = False

    def options(self, choice: Choice) -> tuple[Option, ...]:
        """The options of a choice that are sampled."""
        return choice.options[-self.open.get(kind_of(choice.name), ALL) :]


def kind_of(name: str) -> str:
    """What a choice of a mobile space is about: "resolution", "width", "depth", "kernel" or "expansion"."""
    return name.rsplit("/", 1)[-1]


def shrinking_phases(space: Space) -> list[Phase]:
    """The phases for a space of mobile networks: the full network, then kernels, depths, expansions together with widths.

    The last two first open the second largest options, then all. Phases without anything to open are left out;
    resolutions are sampled from the start.

    Args:
        space: A mobile space, or one joined of such.
    """
    most: dict[str, int] = {}
    for choice in space.named.values():
        kind = kind_of(choice.name)
        most[kind] = max(most.get(kind, 1), len(choice.options))
    opened = {"kernel": 1, "depth": 1, "expansion": 1, "width": 1}
    phases = [Phase("full", dict(opened), 1, FULL, 1.0)]
    if most.get("kernel", 1) > 1:
        opened["kernel"] = ALL
        phases.append(Phase("kernel", dict(opened), 1, KERNEL, KERNEL_RATE))
    for name, kinds, paths in (("depth", ("depth",), 2), ("expansion", ("expansion", "width"), 4)):
        options = max(most.get(kind, 1) for kind in kinds)
        sorts = name == "expansion"
        if options > 2:
            opened |= dict.fromkeys(kinds, 2)
            phases.append(Phase(f"{name}_1", dict(opened), paths, FIRST, FIRST_RATE, sorts))
        if options > 1:
            opened |= dict.fromkeys(kinds, ALL)
            phases.append(Phase(f"{name}_2", dict(opened), paths, SECOND, SECOND_RATE, sorts))
    return phases


def phase_epochs(phases: Sequence[Phase], epochs: int) -> list[int]:
    """Epochs of each phase, one at least, that are ``epochs`` together.

    Raises:
        ValueError: When there are fewer epochs than phases.
    """
    if epochs < len(phases):
        raise ValueError(
            f"Expected search_epochs of at least {len(phases)}, one for each phase of progressive shrinking, got {epochs}."
        )
    lengths = np.array([phase.length for phase in phases], float)
    shares = lengths / lengths.sum() * (epochs - len(phases))
    found = 1 + np.floor(shares).astype(int)
    # What rounding left goes where most of it is missing.
    order = np.argsort(np.floor(shares) - shares, kind="stable")
    found[order[: epochs - int(found.sum())]] += 1
    return found.tolist()


class ShrinkingSampling(Sampling):
    """Every decision uniform over the options that a phase has opened.

    Args:
        space: What is sampled.
        seed: Any integer that is not negative.
        phase: The phase.
    """

    def __init__(self, space: Space, seed: int, phase: Phase) -> None:
        super().__init__(space, seed)
        self.paths = phase.paths
        self._options = {name: phase.options(choice) for name, choice in space.named.items()}

    def step(self, rng: np.random.Generator) -> list[Architecture]:
        return [self._draw(rng) for _ in range(self.paths)]

    def _draw(self, rng: np.random.Generator) -> Architecture:
        draws = rng.random(len(self._options)).tolist()
        drawn = {
            name: options[int(draw * len(options))]
            for (name, options), draw in zip(self._options.items(), draws, strict=True)
        }
        return self.space.complete(drawn, rng)
