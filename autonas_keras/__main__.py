"""``python -m autonas_keras demo``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m autonas_keras")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="search and train on handwritten digits, beside two baselines")
    demo.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    demo.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on (default 1)")
    demo.add_argument("--directory", default="demo", help="where the results go, and a search goes on (default demo)")
    demo.add_argument("--quick", action="store_true", help="a few epochs only, to see that all of it works")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"Expected --seeds to be at least 1, got {options.seeds}.")

    from autonas_keras.demo import run

    run(range(options.seed, options.seed + options.seeds), options.directory, quick=options.quick)


if __name__ == "__main__":
    main()
