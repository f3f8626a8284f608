"""How a tuner keeps a time limit: what each part of a search may take, and a final network that suits the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import tree
from autokeras.nodes import ImageInput

from autonas_keras.blocks import CellBlock, Graph
from autonas_keras.evaluation import space_costs
from autonas_keras.oracles import distributed
from autonas_keras.training import Pace, count_epochs
from autonas_keras.training.pace import LEAST_EPOCHS
from autonas_keras.tuners.clock import Clock, kept_plans
from autonas_keras.tuners.network import Plan, image_shape, train
from autonas_keras.tuners.project import Project
from autonas_keras.tuners.settings import Method

JUDGED = 2000  # validation samples that networks are compared on at most when there is a limit
# The same where no input is an image: they take little, and networks of tables differ by less than the error of 2,000.
MANY_JUDGED = 10_000
TRIALS = 10  # networks that a search with a limit trains if they need all of their time
# The same where no input is an image: trainings are short there, and cut to a part of them tell little about the whole.
LONG_TRIALS = 4
LEAST_TRIAL = 15.0  # seconds that a trial gets at least, of which some go to its start
ENOUGH = 250_000  # samples that a network should see, some of them again and again
FEWEST, MOST = 15, 150  # epochs that this is at least and at most
GRACE, LEAST_GRACE = 0.05, 5.0  # share of the limit, and seconds, that workers get to end their trials
SLOW = 0.15  # share of the limit from which on the start of a training is too long for a second one
PROBED = 12  # steps that are timed to choose the size of the final network
START = 20.0  # seconds that a supernet takes to start, roughly
PROBE = 40.0  # seconds that have to be left for it

# Cells and channels that a network of a space by name may get: of dense cells, of others; the last for small images.
SIZES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "dense": ((3, 5, 9), (8, 12, 16, 24, 32, 48, 64)),
    "others": ((3, 5, 8), (4, 6, 8, 12, 16, 24, 36)),
}
SMALL_CHANNELS = 32  # channels at most where images are so small that three cells see all of them


class Timed:
    """The part of a tuner that knows what the time is."""

    clock: Clock | None = None
    search_share = 0.45  # share of the limit that the search may take
    starts = 1  # how often a supernet is traced
    oracle: Any
    method: Method
    graph: Graph
    limits: Mapping[str, float]
    project: Project
    _finished: bool
    _fit: dict[str, Any]
    _data: Any
    _validation: Any
    _speed: tuple[float, float] | None = None  # multiply-adds of the network trained last, and its seconds a sample
    _seconds_of: Mapping[str, float] = {}  # seconds a sample of each network, by its hyperparameters
    _start_seconds = START  # seconds that the first training took to its first step
    _longest = 0.0  # seconds of the longest trial
    _slow = False  # whether the start of a training takes too long for a second one

    @contextmanager
    def limited(self, limit: float | None, start: float) -> Iterator[None]:
        """Keep a limit of seconds inside, counted from ``start`` of the monotonic clock; None keeps none."""
        if limit is None or self._finished:
            yield
            return
        self.clock = Clock(limit, self.project.path, start, follows=distributed.role() == "worker")
        try:
            with self.clock.running():
                yield
        finally:
            self.clock = None

    # The parts

    def timed(self, name: str) -> AbstractContextManager[None]:
        """A part of the search, whose time is written down."""
        return nullcontext() if self.clock is None else self.clock.phase(name)

    def search_left(self) -> float:
        """Seconds that are left for the search, without end when there is no limit.

        It may take more than its share when the final training, of a size that is known, does not need the rest.
        """
        if self.clock is None:
            return math.inf
        left = self.clock.left(self.search_share)
        if self._speed is None or self.sizes_are_free():
            return left
        samples = len(tree.flatten(self._data)[0]) + len(tree.flatten(self._validation)[0])
        best = self.oracle.get_best_trials(1)
        seconds = self._seconds_of.get(_key(best[0].hyperparameters) if best else "", self._speed[1])
        needed = 1.2 * self._final_epochs(samples) * samples * seconds + 1.5 * self._start_seconds
        return max(left, self.clock.final_left() - needed)

    @property
    def hasty(self) -> bool:
        """Whether there is time for one training only, which then is the final one; several processes have two."""
        if self.clock is None or distributed.role() != "alone":
            return False
        return self._slow or self.search_share * self.clock.limit < LEAST_TRIAL

    def judged_part(self, validation: Any) -> Any:
        """The validation samples that networks are compared on: with a limit a draw of the seed when there are many."""
        count = len(tree.flatten(validation)[0])
        most = JUDGED if self._sees_images() else MANY_JUDGED
        if self.clock is None or count <= most:
            return validation
        rows = np.sort(np.random.default_rng([self.oracle.seed, 9]).permutation(count)[:most])
        return tree.map_structure(lambda array: array[rows], validation)

    def _sees_images(self) -> bool:
        """Whether some input is an image, whatever stands beside it."""
        return any(isinstance(node, ImageInput) for node in self.graph.inputs)

    # Trials

    def trial_seconds(self) -> float:
        """Seconds that a trial may take."""
        assert self.clock is not None
        if self.hasty:
            return self.clock.final_left()
        whole = self.search_share * self.clock.limit
        trials = TRIALS if self._sees_images() else LONG_TRIALS
        trials = min(trials, self.oracle.max_trials or trials)
        return max(0.0, min(self.search_left(), max(whole / trials, LEAST_TRIAL)))

    def search_is_over(self) -> bool:
        """Whether no further trial fits into the time of the search; the first one always does."""
        if self.clock is None or not self._some_completed():
            return False
        return self.hasty or self.search_left() < 0.8 * max(self._longest_trial(), self.trial_seconds())

    def _longest_trial(self) -> float:
        """Seconds of the longest trial so far."""
        return self._longest

    def search_is_overdue(self) -> bool:
        """Whether the time of the search, and a while for trials under way to end, is over."""
        if self.clock is None:
            return False
        return self.search_left() < -max(LEAST_GRACE, GRACE * self.clock.limit)

    def _some_completed(self) -> bool:
        raise NotImplementedError

    def trial_pace(self) -> Pace | None:
        """What ends a trial in time; when its start shows that there is no time for another training, at the very end."""
        if self.clock is None:
            return None
        clock, begin = self.clock, self.clock.used()
        end, first = begin + self.trial_seconds(), not self._some_completed()

        def left() -> float:
            nonlocal end, first
            if first:
                first, self._start_seconds = False, clock.used() - begin
                self._slow = self._start_seconds > SLOW * clock.limit
                end = clock.limit - clock.closing if self._slow else end
            return end - clock.used()

        return Pace(left)

    # Supernets

    @property
    def too_short(self) -> bool:
        """Whether a supernet would take most of the time of the search to start."""
        return self.clock is not None and self.search_share * self.clock.limit < 1.5 * START * self.starts

    def _seconds_to(self, mark: float) -> float:
        """Seconds until no more than ``mark`` are left for the search."""
        return self.search_left() - mark

    def search_epochs(
        self,
        name: str,
        step: Callable[[], float],
        whole: int,
        wanted: int,
        left: Callable[[], float],
        least: int = LEAST_EPOCHS,
    ) -> tuple[int, int | None]:
        """Epochs of a supernet, and steps in each; None for those of all samples.

        Args:
            name: What is planned is kept under this name.
            step: Measures the seconds of a step, if there is a limit and nothing was planned yet.
            whole: Steps of an epoch of all samples.
            wanted: Epochs without a limit.
            left: Gives the seconds that are left for all of them.
            least: Epochs at least, which are shortened for that.
        """
        if self.clock is None:
            return wanted, None

        def make() -> list[int]:
            taken = step()
            return list(count_epochs(0.95 * max(0.0, left()), taken, whole, wanted, least))

        epochs, steps = self.clock.plan(name, make)
        return epochs, steps

    # The final network

    def in_time(self, plan: Plan, hp: Any, data: Any) -> Plan:
        """The plan of the final training, of a network whose size suits what is left, with a pace to end in time.

        A training that was begun goes on with the size that it has, also with another limit or none.
        """
        if self.clock is None:
            sizes = kept_plans(self.project.path).get("final") if self.sizes_are_free() else None
            return replace(plan, method=replace(plan.method, **sizes)) if sizes else plan
        clock, samples = self.clock, len(tree.flatten(data[0])[0])
        plan = replace(plan, epochs=self._final_epochs(samples))
        begun = plan.directory is not None and Path(plan.directory).exists()
        if self.sizes_are_free() and not self.hasty and ("final" in clock.plans or not begun):
            sizes = clock.plan("final", lambda: self._suited(plan, hp, data, samples))
            if sizes:
                plan = replace(plan, method=replace(plan.method, **sizes))
        return replace(plan, pace=Pace(clock.final_left, clock.gone("final")))

    def _final_epochs(self, samples: int) -> int:
        """Epochs of the final training at most: of images more than without a limit, where nobody said them."""
        epochs = self._fit["epochs"]
        free = self._fit["free_epochs"] and image_shape(self.graph) is not None
        return max(epochs, 2 * enough_epochs(samples)) if free else epochs

    def sizes_are_free(self) -> bool:
        """Whether the final network may be of another depth and width: nobody said them, and no limit counts them."""
        blocks = self.graph.searched
        cells = bool(blocks) and all(isinstance(block, CellBlock) and not block.sized for block in blocks)
        return cells and self.method.cells is None and self.method.channels is None and not self.limits

    def _suited(self, plan: Plan, hp: Any, data: Any, samples: int) -> dict[str, int]:
        """Cells and channels of the largest network that sees the samples often enough in what is left."""
        assert self.clock is not None
        epochs = min(plan.epochs, enough_epochs(samples))
        if self._speed is None and self.clock.final_left() > PROBE:
            self._probe(plan, hp, data)
        if self._speed is None:
            return {}
        flops, seconds = self._speed
        affordable = self.clock.final_left() / (epochs * samples) * flops / seconds
        sizes = suited_size(self.graph, hp, affordable)
        if plan.verbose:
            print(
                f"A step takes {1000 * seconds * plan.batch_size:.0f} ms for {flops / 1e6:.1f} million multiply-adds; "
                f"{epochs} epochs in what is left allow {affordable / 1e6:.1f} million: "
                f"{sizes['cells']} cells of {sizes['channels']} channels."
            )
        return sizes

    def _probe(self, plan: Plan, hp: Any, data: Any) -> None:
        """Measure the speed of a training of the network by some steps of it."""
        pace = Pace(lambda: math.inf)
        few = tree.map_structure(lambda array: array[: PROBED * plan.batch_size], data)
        probe = replace(plan, epochs=1, directory=None, validation=None, callbacks=(), verbose=0, pace=pace)
        train(self.graph, hp, few, probe)
        self.note_speed(pace, hp, plan.batch_size)

    def note_speed(self, pace: Pace | None, hp: Any, batch_size: int) -> None:
        """Remember how fast the training of a network was."""
        if pace is not None and pace.step_seconds:
            flops = network_flops(self.graph, hp) if self.sizes_are_free() else 0.0
            self._speed = flops, pace.step_seconds / batch_size
            self._seconds_of = {**self._seconds_of, _key(hp): self._speed[1]}

    def warn_if_short(self, steps: int, whole: int) -> None:
        """Warn of a network that did not see all samples once."""
        if self.clock is not None and steps < whole:
            warn(
                f"Expected a time_limit for an epoch or more, got {self.clock.limit:g} seconds, in which the network "
                f"learnt for {steps} of {whole} steps; it can be used, but raise time_limit for a better one.",
                stacklevel=2,
            )


def _key(hp: Any) -> str:
    return json.dumps(hp.values, sort_keys=True, default=str)


def enough_epochs(samples: int) -> int:
    """Epochs after which more of them gain less than a larger network would."""
    return min(MOST, max(FEWEST, math.ceil(ENOUGH / max(1, samples))))


def network_flops(graph: Graph, hp: Any, cells: int | None = None, channels: int | None = None) -> float:
    """Multiply-adds of the searched blocks of a graph that was built, with other sizes if they are given."""
    total = 0.0
    for block in graph.searched:
        space = block.built_space.resized(cells, channels) if cells or channels else block.built_space
        total += space_costs(space, block.architecture(hp), block.input_shape or (), 1)["flops"]
    return total


def suited_size(graph: Graph, hp: Any, affordable: float) -> dict[str, int]:
    """Cells and channels of the largest network of so many multiply-adds at most, or of the smallest of all."""
    block = graph.searched[0]
    cells, channels = SIZES["dense" if block.space.topology == "dense" else "others"]
    if block.built_space.cells <= 3:  # fitted to small images
        cells, channels = (3,), tuple(number for number in channels if number <= SMALL_CHANNELS)
    counted = sorted((network_flops(graph, hp, c, w), -c, w) for c in cells for w in channels)
    found = [entry for entry in counted if entry[0] <= affordable] or counted[:1]
    return {"cells": -found[-1][1], "channels": found[-1][2]}
