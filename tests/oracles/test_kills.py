"""Searches that are killed at any moment, and go on as if they never were."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.oracles.real_search import TRIALS
from tests.oracles.searches import check_files, story

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
@pytest.mark.parametrize(("name", "kills"), [("RegularizedEvolution", 60), ("Genetic", 15), ("LocalSearch", 15)])
def test_many_kills_change_nothing(name: str, kills: int, tmp_path: Path) -> None:
    assert kill(name, tmp_path, kills)["kills"] >= kills


@pytest.mark.slow(seconds=75)
def test_ten_kills_of_a_search_of_real_networks_change_nothing(tmp_path: Path) -> None:
    rng = random.Random(0)
    whole, cut = (start_real(tmp_path / name) for name in ("whole", "cut"))
    killed = []
    for number in range(10):
        # Spread over the trials, each at a random moment of one of them.
        wait_for_trials(tmp_path / "cut", 5 * number + 2, cut)
        time.sleep(rng.uniform(0, 0.4))
        cut.send_signal(signal.SIGKILL)
        cut.wait()
        check_files(tmp_path / "cut" / "search")
        killed.append(len(ended(tmp_path / "cut")))
        cut = start_real(tmp_path / "cut")
    assert cut.wait() == whole.wait() == 0
    assert killed == sorted(killed) and killed[0] < killed[-1] < TRIALS, killed
    stories = [story(tmp_path / name) for name in ("whole", "cut")]
    assert len(stories[0][0]) == TRIALS
    # What was under way at a kill ran twice, nothing else did.
    runs = [[trial.pop() for trial in told[0]] for told in stories]
    assert stories[0] == stories[1]
    assert sum(runs[1]) <= sum(runs[0]) + 10


def start_real(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.oracles.real_search", str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def ended(folder: Path) -> list[str]:
    file = folder / "search" / "oracle.json"
    return json.loads(file.read_text())["end_order"] if file.exists() else []


def wait_for_trials(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    while len(ended(folder)) < count:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
