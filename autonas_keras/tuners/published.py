"""Architectures that others found, trained without a search of one's own, or as the start of a short one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tree

from autonas_keras import oracles
from autonas_keras.blocks import Graph
from autonas_keras.spaces import DARTS_V1, DARTS_V2, Architecture, JoinedSpace, Space, get_space
from autonas_keras.tuners.limits import strongest_within
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.timed import enough_epochs
from autonas_keras.tuners.trials import TrialMethod, TrialTuner

# Of the table of NAS-Bench-201: 94.31 % after 200 epochs on CIFAR-10 at half the multiply-adds of the best one
# (94.37 %), that one, and 93.33 % at a quarter.
NASBENCH201 = (
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_1x1~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|",
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|skip_connect~2|",
)


def known_architectures(space: Space, seed: int) -> list[Architecture]:
    """Published architectures of a space, the best first; where none are known one that is drawn."""
    published: dict[str, tuple[Any, ...]] = {"darts": (DARTS_V2, DARTS_V1), "nasbench201": NASBENCH201}
    for name, found in published.items():
        if space.choices == get_space(name).choices:
            return [space.parse(str(text)) for text in found]  # type: ignore[attr-defined]
    return [space.sample(np.random.default_rng([seed, 10]))]


def known_points(space: JoinedSpace, seed: int) -> list[Architecture]:
    """The same for joined spaces: as many as the part of which most are known has."""
    known = {name: known_architectures(part, seed) for name, part in space.parts.items()}
    points = []
    for number in range(max(map(len, known.values()), default=0)):
        taken = {name: found[min(number, len(found) - 1)] for name, found in known.items()}
        points.append(
            space.architecture({f"{name}/{key}": option for name, one in taken.items() for key, option in one.items()})
        )
    return points


@dataclass(frozen=True)
class Published(TrialMethod):
    """Published architectures, and with a time limit that allows more the neighbours of the best; the best is trained.

    In a space of which none is known it begins with a random one.
    """

    name: ClassVar[str] = "published"
    default_space: ClassVar[str] = "nasbench201"

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> PublishedTuner:
        if not hypermodel.searched:
            raise ValueError(
                "Expected a graph with a searched block for tuner 'published', got none; add a CellBlock, or take "
                "tuner 'greedy'."
            )
        return PublishedTuner(self.oracle(**kwargs), hypermodel, self, project, limits)

    def oracle(self, **kwargs: Any) -> oracles.DurableOracle:
        return oracles.Given(**kwargs)


class PublishedTuner(TrialTuner):
    """Trains published architectures shortly; the first one alone where time is better spent on its final training."""

    shared = False
    search_share = 0.35

    def on_search_begin(self) -> None:
        super().on_search_begin()
        space, hp = self.graph.space, self.oracle.get_space()
        points = known_points(space, self.seed)
        near = [] if self.clock is None else space.neighbours(points[0])
        order = np.random.default_rng([self.seed, 11]).permutation(len(near)).tolist()
        others = [near[place] for place in order if near[place] not in points]
        values = [{**hp.values, **point} for point in [*points, *others]]
        if self.limits:
            values = [one for one in values if self._excess(one) <= 0] or [{**hp.values, **self._lightest(points[0])}]
        self.oracle.proposals = values[: self.oracle.max_trials]

    def _lightest(self, point: Architecture) -> Architecture:
        assert self.costs is not None
        return strongest_within(point, self.graph.space, self.costs, self.limits, {})

    def trial_seconds(self) -> float:
        """Of the first trial a twentieth of the limit, since it may be the only one; of others, as ever."""
        seconds = super().trial_seconds()
        if self.clock is None or self.hasty or self._completed():
            return seconds
        return min(seconds, max(10.0, 0.05 * self.clock.limit))

    def search_is_over(self) -> bool:
        """Also when the final training, which the first trial tells the speed of, needs all the time there is."""
        if self.clock is None or not self._completed() or self._speed is None:
            return super().search_is_over()
        samples = len(tree.flatten(self._data[0])[0])
        needed = 2 * enough_epochs(samples) * samples * self._speed[1]
        return super().search_is_over() or needed > self.clock.final_left()
