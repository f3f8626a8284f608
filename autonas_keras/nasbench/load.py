"""A table by its file alone."""

from __future__ import annotations

from collections.abc import Sequence

from autonas_keras.nasbench.macro import NasBenchMacro
from autonas_keras.nasbench.nasbench201 import NasBench201
from autonas_keras.nasbench.reading import Source, read_frame
from autonas_keras.nasbench.table import Table


def load_table(
    source: Source, decisions: Sequence[str] = (), signal: str | None = None, report: str | None = None
) -> Table:
    """The table of a file, recognised by its columns; with ``decisions`` and ``signal`` any table with such columns.

    Args:
        source: A file that ``NasBench201``, ``NasBenchMacro`` or ``Table.from_frame`` reads.
        decisions: The columns that name an architecture.
        signal: The column that a search sees.
        report: The column that is reported; ``signal`` when None.

    Raises:
        FileNotFoundError: When the file is not there.
        ValueError: When it is truncated, or no table that is known.
    """
    frame = read_frame(source)
    if decisions or signal or report:
        if not decisions or not signal:
            raise ValueError("Expected both the decision columns and the signal column of the table, got one only.")
        return Table.from_frame(frame, decisions, signal, report)
    if "arch" in frame.columns:
        if str(frame["arch"].iloc[0]).startswith("|"):
            return NasBench201(frame)
        if "mean_acc" in frame.columns:
            return NasBenchMacro(frame)
    raise ValueError(
        "Expected the columns of NAS-Bench-201 (arch, cifar10_val_acc_12ep, ...) or NAS-Bench-Macro (arch, "
        f"test_acc_seed0, mean_acc, ...), got {[str(column) for column in frame.columns][:12]}; "
        "for another table say which columns are decisions and which the signal."
    )
