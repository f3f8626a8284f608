"""Searches that are killed at any moment, and go on as if they never were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.oracles.real_search import TRIALS
from tests.oracles.searches import story

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3


def program(module: str, *arguments: object) -> Any:
    """What a program of kills prints, in a process of its own: it forks, which one that ran TensorFlow must not."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"tests.oracles.{module}", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_searches_that_are_killed_at_random_moments_are_the_same(tmp_path: Path) -> None:
    kills = program("searches", tmp_path, 12, "RegularizedEvolution", "Genetic", "LocalSearch")
    assert len(kills) == 3 and min(kills.values()) >= 12, kills


@pytest.mark.slow(seconds=12)
def test_kills_of_a_search_of_real_networks_change_nothing(tmp_path: Path) -> None:
    killed = program("real_search", tmp_path, KILLS)
    assert len(killed) == KILLS and killed == sorted(killed) and killed[0] < killed[-1] < TRIALS, killed
    stories = [story(tmp_path / name) for name in ("whole", "cut")]
    assert len(stories[0][0]) == TRIALS
    # What was under way at a kill ran twice, nothing else did.
    runs = [[trial.pop() for trial in told[0]] for told in stories]
    assert stories[0] == stories[1]
    assert sum(runs[1]) <= sum(runs[0]) + KILLS
