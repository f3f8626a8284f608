"""``python -m benchmarks.sharing ROW [--seeds 0 1 2]``; without a row they are listed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from autonas_keras.spaces import close_names  # noqa: E402
from benchmarks import record, sharing  # noqa: E402

# A module with ``run(seeds)`` is a row.
NAMES = sorted(module.name for module in iter_modules(sharing.__path__) if not module.name.startswith("_"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one row, print its figures as they come and append them to its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=__doc__)
    parser.add_argument("row", nargs="?", help="which row to run")
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds instead of the row's own")
    options = parser.parse_args(arguments)
    if options.row is None:
        for name in NAMES:
            print(f"{name:20}{(import_module(f'benchmarks.sharing.{name}').__doc__ or '').splitlines()[0]}")
        return
    if options.row not in NAMES:
        sys.exit(f"Expected the name of a row, got {options.row!r}{close_names(options.row, NAMES)}")
    run = import_module(f"benchmarks.sharing.{options.row}").run
    for figures in run(**({"seeds": options.seeds} if options.seeds else {})):
        path = record.append(f"sharing_{options.row}", figures)
        print("  ".join(f"{name}={record.short(value)}" for name, value in figures.items()), flush=True)
        print(f"appended to {path}", flush=True)


if __name__ == "__main__":
    main()
