"""The latency of an architecture as the sum of times that its parts took on the machine at hand.

Reference: Cai, Zhu, Han, "ProxylessNAS", ICLR 2019, section 3.3; Cai et al., "Once-for-All", ICLR 2020, section 3.4.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autonas_keras.checks import check_count
from autonas_keras.evaluation.cell_parts import CellCut
from autonas_keras.evaluation.chain_parts import ChainCut, MobileCut
from autonas_keras.evaluation.conditions import Conditions, check_counts, conditions_here
from autonas_keras.evaluation.macro_parts import MacroCut
from autonas_keras.evaluation.parts import Cut, Size, kept_randomness
from autonas_keras.evaluation.timing import Call, keras_call, low_medians, strengthen, tflite_call
from autonas_keras.files import write_atomically
from autonas_keras.spaces import (
    Architecture,
    CellSpace,
    ChainSpace,
    MacroSpace,
    MobileSpace,
    Space,
    close_names,
    get_space,
)
from autonas_keras.spaces.choice import Option

COPIES = 2  # of a part in one graph, which share what a call costs
CALL = "call"
TITLE = "# autonas_keras latency table"

# How the networks of a space are cut into parts.
CUTS: dict[type[Space], Callable[[Any, Size, int], Cut]] = {
    CellSpace: CellCut,
    ChainSpace: ChainCut,
    MacroSpace: MacroCut,
    MobileSpace: MobileCut,
}


class LatencyTable:
    """Milliseconds of every part that networks of a space are made of, and so of every architecture.

    An architecture takes ``call + scale * (the sum of its parts)``. ``LatencyTable.measure`` and
    ``LatencyTable.load`` make one.

    Args:
        space: The space.
        conditions: What was measured where, and the scale.
        milliseconds: Time of each part by name, and of calling a network at all as "call".

    Attributes:
        comparison: Of a table just measured, a row for each whole network that it was compared with: "architecture",
            "sum_ms", "whole_ms", "error" (share of the whole by which the sum is off).

    Raises:
        ValueError: When a part of the space has no time.
        TypeError: When the networks of the space cannot be cut into parts.

    Example:
        ``table = ank.LatencyTable.measure(space, batch_size=1)`` and then
        ``ank.strategies.RegularizedEvolution(space, limits={"latency_ms": 4.0}, costs=table.costs)``
    """

    def __init__(self, space: Space, conditions: Conditions, milliseconds: Mapping[str, float]) -> None:
        self.space, self.conditions = space, conditions
        self.milliseconds = {str(name): float(value) for name, value in milliseconds.items()}
        self.comparison = _comparison([], [], [])
        self._cut = _cut(space, conditions)
        lacking = [name for name in (CALL, *_builders(self._cut)) if name not in self.milliseconds]
        if lacking:
            raise ValueError(
                f"Expected the time of every part of {space!r}, got none of {lacking[0]!r}; measure the table anew."
            )

    @classmethod
    def measure(
        cls,
        space: Space | str,
        input_shape: Sequence[int] = (32, 32, 3),
        classes: int = 10,
        batch_size: int = 1,
        runtime: str = "keras",
        threads: int | None = None,
        seed: int = 0,
        repeats: int = 20,
        calibrate: int = 12,
        compare: int = 10,
        verbose: int = 1,
    ) -> LatencyTable:
        """Time every part of the networks of a space on this machine.

        Inside a network a part does not find caches as it left them, and may run beside another one. So some random
        whole networks are timed in the same rounds, and the scale is the median of what they take over their sums.
        Others, which have no say in it, tell how far the sums are off.

        Args:
            space: The space, or the name of one.
            input_shape: (height, width, channels) of the images.
            classes: Outputs of the classifier.
            batch_size: Images at once.
            runtime: "keras", a compiled call of the Keras model, or "tflite".
            threads: Threads of TFLite, by default one for each core; TensorFlow's are set before it starts.
            seed: Of the draw of whole networks.
            repeats: Rounds in which everything is timed again.
            calibrate: Whole networks to fit the scale on; 0 for a scale of 1.
            compare: Whole networks to compare with, 0 for none.
            verbose: 0 for silence.

        Raises:
            ValueError: When an argument is out of range.
            TypeError: When the networks of the space cannot be cut into parts.

        Reference: Cai, Zhu, Han, ICLR 2019, section 3.3.
        """
        space = get_space(space)
        conditions = conditions_here(input_shape, classes, batch_size, runtime, threads)
        cut = _cut(space, conditions)
        check_count("repeats", repeats)
        check_counts(space.size, calibrate=calibrate, compare=compare)
        wholes = _drawn(space, calibrate + compare, np.random.default_rng(seed))
        times = _times(cut, wholes, conditions, int(repeats), verbose)
        parts = {name: max(0.0, times[name] - times["idle"]) / COPIES for name in _builders(cut)}
        table = cls(space, conditions, {CALL: times[CALL], **parts})
        measured = [times[f"whole {place}"] for place in range(len(wholes))]
        table._fit(wholes[:calibrate], measured[:calibrate])
        table._compare(wholes[calibrate:], measured[calibrate:])
        return table

    def latency_ms(self, architecture: Mapping[str, Option]) -> float:
        """Milliseconds that the network of an architecture takes for one batch.

        Raises:
            ValueError: When it is no point of the space.
        """
        parts = self._cut.parts(self.space.architecture(architecture))
        total = sum(self.milliseconds[part.name] for part in parts)
        return self.milliseconds[CALL] + self.conditions.scale * total

    def costs(self, architecture: Mapping[str, Option]) -> dict[str, float]:
        """``{"latency_ms": ...}``, as ``Strategy(limits={"latency_ms": 4.0}, costs=table.costs)`` takes it.

        Raises:
            ValueError: When it is no point of the space.
        """
        return {"latency_ms": self.latency_ms(architecture)}

    def _fit(self, architectures: list[Architecture], wholes: list[float]) -> None:
        call = self.milliseconds[CALL]
        pairs = [(whole - call, self.latency_ms(a) - call) for a, whole in zip(architectures, wholes, strict=True)]
        ratios = [inside / total for inside, total in pairs if inside > 0 and total > 0]  # tiny ones drown in noise
        self.conditions = replace(self.conditions, scale=float(np.median(ratios)) if ratios else 1.0)

    def _compare(self, architectures: list[Architecture], wholes: list[float]) -> None:
        sums = [self.latency_ms(architecture) for architecture in architectures]
        self.comparison = frame = _comparison(architectures, sums, wholes)
        if wholes:
            self.conditions = replace(
                self.conditions,
                networks=len(wholes),
                median_error=float(frame["error"].abs().median()),
                rank_correlation=float(frame["sum_ms"].rank().corr(frame["whole_ms"].rank())),
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a csv of parts and milliseconds, below comments that say what was measured where."""
        space = {"class": type(self.space).__name__, "config": self.space.get_config()}  # type: ignore[attr-defined]
        about = {"space": space, **asdict(self.conditions)}
        lines = [TITLE, *(f"# {key}: {json.dumps(value)}" for key, value in about.items()), "part,milliseconds"]
        lines += [f"{name},{value!r}" for name, value in self.milliseconds.items()]
        write_atomically(path, "\n".join(lines) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str], space: Space | str | None = None) -> LatencyTable:
        """Read what ``save`` wrote.

        Args:
            path: The file.
            space: The space that the table has to be of; by default whichever it is of.

        Raises:
            ValueError: When the file is no latency table, or one of another space.
        """
        head, rows = _read(Path(path))
        kinds = {kind.__name__: kind for kind in CUTS}
        kind, config = head["space"]["class"], head["space"]["config"]
        if kind not in kinds:
            raise ValueError(f"Expected a table of a known space, got {kind!r}{close_names(kind, kinds)}.")
        found = kinds[kind](**config)
        if space is not None and (wanted := get_space(space)) != found:
            raise ValueError(
                f"Expected a latency table of {wanted!r}, got one of {found!r} in {Path(path).name}; "
                "measure one with LatencyTable.measure."
            )
        about = {key: value for key, value in head.items() if key != "space"}
        return cls(found, Conditions(**{**about, "input_shape": tuple(about["input_shape"])}), rows)


def _cut(space: Space, conditions: Conditions) -> Cut:
    for kind, cut in CUTS.items():
        if isinstance(space, kind):
            return cut(space, conditions.input_shape, conditions.classes)
    known = " or ".join(kind.__name__ for kind in CUTS)
    raise TypeError(f"Expected a space that can be timed in parts, a {known}, got {type(space).__name__}.")


def _drawn(space: Space, count: int, rng: np.random.Generator) -> list[Architecture]:
    """Random architectures, none twice."""
    found: dict[Architecture, None] = {}
    while len(found) < count:
        found[space.sample(rng)] = None
    return list(found)


def _builders(cut: Cut) -> dict[str, Callable[[], keras.Model]]:
    return {part.name: part.build for part in cut.all_parts()}


def _times(
    cut: Cut, wholes: Sequence[Architecture], conditions: Conditions, repeats: int, verbose: int
) -> dict[str, float]:
    """Milliseconds of ``COPIES`` of each part, of as many models that do nothing and of one, and of whole networks."""
    builders: dict[str, Callable[[], keras.Model]] = {"idle": partial(_least, conditions.runtime), **_builders(cut)}
    networks = {f"whole {place}": partial(cut.network, architecture) for place, architecture in enumerate(wholes)}
    calls: dict[str, Call] = {}
    with kept_randomness(), _bar("parts and networks built", 1 + len(builders) + len(networks), verbose) as advance:
        calls[CALL] = _call([_least(conditions.runtime)], conditions)
        for name, build in builders.items():
            calls[name] = _call([strengthen(build()) for _ in range(COPIES)], conditions)
            advance(len(calls))
        for name, build in networks.items():
            calls[name] = _call([strengthen(build())], conditions)
            advance(len(calls))
    with _bar("rounds timed", repeats, verbose) as advance:
        return low_medians(calls, repeats, advance)


def _call(models: list[keras.Model], conditions: Conditions) -> Call:
    if conditions.runtime == "tflite":
        return tflite_call(models, conditions.batch_size, conditions.threads)
    return keras_call(models, conditions.batch_size)


def _least(runtime: str) -> keras.Model:
    """A model with as little to do as the runtime can run: TFLite's delegates cost something from one operation on."""
    x = keras.Input((1,))
    return keras.Model(x, keras.layers.ReLU()(x) if runtime == "tflite" else keras.layers.Identity()(x))


def _comparison(architectures: Sequence[Architecture], sums: list[float], wholes: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame({"architecture": architectures, "sum_ms": sums, "whole_ms": wholes})
    return frame.assign(error=frame["sum_ms"] / frame["whole_ms"] - 1)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """The comments and the rows of a saved table."""
    try:
        title, *lines = path.read_text().splitlines()
        if title != TITLE:
            raise ValueError(title)
        comments = [line[2:].partition(": ") for line in lines if line.startswith("# ")]
        rows = [line.rsplit(",", 1) for line in lines if not line.startswith("# ")]
        head = {key: json.loads(value) for key, _, value in comments}
        missing = {"space", *Conditions.__dataclass_fields__} - head.keys()
        if missing or rows[0] != ["part", "milliseconds"]:
            raise ValueError(missing)
        return head, {name: float(value) for name, value in rows[1:]}
    except (ValueError, IndexError) as error:
        raise ValueError(f"Expected a latency table that LatencyTable.save wrote, got {path}.") from error


@contextmanager
def _bar(text: str, total: int, verbose: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not verbose) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done)
