"""``python -m benchmarks NAME [--seeds 0 1 2]``; without a name the rows are listed."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import command, rows  # noqa: E402

if __name__ == "__main__":
    command.main(rows, "python -m benchmarks")
