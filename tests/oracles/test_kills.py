"""Searches that are killed at any moment, and go on as if they never were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def kill(name: str, folder: Path, kills: int) -> dict[str, int]:
    """Kill searches in a process of its own: it forks, which one that has run TensorFlow must not."""
    done = subprocess.run(
        [sys.executable, "tests/oracles/searches.py", name, str(folder), str(kills)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_search_that_is_killed_at_random_moments_is_the_same(tmp_path: Path) -> None:
    assert kill("RegularizedEvolution", tmp_path, 8)["kills"] >= 8


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kills"), [("RegularizedEvolution", 200), ("Genetic", 40), ("LocalSearch", 40)])
def test_many_kills_change_nothing(name: str, kills: int, tmp_path: Path) -> None:
    assert kill(name, tmp_path, kills)["kills"] >= kills
