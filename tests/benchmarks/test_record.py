from __future__ import annotations

import csv
import re
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from benchmarks import command, record, rows

NAMES = command.names(rows)


def test_lines_are_appended_with_their_circumstances(tmp_path: Path) -> None:
    for seed in (0, 1):
        path = record.append("row", {"seed": seed, "accuracy": 0.98765432}, tmp_path)
    lines = list(csv.DictReader(path.open()))
    assert [line["seed"] for line in lines] == ["0", "1"]
    assert lines[0]["accuracy"] == "0.98765"
    assert list(lines[0])[:7] == ["date", "commit", "cpu", "cores", "python", "tensorflow", "keras"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", lines[0]["date"])
    assert [entry.name for entry in tmp_path.iterdir()] == ["row.csv"]
    assert record.lines("row", tmp_path) == lines
    assert record.lines("none", tmp_path) == []


def test_a_new_figure_gets_a_column_and_older_lines_stay(tmp_path: Path) -> None:
    record.append("row", {"accuracy": 0.5}, tmp_path)
    path = record.append("row", {"params": 7, "text": 'a, "b"'}, tmp_path)
    first, second = csv.DictReader(path.open())
    assert (first["accuracy"], first["params"]) == ("0.5", "")
    assert (second["accuracy"], second["params"], second["text"]) == ("", "7", 'a, "b"')


def test_every_row_says_what_it_measures_and_takes_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(rows, "rows", [])
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == NAMES
    assert all(len(line.split()) > 3 for line in listed)
    for name in NAMES:
        assert "seeds" in signature(import_module(f"benchmarks.rows.{name}").run).parameters


def test_an_unknown_row_is_one_sentence() -> None:
    with pytest.raises(SystemExit, match="Expected the name of a row, got 'mnits'; did you mean 'mnist'"):
        command.main(rows, "rows", ["mnits"])
