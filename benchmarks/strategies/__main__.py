"""``python -m benchmarks.strategies ROW [--strategies evolution predictor]``; without a row they are listed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from autonas_keras.spaces import close_names  # noqa: E402
from benchmarks import record  # noqa: E402
from benchmarks.strategies import STRATEGIES  # noqa: E402
from benchmarks.strategies.cost import cost  # noqa: E402
from benchmarks.strategies.oracle import oracle  # noqa: E402
from benchmarks.strategies.tables import macro, nasbench201_cifar10, nasbench201_imagenet  # noqa: E402

ROWS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    row.__name__: row for row in (nasbench201_cifar10, nasbench201_imagenet, macro, cost, oracle)
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one row, print its figures as they come and append them to its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies", description=__doc__)
    parser.add_argument("row", nargs="?", help="which row to run")
    parser.add_argument("--strategies", nargs="+", help=f"of {', '.join(STRATEGIES)}, or with settings (default all)")
    parser.add_argument("--evaluations", type=int, help="instead of the row's own")
    parser.add_argument("--runs", type=int, help="instead of the row's own")
    parser.add_argument("--seed", type=int, help="instead of 0")
    parser.add_argument("--jobs", type=int, help="processes that share the runs")
    options = vars(parser.parse_args(arguments))
    name = options.pop("row")
    if name is None:
        for row, function in ROWS.items():
            print(f"{row:22}{(function.__doc__ or '').splitlines()[0]}")
        return
    if name not in ROWS:
        sys.exit(f"Expected the name of a row, got {name!r}{close_names(name, ROWS)}")
    texts = [STRATEGIES.get(text, text) for text in options.pop("strategies") or STRATEGIES]
    for text in texts:
        if text.partition(":")[0] not in STRATEGIES:
            sys.exit(f"Expected the name of a strategy, got {text!r}{close_names(text, STRATEGIES)}")
    given = {option: value for option, value in options.items() if value is not None}
    if name in ("cost", "oracle") and given.keys() & {"runs", "jobs"}:
        sys.exit(f"Expected the row {name} without --runs and --jobs: it times one run, alone.")
    for figures in ROWS[name](texts, **given):
        path = record.append(f"strategies_{name}", figures)
        print("  ".join(f"{figure}={record.short(value)}" for figure, value in figures.items()), flush=True)
        print(f"appended to {path}", flush=True)


if __name__ == "__main__":
    main()
