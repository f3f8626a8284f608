"""Which architectures the steps of a supernet train: what they are depends on the seed and the epoch alone.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling" (SPOS), ECCV 2020, section
3.2; Chu, Zhang, Xu, "FairNAS", ICCV 2021, algorithm 1; Yu, Huang, "Universally Slimmable Networks", ICCV 2019,
section 3.3 (sandwich rule).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from autonas_keras.spaces import Architecture, Option, Space

Steps = list[list[Architecture]]


class Sampling(ABC):
    """Gives the architectures of an epoch, ``paths`` for each step.

    Args:
        space: What is sampled.
        seed: Any integer that is not negative.
    """

    paths = 1

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, int(seed)

    def epoch(self, number: int, steps: int) -> Steps:
        """The architectures of each step of an epoch."""
        rng = np.random.default_rng([self.seed, 4, number])
        return [self.step(rng) for _ in range(steps)]

    @abstractmethod
    def step(self, rng: np.random.Generator) -> list[Architecture]:
        """The architectures of one step."""


class UniformSampling(Sampling):
    """Every decision uniform over its options.

    Args:
        space: What is sampled.
        seed: Any integer that is not negative.
        paths: Architectures in a step.
    """

    def __init__(self, space: Space, seed: int, paths: int = 1) -> None:
        super().__init__(space, seed)
        self.paths = paths

    def step(self, rng: np.random.Generator) -> list[Architecture]:
        return [self.space.sample(rng) for _ in range(self.paths)]


class FairSampling(Sampling):
    """As many architectures a step as the longest list of options, in which every option of each choice is trained.

    Each choice takes its options in a random order; one of fewer options starts again.

    Reference: Chu, Zhang, Xu, ICCV 2021, definition 2 (strict fairness).
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.paths = max(len(choice.options) for choice in space.named.values())

    def step(self, rng: np.random.Generator) -> list[Architecture]:
        orders = {name: rng.permutation(len(choice.options)) for name, choice in self.space.named.items()}
        return [
            self.space.complete(
                {name: self.space.named[name].options[order[path % len(order)]] for name, order in orders.items()}, rng
            )
            for path in range(self.paths)
        ]


class SandwichSampling(Sampling):
    """The largest architecture first, then the smallest, then random ones.

    Args:
        space: What is sampled.
        seed: Any integer that is not negative.
        largest: The architecture whose predictions the others learn from.
        smallest: The one that bounds the others from below.
        random: Random ones in each step.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        largest: Mapping[str, Option],
        smallest: Mapping[str, Option],
        random: int = 2,
    ) -> None:
        super().__init__(space, seed)
        self.ends = [space.architecture(largest), space.architecture(smallest)]
        self.random, self.paths = random, random + 2

    def step(self, rng: np.random.Generator) -> list[Architecture]:
        return [*self.ends, *(self.space.sample(rng) for _ in range(self.random))]
