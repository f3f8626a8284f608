"""Many runs of each strategy on a table, by the protocol of the table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autonas_keras.nasbench import Table, load_table, run, summary
from benchmarks import data

# What a strategy has to reach; random search has to agree with it.
CIFAR10 = {"random": 93.72, "evolution": 93.92, "reinforce": 93.95, "local_search": 94.15, "predictor": 94.30}
IMAGENET = {"random": 44.96, "evolution": 45.5, "reinforce": 45.7, "local_search": 45.9, "predictor": 46.3}
MACRO = {"random": 92.79, "evolution": 92.94, "reinforce": 92.98, "predictor": 93.10}


def nasbench201_cifar10(strategies: Sequence[str], **options: Any) -> Iterator[dict[str, Any]]:
    """NAS-Bench-201, CIFAR-10: search on 12 epochs, report 200; 110 evaluations, 200 runs."""
    yield from _lines(_table("nas_bench_201.csv.gz"), "cifar10", CIFAR10, strategies, options)


def nasbench201_imagenet(strategies: Sequence[str], **options: Any) -> Iterator[dict[str, Any]]:
    """NAS-Bench-201, ImageNet16-120: search on 12 epochs, report 200; 110 evaluations, 200 runs."""
    yield from _lines(_table("nas_bench_201.csv.gz"), "imagenet16_120", IMAGENET, strategies, options)


def macro(strategies: Sequence[str], **options: Any) -> Iterator[dict[str, Any]]:
    """NAS-Bench-Macro: search on one training, report the mean of three; 100 evaluations, 200 runs."""
    table = _table("nas_bench_macro_cifar10.csv.gz")
    yield from _lines(table, "cifar10", MACRO, strategies, {"evaluations": 100, **options})


def _table(name: str) -> Table:
    return load_table(data.data_file(name))


def _lines(
    table: Table, dataset: str, targets: Mapping[str, float], strategies: Sequence[str], options: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One line a strategy; ``seconds`` are those of all its runs."""
    settings = {"evaluations": 110, "runs": 200, "seed": 0, "jobs": 1, **options}
    for strategy in strategies:
        start = time.perf_counter()
        curves = run(table, [strategy], dataset=dataset, progress=True, **settings)
        seconds = time.perf_counter() - start
        reached = summary(curves).loc[strategy]
        yield {
            "strategy": strategy,
            "dataset": dataset,
            **settings,
            "mean": f"{reached['mean']:.3f}",
            "std": f"{reached['std']:.3f}",
            "standard_error": f"{reached['standard_error']:.3f}",
            "target": targets.get(strategy.partition(":")[0], ""),
            "seconds": seconds,
        }
