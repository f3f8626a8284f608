"""The latency of an architecture as the sum of times that its parts took on the machine at hand.

Reference: Cai, Zhu, Han, "ProxylessNAS", ICLR 2019, section 3.3; Cai et al., "Once-for-All", ICLR 2020, section 3.4.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autonas_keras.evaluation.cell_parts import CellCut
from autonas_keras.evaluation.chain_parts import ChainCut, MobileCut
from autonas_keras.evaluation.conditions import Conditions, check_positive, conditions_here
from autonas_keras.evaluation.parts import Cut, Size, kept_randomness
from autonas_keras.evaluation.timing import Call, keras_call, low_medians, prepare, tflite_call
from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture, CellSpace, ChainSpace, MobileSpace, Space, close_names, get_space
from autonas_keras.spaces.choice import Option

COPIES = 4  # of a part in one graph, which share what a call costs
CALL, IDLE, WHOLE = "call", "idle", "whole"
TITLE = "# autonas_keras latency table"

# How the networks of a space are cut into parts.
CUTS: dict[type[Space], Callable[[Any, Size, int, str], Cut]] = {
    CellSpace: CellCut,
    ChainSpace: ChainCut,
    MobileSpace: MobileCut,
}


class LatencyTable:
    """Milliseconds of every part that networks of a space are made of, and so of every architecture.

    ``LatencyTable.measure`` and ``LatencyTable.load`` make one.

    Args:
        space: The space.
        conditions: What was measured where.
        milliseconds: Time of each part by name, and of calling a network at all as "call".

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
        lacking = [name for name in _builders(self._cut) if name not in self.milliseconds]
        if CALL not in self.milliseconds or lacking:
            raise ValueError(
                f"Expected the time of every part of {space!r}, got none of {(lacking or [CALL])[0]!r}; "
                "measure the table anew."
            )

    @cached_property
    def _cut(self) -> Cut:
        about = self.conditions
        return _cut_class(self.space)(self.space, about.input_shape, about.classes, about.runtime)

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
        calibrate: int = 5,
        verbose: int = 1,
    ) -> LatencyTable:
        """Time every part of the networks of a space on this machine.

        Inside a network a part does not find caches as it left them, and may run beside another one. So some whole
        networks are timed too, and all parts are scaled by the median of what those take over the sums of their parts.

        Args:
            space: The space, or the name of one.
            input_shape: (height, width, channels) of the images.
            classes: Outputs of the classifier.
            batch_size: Images at once.
            runtime: "keras", a compiled call of the Keras model, or "tflite".
            threads: Threads of TFLite, by default one for each core; TensorFlow's are set before it starts.
            seed: Of the weights.
            repeats: Rounds in which every part is timed again.
            calibrate: Random networks that are timed whole; 0 leaves the parts as they are by themselves.
            verbose: 0 for silence.

        Raises:
            ValueError: When an argument is out of range.
            TypeError: When the networks of the space cannot be cut into parts.
        """
        space = get_space(space)
        _cut_class(space)
        conditions = conditions_here(input_shape, classes, batch_size, runtime, threads)
        check_positive("repeats", repeats)
        if isinstance(calibrate, bool) or not isinstance(calibrate, (int, np.integer)) or calibrate < 0:
            raise ValueError(f"Expected the number of networks to calibrate with, 0 or more, got {calibrate!r}.")
        cut = _cut_class(space)(space, conditions.input_shape, conditions.classes, runtime)
        builders = _builders(cut)
        rng = np.random.default_rng([seed, 1])  # not those that ``check`` draws
        wholes = [space.sample(rng) for _ in range(calibrate)]
        # TFLite hands even a graph of one operation over to a delegate, which a network pays for once.
        idle = [_least(runtime) for _ in range(COPIES)]
        calls = {CALL: _call(idle[:1], conditions), IDLE: _call(idle, conditions)}
        with kept_randomness(), _bar("parts and networks built", len(builders) + calibrate, verbose) as advance:
            for name, build in builders.items():
                calls[name] = _call([prepare(build(), seed + copy) for copy in range(COPIES)], conditions)
                advance(len(calls) - 2)
            for place, architecture in enumerate(wholes):
                calls[f"{WHOLE} {place}"] = _call([prepare(cut.network(architecture), seed)], conditions)
                advance(len(calls) - 2)
        with _bar("rounds timed", repeats, verbose) as advance:
            times = low_medians(calls, repeats, advance)
        found = {name: max(0.0, times[name] - times[IDLE]) / COPIES for name in builders}
        sums = [sum(found[part.name] for part in cut.parts(architecture)) for architecture in wholes]
        ratios = [(times[f"{WHOLE} {i}"] - times[CALL]) / total for i, total in enumerate(sums) if total > 0]
        scale = float(np.median(ratios)) if ratios else 1.0
        scaled = {name: scale * time for name, time in found.items()}
        return cls(space, replace(conditions, scale=scale), {CALL: times[CALL], **scaled})

    def latency_ms(self, architecture: Mapping[str, Option]) -> float:
        """Milliseconds that the network of an architecture takes for one batch: the sum over its parts.

        Raises:
            ValueError: When it is no point of the space.
        """
        parts = self._cut.parts(self.space.architecture(architecture))
        return self.milliseconds[CALL] + sum(self.milliseconds[part.name] for part in parts)

    def costs(self, architecture: Mapping[str, Option]) -> dict[str, float]:
        """``{"latency_ms": ...}``, as ``Strategy(limits={"latency_ms": 4.0}, costs=table.costs)`` takes it.

        Raises:
            ValueError: When it is no point of the space.
        """
        return {"latency_ms": self.latency_ms(architecture)}

    def check(self, networks: int = 10, seed: int = 0, repeats: int = 20, verbose: int = 1) -> pd.DataFrame:
        """Time whole networks of random architectures, and compare them with the sums.

        Args:
            networks: How many.
            seed: Of the architectures and their weights.
            repeats: Rounds in which every network is timed again.
            verbose: 0 for silence.

        Returns:
            A row a network: "architecture", "sum_ms", "whole_ms", "error" (share of the whole by which the sum is
            off). ``frame.attrs`` holds "median_error", of its size, and "rank_correlation", Spearman's.

        Raises:
            ValueError: When fewer than two networks, or no repeats, are asked for.
        """
        if isinstance(networks, bool) or not isinstance(networks, (int, np.integer)) or networks < 2:
            raise ValueError(f"Expected two networks or more to compare, got {networks!r}.")
        check_positive("repeats", repeats)
        rng = np.random.default_rng(seed)
        architectures = [self.space.sample(rng) for _ in range(networks)]
        calls: dict[str, Call] = {}
        with kept_randomness(), _bar("networks built", networks, verbose) as advance:
            for place, architecture in enumerate(architectures):
                calls[str(place)] = _call([prepare(self._cut.network(architecture), seed)], self.conditions)
                advance(place + 1)
        with _bar("rounds timed", repeats, verbose) as advance:
            times = low_medians(calls, repeats, advance)
        return _comparison(architectures, [self.latency_ms(a) for a in architectures], list(times.values()))

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


def _cut_class(space: Space) -> Callable[[Any, Size, int, str], Cut]:
    for kind, cut in CUTS.items():
        if isinstance(space, kind):
            return cut
    known = " or ".join(kind.__name__ for kind in CUTS)
    raise TypeError(f"Expected a space that can be timed in parts, a {known}, got {type(space).__name__}.")


def _builders(cut: Cut) -> dict[str, Callable[[], keras.Model]]:
    return {part.name: part.build for part in cut.all_parts()}


def _call(models: list[keras.Model], conditions: Conditions) -> Call:
    if conditions.runtime == "tflite":
        return tflite_call(models, conditions.batch_size, conditions.threads)
    return keras_call(models, conditions.batch_size)


def _least(runtime: str) -> keras.Model:
    """A model with as little to do as the runtime can run."""
    x = keras.Input((1,))
    return keras.Model(x, keras.layers.ReLU()(x) if runtime == "tflite" else keras.layers.Identity()(x))


def _comparison(architectures: Sequence[Architecture], sums: list[float], wholes: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame({"architecture": architectures, "sum_ms": sums, "whole_ms": wholes})
    frame["error"] = frame["sum_ms"] / frame["whole_ms"] - 1
    ranks = frame[["sum_ms", "whole_ms"]].rank()
    frame.attrs["median_error"] = float(frame["error"].abs().median())
    frame.attrs["rank_correlation"] = float(ranks["sum_ms"].corr(ranks["whole_ms"]))
    return frame


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
