from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autonas_keras.nasbench import NasBenchMacro, run, summary
from autonas_keras.strategies import RandomSearch


@pytest.fixture(scope="module")
def frame(data_dir: Path) -> pd.DataFrame:
    return pd.read_csv(data_dir / "nas_bench_macro_cifar10.csv.gz", dtype={"arch": str})


@pytest.fixture(scope="module")
def table(data_dir: Path) -> NasBenchMacro:
    return NasBenchMacro(data_dir / "nas_bench_macro_cifar10.csv.gz")


def as_repository(frame: pd.DataFrame) -> dict[str, Any]:
    """The rows as the json of the repository of the benchmark has them."""
    return {
        row["arch"]: {
            "test_acc": [row[f"test_acc_seed{seed}"] for seed in range(3)],
            "mean_acc": row["mean_acc"],
            "std": row["std_acc"],
            "params": row["params"],
            "flops": row["flops"],
        }
        for row in frame.to_dict("records")
    }


def test_best_and_worst_are_the_published_ones(table: NasBenchMacro) -> None:
    assert len(table) == table.space.size == 6561
    assert table.optimum() == (table.architecture("22212202"), 93.1267)
    assert table.test()(table.architecture("22212220")) == 93.1267
    assert table.test()(table.architecture("00000000")) == table.frame["mean_acc"].min() == 45.3633


def test_a_search_sees_one_training_and_the_mean_is_reported(table: NasBenchMacro, data_dir: Path) -> None:
    architecture = table.architecture("00000001")
    assert list(architecture.values()) == ["identity"] * 7 + ["mb3_k3"]
    assert table.evaluate("cifar10")(architecture) == 64.34
    assert table.test("cifar10")(architecture) == 64.2233
    assert table.costs(architecture) == {"params": 791_594, "flops": 14_115_328}
    third = NasBenchMacro(data_dir / "nas_bench_macro_cifar10.csv.gz", training=2)
    assert third.evaluate()(architecture) == 64.12
    with pytest.raises(ValueError, match="Expected training to be 0 to 2, got 3"):
        NasBenchMacro(data_dir / "nas_bench_macro_cifar10.csv.gz", training=3)


@pytest.mark.parametrize("name", ["table.json", "table.json.gz"])
def test_the_json_of_its_repository_gives_the_same_table(
    frame: pd.DataFrame, table: NasBenchMacro, tmp_path: Path, name: str
) -> None:
    opener = gzip.open if name.endswith("gz") else open
    with opener(tmp_path / name, "wt") as file:
        json.dump(as_repository(frame), file)
    other = NasBenchMacro(tmp_path / name)
    assert [other.query(a) for a in table.architectures[::50]] == [
        {column: table.query(a)[column] for column in other.frame.columns} for a in table.architectures[::50]
    ]
    assert {"arch", "test_acc_seed2", "mean_acc", "std_acc", "params", "flops"} <= set(other.frame.columns)


def test_digits_that_were_read_as_numbers_get_their_zeros_back(frame: pd.DataFrame, table: NasBenchMacro) -> None:
    numbers = NasBenchMacro(frame.assign(arch=frame["arch"].astype(int)))
    assert numbers.architectures == table.architectures


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.iloc[:-5], "Expected the 6,561 architectures of NAS-Bench-Macro, got 6,556 rows"),
        (lambda f: f.drop(columns="mean_acc"), "the column 'mean_acc'"),
        (lambda f: f.drop(columns="test_acc_seed0"), "the column 'test_acc_seed0'.*did you mean 'test_acc_seed"),
        (lambda f: f.assign(mean_acc=np.nan), "got none in row 0 of 'mean_acc'"),
        (lambda f: f.assign(arch=f["arch"].str.replace("2", "3")), "of 8 digits from 0 to 2"),
        (lambda f: f.assign(test_acc=[[1.0, 2.0]] * len(f)), "Expected 3 accuracies in 'test_acc'"),
    ],
    ids=["rows short", "no mean", "no signal", "no values", "other digits", "two trainings"],
)
def test_a_spoilt_table_is_one_sentence(frame: pd.DataFrame, spoil: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NasBenchMacro(spoil(frame))


def test_what_is_no_architecture_is_one_sentence(table: NasBenchMacro) -> None:
    for text in ("2221220", "22212203", "identity"):
        with pytest.raises(ValueError, match=f"of 8 digits from 0 to 2, such as 22212202, got '{text}'"):
            table.architecture(text)


@pytest.mark.slow
def test_random_search_agrees_with_the_published_simulation(table: NasBenchMacro) -> None:
    # 92.79 +- .18 after 100 evaluations, 300 runs.
    found = summary(run(table, {"random": RandomSearch}, 100, 100)).loc["random"]
    assert abs(found["mean"] - 92.79) < 3 * np.hypot(found["standard_error"], 0.18 / np.sqrt(300))
    assert found["std"] == pytest.approx(0.18, rel=0.3)
