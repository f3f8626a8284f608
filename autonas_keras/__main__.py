"""``python -m autonas_keras demo`` and ``python -m autonas_keras report DIR``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m autonas_keras")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="search and train on handwritten digits, beside two baselines")
    demo.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    demo.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on (default 1)")
    demo.add_argument("--directory", default="demo", help="where the results go, and a search goes on (default demo)")
    demo.add_argument("--quick", action="store_true", help="a few epochs only, to see that all of it works")
    report = commands.add_parser("report", help="write the story of a search, also of one under way, as a page")
    report.add_argument("directory", help="the folder of the search, directory/project_name of the task; only read")
    report.add_argument("--output", help="where the page goes (default: name of the folder, .html, in this folder)")
    options = parser.parse_args(arguments)
    if options.command == "report":
        _report(parser, options.directory, options.output)
        return
    if options.seeds < 1:
        parser.error(f"Expected --seeds to be at least 1, got {options.seeds}.")

    from autonas_keras.demo import run

    run(range(options.seed, options.seed + options.seeds), options.directory, quick=options.quick)


def _report(parser: argparse.ArgumentParser, directory: str, output: str | None) -> None:
    from autonas_keras.reporting import write_report

    try:
        print(write_report(directory, output or f"{Path(directory).resolve().name}.html"))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
