"""The time that is left, and who is told of runs."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from autonas_keras.tuners import watching
from autonas_keras.tuners.watching import Estimate, TimeLeft, duration, named


class Clock:
    """A clock that goes on when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(watching.time, "perf_counter", lambda: self.now)


def test_the_time_left_is_that_of_the_last_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    estimate = Estimate(20)
    told = []
    for done in range(1, 21):
        clock.now += 100 if done == 1 else 20  # the first step traces its graph
        told.append(estimate.step(done))
    assert told[2] == "about 6 min left" and told[10] == "about 3 min left"
    assert told[-1] is None  # nothing is left


def test_it_is_told_every_half_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    estimate = Estimate(1000)
    told = 0
    for done in range(1, 121):
        clock.now += 1
        told += estimate.step(done) is not None
    assert told == 4


def test_what_was_done_before_a_restart_is_not_taken_for_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    estimate = Estimate(100, done=90)
    clock.now += 60
    assert estimate.step(91) == "about 9 min left"


def test_a_training_prints_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock, callback = Clock(monkeypatch), TimeLeft(10, "the search")
    for epoch in (4, 5):
        callback.on_epoch_begin(epoch)
        clock.now += 40
        callback.on_epoch_end(epoch)
    assert capsys.readouterr().out == (
        "Epoch 5 of 10 of the search, about 3 min left.\nEpoch 6 of 10 of the search, about 3 min left.\n"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (61, "61 s"), (600, "10 min"), (9000, "2 h 30 min"), (200_000, "56 h")]
)
def test_times_are_told_as_exactly_as_they_are_known(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_only_callbacks_that_keep_runs_apart_watch_supernets() -> None:
    class Watching(keras.callbacks.Callback):
        runs: list[Any] = []

        def begin_run(self, name: str, **network: Any) -> None:
            self.runs.append((name, network))

    knowing, other = Watching(), keras.callbacks.Callback()
    assert named([knowing, other], "search", supernet=True) == [knowing]
    assert named([knowing, other], "final", space=1) == [knowing, other]
    assert knowing.runs == [("search", {}), ("final", {"space": 1})]
