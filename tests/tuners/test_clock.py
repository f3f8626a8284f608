"""The time that is used, through kills and jumps."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest

from autonas_keras.tuners import Clock, check_time_limit
from tests.training.test_pace import Time


@pytest.mark.parametrize("limit", [0, -1, -math.inf, math.inf, math.nan, "60", None, True])
def test_an_absurd_limit_is_refused(limit: object) -> None:
    with pytest.raises(ValueError, match="Expected time_limit to be a positive number of seconds, got"):
        check_time_limit(limit)


def test_the_time_of_killed_processes_counts_and_that_between_them_does_not(tmp_path: Path) -> None:
    now = Time()
    first = Clock(100, tmp_path, now=now)
    now.seconds = 30.0
    first.save()
    now.seconds = 10_000.0
    second = Clock(100, tmp_path, now=now)
    now.seconds += 5
    assert second.used() == 35
    assert second.left() == 65 and second.left(0.5) == 15
    assert Clock(200, tmp_path, now=now).left() == 170, "Another limit may be given to the same search."


def test_a_process_may_have_begun_before_its_clock() -> None:
    now = Time()
    now.seconds = 50.0
    assert Clock(100, None, start=40.0, now=now).used() == 10


def test_the_time_of_day_may_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(100, tmp_path)
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert 0 <= clock.used() < 60


@pytest.mark.parametrize("text", ["", '{"used": 3', "[]", '{"used": -4}', '{"used": null}', '{"used": NaN}'])
def test_a_file_that_is_not_whole_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "clock.json").write_text(text)
    assert Clock(100, tmp_path, now=Time()).used() == 0


def test_the_time_is_written_down_while_something_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autonas_keras.tuners.clock.BEAT", 0.01)
    now = Time()
    clock = Clock(100, tmp_path, now=now)
    with clock.running():
        now.seconds = 7.0
        end = time.monotonic() + 20
        while json.loads((tmp_path / "clock.json").read_text())["used"] != 7 and time.monotonic() < end:
            time.sleep(0.01)
        assert json.loads((tmp_path / "clock.json").read_text())["used"] == 7


def test_phases_and_plans_are_those_of_the_first_time(tmp_path: Path) -> None:
    now = Time()
    clock = Clock(100, tmp_path, now=now)
    now.seconds = 40.0
    with pytest.raises(KeyboardInterrupt), clock.phase("final"):
        assert clock.plan("final", lambda: {"cells": 5}) == {"cells": 5}
        now.seconds = 60.0
        raise KeyboardInterrupt
    clock.save()
    later = Clock(100, tmp_path, now=now)
    assert later.plan("final", lambda: {"cells": 9}) == {"cells": 5}
    assert later.gone("final") == pytest.approx(20 / (60 - later.closing))
    with later.phase("final"):
        now.seconds += 10
    assert later.phases == {"final": [40.0, 70.0]}
    assert later.gone("search") == 0, "It has not begun."


def test_a_part_that_a_later_one_followed_has_its_end(tmp_path: Path) -> None:
    now = Time()
    clock = Clock(100, tmp_path, now=now)
    with clock.phase("search"):
        now.seconds = 10.0
    with pytest.raises(KeyboardInterrupt), clock.phase("final"):
        now.seconds = 20.0
        raise KeyboardInterrupt
    clock.save()
    later = Clock(100, tmp_path, now=now)
    with later.phase("search"):
        now.seconds = 30.0
    with later.phase("final"):
        now.seconds = 40.0
    assert later.phases == {"search": [0.0, 10.0], "final": [10.0, 40.0]}


def test_a_folder_that_is_gone_does_not_end_a_search(tmp_path: Path) -> None:
    clock = Clock(100, tmp_path / "gone", now=Time())
    clock.save()
    assert not (tmp_path / "gone").exists()


def test_a_worker_goes_by_the_clock_of_its_chief(tmp_path: Path) -> None:
    now, elsewhere = Time(), Time()
    elsewhere.seconds = 1000.0
    worker = Clock(100, tmp_path, start=900.0, now=elsewhere, follows=True)
    assert worker.used() <= 1, "The chief has not begun."
    chief = Clock(100, tmp_path, now=now)
    now.seconds = 30.0
    chief.save()
    elsewhere.seconds += 5
    assert worker.used() == 30
    elsewhere.seconds += 0.4
    assert worker.used() == pytest.approx(30.4)
    elsewhere.seconds += 60  # nobody writes: the chief is gone, and its clock stands
    assert worker.used() == 31
    now.seconds = 35.0
    chief.save()
    elsewhere.seconds += 1
    assert worker.used() == 35
    worker.save()
    assert json.loads((tmp_path / "clock.json").read_text())["used"] == 35
