"""Strategies on a table, many runs of each: what stands after each evaluation."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autonas_keras.checks import check_count
from autonas_keras.nasbench.named import Factory, named_strategies
from autonas_keras.nasbench.table import Table
from autonas_keras.spaces import Architecture
from autonas_keras.strategies import search
from autonas_keras.strategies.base import check_seed

COLUMNS = ("signal", "reported", "seconds")
Curve = dict[str, np.ndarray]


def run(
    table: Table,
    strategies: Sequence[str] | Mapping[str, Factory],
    evaluations: int = 110,
    runs: int = 200,
    dataset: str | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Run each strategy so often on a table, and note the best so far after each evaluation.

    The best is the architecture of the largest signal; what is noted of it is what the protocol of the table reports.
    Run r has the same seed, made of ``seed`` and r, for each strategy and whatever else is run.

    Args:
        table: What is searched.
        strategies: Names with settings, such as "evolution:population_size=10,sample_size=3"; or by label a function
            that makes a strategy of ``(space, seed=...)``.
        evaluations: Architectures looked up in a run.
        runs: Runs of each strategy.
        dataset: Data set of the table, the first when None.
        seed: Seed of the whole.
        jobs: Processes that share the runs; results do not depend on it.
        progress: Whether a bar is shown.

    Returns:
        A row for each strategy, run and evaluation (from 1): ``signal`` and ``reported`` of the best so far, and
        ``seconds`` since the run began. A run that has nothing left to propose keeps its last values.

    Raises:
        ValueError: When a strategy, a setting or the data set is unknown, or a number is not positive.
    """
    for name, value in {"evaluations": evaluations, "runs": runs, "jobs": jobs}.items():
        check_count(name, value)
    check_seed(seed)
    factories = dict(strategies) if isinstance(strategies, Mapping) else named_strategies(strategies, table.space)
    if not factories:
        raise ValueError("Expected at least one strategy to run, got none.")
    table.protocol(dataset)  # an unknown data set is refused before any process starts
    tasks = [(label, number) for label in factories for number in range(runs)]
    found: dict[tuple[str, int], Curve] = {}
    with _bar(progress, factories, runs) as advance:
        for (label, number), curve in _curves(table, factories, tasks, evaluations, dataset, seed, jobs):
            found[label, number] = curve
            advance(label)
    return pd.DataFrame(
        {
            "strategy": np.repeat(list(factories), runs * evaluations),
            "run": np.tile(np.repeat(np.arange(runs), evaluations), len(factories)),
            "evaluation": np.tile(np.arange(1, evaluations + 1), len(tasks)),
            **{column: np.concatenate([found[task][column] for task in tasks]) for column in COLUMNS},
        }
    )


def summary(curves: pd.DataFrame, evaluation: int | None = None) -> pd.DataFrame:
    """What the runs of each strategy reached.

    Args:
        curves: What ``run`` returns.
        evaluation: After how many evaluations; all when None.

    Returns:
        By strategy, in their order: ``runs``, ``mean``, ``std`` (between runs), ``standard_error`` (of the mean),
        ``best`` and ``worst`` of what is reported, and the mean ``seconds`` of a run.

    Raises:
        ValueError: When no run came so far.
    """
    last = int(curves["evaluation"].max()) if evaluation is None else evaluation
    rows = curves[curves["evaluation"] == last]
    if rows.empty:
        raise ValueError(f"Expected an evaluation from 1 to {curves['evaluation'].max()}, got {evaluation!r}.")
    groups = rows.groupby("strategy", sort=False)
    reported = groups["reported"]
    return pd.DataFrame(
        {
            "runs": groups.size(),
            "mean": reported.mean(),
            "std": reported.std(),
            "standard_error": reported.sem(),
            "best": reported.max(),
            "worst": reported.min(),
            "seconds": groups["seconds"].mean(),
        }
    )


def run_seed(seed: int, number: int) -> int:
    """The seed of one run."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def one_run(table: Table, factory: Factory, evaluations: int, dataset: str | None, seed: int) -> Curve:
    """The best so far after each evaluation of one search: arrays of shape (evaluations,), by column."""
    report = table.test(dataset)
    curve = {column: np.full(evaluations, math.nan) for column in COLUMNS}
    best, reported, done = -math.inf, math.nan, 0
    start = time.perf_counter()

    def note(number: int, architecture: Architecture, signal: float) -> None:
        nonlocal best, reported, done
        if signal > best:
            best, reported = signal, report(architecture)
        for column, value in zip(COLUMNS, (best, reported, time.perf_counter() - start), strict=True):
            curve[column][number] = value
        done = number + 1

    search(factory(table.space, seed=seed), table.evaluate(dataset), evaluations, note)
    for values in curve.values():
        values[done:] = values[done - 1] if done else math.nan
    return curve


def _curves(
    table: Table,
    factories: Mapping[str, Factory],
    tasks: Sequence[tuple[str, int]],
    evaluations: int,
    dataset: str | None,
    seed: int,
    jobs: int,
) -> Iterator[tuple[tuple[str, int], Curve]]:
    """Every run as it ends."""
    if jobs == 1:
        for label, number in tasks:
            yield (label, number), one_run(table, factories[label], evaluations, dataset, run_seed(seed, number))
        return
    # Processes that are forked hang where a library of the parent has threads; spawned ones do not.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _remember, (table, evaluations, dataset)) as pool:
        futures = {
            pool.submit(_run_remembered, factories[label], run_seed(seed, number)): (label, number)
            for label, number in tasks
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


_remembered: dict[str, Any] = {}  # of a worker process: the table is sent to it once, not with every run


def _remember(table: Table, evaluations: int, dataset: str | None) -> None:
    _remembered.update(table=table, evaluations=evaluations, dataset=dataset)


def _run_remembered(factory: Factory, seed: int) -> Curve:
    return one_run(_remembered["table"], factory, _remembered["evaluations"], _remembered["dataset"], seed)


@contextmanager
def _bar(shown: bool, factories: Mapping[str, Factory], runs: int) -> Iterator[Callable[[str], None]]:
    """A line of progress for each strategy, on stderr; it yields the function that counts one run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        lines = {label: bar.add_task(label, total=runs) for label in factories}
        yield lambda label: bar.advance(lines[label])
