"""Tables of results: every line says when, on which commit and on which machine it was measured."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def append(row: str, figures: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Append a line to ``folder/row.csv``; figures it has no column for yet get one, empty in older lines."""
    path = folder / f"{row}.csv"
    line = {**circumstances(), **{name: short(value) for name, value in figures.items()}}
    before: list[dict[str, str]] = []
    columns: list[str] = []
    if path.exists():
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            before, columns = list(reader), list(reader.fieldnames or ())
    columns += [name for name in line if name not in columns]
    folder.mkdir(parents=True, exist_ok=True)
    half_written = path.with_suffix(".part")
    with half_written.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*before, line])
    os.replace(half_written, path)
    return path


def lines(row: str, folder: Path = RESULTS) -> list[dict[str, str]]:
    """All lines of ``folder/row.csv``, none when it is not there."""
    path = folder / f"{row}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def short(value: Any) -> Any:
    """Floats with the digits that mean something."""
    return f"{value:.5g}" if isinstance(value, float) else value


def circumstances() -> dict[str, str]:
    """Time, commit and machine, as the first columns of every table."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "commit": commit(),
        "cpu": processor(),
        "cores": str(cores),
        "python": platform.python_version(),
        **{name: version(name) for name in ("tensorflow", "keras")},
    }


def commit() -> str:
    """The short hash, with ``+changes`` when the tree differs from it other than in results; empty without git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", ":/", f":(exclude,top){RESULTS.parent.name}/{RESULTS.name}")
        return git("rev-parse", "--short", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor() -> str:
    """The model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
