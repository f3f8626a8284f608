"""``python -m benchmarks.time NAME [--seeds 0 1]``; without a name the rows are listed."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import command, time  # noqa: E402

if __name__ == "__main__":
    command.main(time, "python -m benchmarks.time", prefix="time_")
