"""Every example runs to its end, with a small budget."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))
# The others take --quick.
BUDGETS = {
    "structured_data.py": ["--trials", "1", "--epochs", "1"],
    "time_limit.py": ["8"],
}
ALONE = {"several_workers.py", "resuming.py"}  # they start processes that run the same file


def run(arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example as a program, in a folder of its own; in this process where it may, since imports take seconds."""
    program = str(EXAMPLES / arguments[0])
    arguments = [program, *arguments[1:], *BUDGETS.get(arguments[0], ["--quick"])]
    if Path(program).name in ALONE:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True, timeout=900)
        return
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(program, run_name="__main__")


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_short_and_says_how_to_run_it_and_what_it_showed(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert len(text.splitlines()) <= 80
    lines = text.split('"""')[1].splitlines()
    assert lines[0].endswith("."), lines[0]
    assert any(f"python examples/{name}" in line for line in lines)
    assert any(re.match("Here[ ,:]", line) for line in lines), "a line that says what it showed here"


@pytest.mark.parametrize("name", [*PROGRAMS, "image_classification_darts.ipynb"])
def test_an_example_is_listed(name: str) -> None:
    assert f"(../examples/{name})" in (ROOT / "docs" / "index.md").read_text()


SLOW = [name for name in PROGRAMS if name not in ("nasbench.py", "custom_space.py", "strategies_on_a_table.py")]


@pytest.mark.filterwarnings("ignore:Expected a time_limit for an epoch")  # on a busy machine
@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("name", SLOW)
def test_an_example_that_trains_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run([name], tmp_path, monkeypatch)


@pytest.mark.slow(seconds=10)
def test_image_classification_takes_a_method_with_mobile_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["image_classification.py", "--tuner", "bignas"], tmp_path, monkeypatch)


def test_a_space_is_asked_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["custom_space.py"], tmp_path, monkeypatch)
    assert "it reads back: True" in capsys.readouterr().out and (tmp_path / "sample.svg").exists()


def test_strategies_are_compared_on_a_made_up_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTONAS_DATA", raising=False)
    run(["strategies_on_a_table.py"], tmp_path, monkeypatch)
    assert (tmp_path / "strategies.png").exists()


def test_strategies_are_compared_on_the_published_table(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["nasbench.py", str(data_dir / "nas_bench_201.csv.gz")], tmp_path, monkeypatch)
    assert (tmp_path / "curves.png").exists()


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUICK", "1")
    notebook = json.loads((EXAMPLES / "image_classification_darts.ipynb").read_text())
    assert notebook["nbformat"] == 4 and not any(cell.get("outputs") for cell in notebook["cells"])
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "cell", "exec"), names)
    assert (tmp_path / "notebook.keras").exists()
