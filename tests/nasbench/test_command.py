from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pandas as pd
import pytest

from autonas_keras.nasbench.__main__ import main
from tests.nasbench.small import small_frame

MACRO = "nas_bench_macro_cifar10.csv.gz"


def test_it_prints_means_and_writes_curves_and_plot(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evolution = "evolution:population_size=10,sample_size=3"
    strategies = ["--strategy", "random", "--strategy", evolution]
    prefix = tmp_path / "out" / "macro.v1"
    main([str(data_dir / MACRO), *strategies, "--evaluations", "30", "--runs", "5", "--output", str(prefix)])
    printed = capsys.readouterr()
    assert "optimum 93.13" in printed.out
    assert "random" in printed.err  # the bar
    assert sorted(path.name for path in prefix.parent.iterdir()) == ["macro.v1.csv", "macro.v1.png"]
    curves = pd.read_csv(tmp_path / "out" / "macro.v1.csv")
    assert curves.groupby("strategy", sort=False).size().to_dict() == {"random": 150, evolution: 150}
    assert curves["reported"].between(45, 93.13).all()
    last = curves[(curves["evaluation"] == 30) & (curves["strategy"] == "random")]["reported"]
    assert f"{last.mean():.3f}" in printed.out
    assert f"{last.std():.3f}" in printed.out
    assert matplotlib.image.imread(tmp_path / "out" / "macro.v1.png").std() > 0.05


def test_any_table_is_searched_by_its_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_frame().to_csv("mine.csv", index=False)
    columns = ["--decisions", "units, depth,activation", "--signal", "val", "--report", "test"]
    main(["mine.csv", *columns, "--strategy", "random", "--evaluations", "40", "--runs", "3"])
    assert "12.600" in capsys.readouterr().out
    assert (tmp_path / "mine_search.csv").is_file()
    assert (tmp_path / "mine_search.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "Expected a file with a benchmark table, got 'none.csv'"),
        (["mine.csv"], "for another table say which columns are decisions"),
        (["mine.csv", "--decisions", "units", "--signal", "val"], "Expected every architecture once"),
        (["mine.csv", "--decisions", "units,depth,activation", "--signal", "val", "--runs", "0"], "got 0"),
        (["mine.csv", "--decisions", "units,depth,activation", "--signal", "val", "--strategy", "x"], "got 'x'"),
        (["mine.csv", "--decisions", "units,depth,activation", "--signal", "val", "--dataset", "y"], "got 'y'"),
    ],
)
def test_what_it_cannot_do_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    small_frame().to_csv("mine.csv", index=False)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.slow
def test_it_runs_as_a_module_in_several_processes(data_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "autonas_keras.nasbench", str(data_dir / MACRO), "--strategy", "random"]
    subprocess.run(
        [*command, "--runs", "4", "--evaluations", "20", "--jobs", "2", "--output", "o"], cwd=tmp_path, check=True
    )
    assert len(pd.read_csv(tmp_path / "o.csv")) == 80
