from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks import record
from benchmarks.strategies import __main__ as command


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    append = record.append
    monkeypatch.setattr(record, "append", lambda row, figures: append(row, figures, tmp_path))
    return tmp_path


def lines(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    command.main([])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(command.ROWS)


def test_a_row_on_a_table_is_appended(data_dir: Path, monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    monkeypatch.setenv("AUTONAS_DATA", str(data_dir))
    command.main(["macro", "--strategies", "random", "evolution", "--runs", "3", "--evaluations", "20"])
    first, second = lines(results / "strategies_macro.csv")
    assert (first["strategy"], first["runs"], first["target"]) == ("random", "3", "92.79")
    assert second["strategy"] == "evolution:population_size=10,sample_size=3"
    assert 80 < float(first["mean"]) <= 93.127


def test_steps_are_timed_at_two_lengths(results: Path) -> None:
    command.main(["cost", "--strategies", "random", "--evaluations", "1000"])
    first, second = lines(results / "strategies_cost.csv")
    assert (first["evaluations"], second["evaluations"]) == ("100", "1000")
    assert float(first["propose_us"]) > 0


def test_unknown_names_are_one_sentence() -> None:
    with pytest.raises(SystemExit, match="Expected the name of a row, got 'macros'; did you mean 'macro'"):
        command.main(["macros"])
    with pytest.raises(SystemExit, match="Expected the name of a strategy, got 'predict'; did you mean 'predictor'"):
        command.main(["macro", "--strategies", "predict"])
    with pytest.raises(SystemExit, match="without --runs and --jobs"):
        command.main(["cost", "--runs", "3"])
