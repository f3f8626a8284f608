"""The command line of a folder of rows: a module with ``run(seeds)`` is a row."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from types import ModuleType

from autonas_keras.spaces import close_names
from benchmarks import record


def names(package: ModuleType) -> list[str]:
    """The rows of a package."""
    return sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))


def main(package: ModuleType, program: str, arguments: Sequence[str] | None = None, prefix: str = "") -> None:
    """Run one row, print its figures as they come and append them to its table; without a row, list them.

    Args:
        package: Holds the rows.
        program: What is typed to get here.
        arguments: Those of the command line when None.
        prefix: What the names of the tables begin with.
    """
    known = names(package)
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("row", nargs="?", help="which row to run; without one they are listed")
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds instead of the row's own")
    parser.add_argument("--sides", nargs="+", help="of a row with several sides some of them, such as auto")
    options = parser.parse_args(arguments)
    if options.row is None:
        for name in known:
            print(f"{name:20}{(import_module(f'{package.__name__}.{name}').__doc__ or '').splitlines()[0]}")
        return
    if options.row not in known:
        sys.exit(f"Expected the name of a row, got {options.row!r}{close_names(options.row, known)}")
    run = import_module(f"{package.__name__}.{options.row}").run
    chosen = {name: value for name, value in vars(options).items() if name != "row" and value}
    unknown = set(chosen) - set(signature(run).parameters)
    if unknown:
        sys.exit(f"Expected no {min(unknown)} for the row {options.row!r}, got {chosen[min(unknown)]}.")
    for figures in run(**chosen):
        path = record.append(f"{prefix}{options.row}", figures)
        print("  ".join(f"{name}={record.short(value)}" for name, value in figures.items()), flush=True)
        print(f"appended to {path}", flush=True)
