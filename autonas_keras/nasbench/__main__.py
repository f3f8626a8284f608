"""``python -m autonas_keras.nasbench TABLE --strategy evolution --strategy predictor --evaluations 110 --runs 200``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from autonas_keras.files import write_atomically
from autonas_keras.nasbench.load import load_table
from autonas_keras.nasbench.plot import plot_curves
from autonas_keras.nasbench.runner import run, summary
from autonas_keras.strategies import STRATEGIES


def main(arguments: Sequence[str] | None = None) -> None:
    """Run strategies on a table, print what they reached, and write a csv and a plot of their curves."""
    parser = _parser()
    options = parser.parse_args(arguments)
    decisions = [name.strip() for name in options.decisions.split(",")] if options.decisions else ()
    prefix = Path(options.output or Path(options.table).name.split(".")[0] + "_search")
    csv, png = (prefix.with_name(f"{prefix.name}{suffix}") for suffix in (".csv", ".png"))
    try:
        table = load_table(options.table, decisions, options.signal, options.report)
        protocol, optimum = table.protocol(options.dataset), table.optimum(options.dataset).value
        prefix.parent.mkdir(parents=True, exist_ok=True)
        curves = run(
            table,
            options.strategy or ["random", "evolution"],
            options.evaluations,
            options.runs,
            options.dataset,
            options.seed,
            options.jobs,
            progress=True,
        )
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    title = f"{options.dataset or table.datasets[0]}: {protocol.report} of the best by {protocol.signal}"
    Console().print(printed(summary(curves), f"{title}, {options.runs} runs; optimum {optimum:.2f}"))
    write_atomically(csv, curves.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    plot_curves(curves, png, title, protocol.report, optimum)
    print(f"The curves are in {csv} and {png}.")


def printed(found: pd.DataFrame, title: str) -> Table:
    """The summary as a table for people, the best mean in bold."""
    lines = Table(title=title, title_justify="left")
    lines.add_column("strategy", overflow="fold")
    for column in ("mean", "deviation", "error", "best", "seconds"):
        lines.add_column(column, justify="right")
    for strategy, row in found.iterrows():
        figures = [f"{row[column]:.3f}" for column in ("mean", "std", "standard_error", "best", "seconds")]
        style = "bold" if row["mean"] == found["mean"].max() else None
        lines.add_row(str(strategy), *figures, style=style)
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m autonas_keras.nasbench", description=main.__doc__)
    parser.add_argument("table", metavar="TABLE", help="file of NAS-Bench-201, NAS-Bench-Macro or any table")
    parser.add_argument(
        "--strategy",
        action="append",
        metavar="NAME[:SETTING=VALUE,...]",
        help=f"{', '.join(STRATEGIES)}; more than once for several (default random and evolution)",
    )
    parser.add_argument("--evaluations", type=int, default=110, help="architectures a run looks up (default 110)")
    parser.add_argument("--runs", type=int, default=200, help="runs of each strategy (default 200)")
    parser.add_argument("--dataset", help="data set of the table (default its first)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the whole (default 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the runs (default 1)")
    parser.add_argument("--output", help="path without suffix of the csv and the png (default: TABLE_search, here)")
    parser.add_argument("--decisions", help="of any other table: the columns that name an architecture, by commas")
    parser.add_argument("--signal", help="of any other table: the column that a search sees, larger is better")
    parser.add_argument("--report", help="of any other table: the column that is reported (default the signal)")
    return parser


if __name__ == "__main__":
    main()
