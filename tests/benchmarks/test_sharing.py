from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

from benchmarks import command, sharing

NAMES = command.names(sharing)


def test_every_row_says_what_it_measures_and_takes_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(sharing, "rows", [])
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == NAMES
    assert "latency" in NAMES and all(len(line.split()) > 3 for line in listed)
    for name in NAMES:
        assert "seeds" in signature(import_module(f"benchmarks.sharing.{name}").run).parameters


def test_an_unknown_row_is_one_sentence() -> None:
    with pytest.raises(SystemExit, match="Expected the name of a row, got 'latencies'; did you mean 'latency'"):
        command.main(sharing, "rows", ["latencies"])
