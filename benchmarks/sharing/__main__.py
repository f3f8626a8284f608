"""``python -m benchmarks.sharing ROW [--seeds 0 1 2]``; without a row they are listed."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import command, sharing  # noqa: E402

if __name__ == "__main__":
    command.main(sharing, "python -m benchmarks.sharing", prefix="sharing_")
