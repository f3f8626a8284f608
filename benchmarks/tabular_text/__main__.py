"""``python -m benchmarks.tabular_text ROW [--seeds 0 1 2]``; without a row they are listed."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import command, tabular_text  # noqa: E402

if __name__ == "__main__":
    command.main(tabular_text, "python -m benchmarks.tabular_text", prefix="tabular_text_")
