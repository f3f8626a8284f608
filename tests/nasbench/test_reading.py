from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from autonas_keras.nasbench import NasBench201, NasBenchMacro, load_table
from autonas_keras.nasbench.reading import read_frame
from tests.nasbench.small import small_frame


def test_a_table_is_recognised_by_its_columns(data_dir: Path) -> None:
    assert type(load_table(data_dir / "nas_bench_201.csv.gz")) is NasBench201
    assert type(load_table(data_dir / "nas_bench_macro_cifar10.csv.gz")) is NasBenchMacro


def test_any_other_table_says_its_columns(tmp_path: Path) -> None:
    small_frame().to_csv(tmp_path / "table.csv", index=False)
    table = load_table(tmp_path / "table.csv", ["units", "depth", "activation"], "val", "test")
    assert (table.optimum().value, len(table)) == (pytest.approx(12.6), 36)
    with pytest.raises(ValueError, match="for another table say which columns are decisions and which the signal"):
        load_table(tmp_path / "table.csv")
    with pytest.raises(ValueError, match="Expected both the decision columns and the signal column"):
        load_table(tmp_path / "table.csv", ["units"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.csv", b"", "No columns to parse"),
        ("table.csv", b"arch,mean_acc\n", "got no rows"),
        ("table.csv", b"a,b\n1,2\n1,2,3,4\n", "Expected a whole .csv table"),
        ("table.csv", b"\xff\xfe\x00\x81", "Expected a whole .csv table"),
        ("table.csv.gz", b"arch,mean_acc\n1,2\n", "Expected a whole .gz table"),
        ("table.json", b'{"00000000": {"test_acc": [1.0,', "Expected a whole .json table"),
        ("table.json", b"[1, 2]", "it holds a list, not an object of architectures"),
        ("table.json", b"{}", "got no rows"),
        ("table.pth", b"", "Expected a file that ends in .csv, .csv.gz, .json"),
    ],
)
def test_a_broken_or_foreign_file_is_one_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_table(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Expected a file with a benchmark table, got .*none.csv.gz"):
        load_table(tmp_path / "none.csv.gz")


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_parquet_without_its_reader_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match="Expected pyarrow or fastparquet to read .*pip install pyarrow"):
        read_frame(tmp_path / "table.parquet")


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_parquet_is_read(tmp_path: Path) -> None:
    small_frame().to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "table.parquet"), small_frame())
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "table.parquet").read_bytes()[:500])
    with pytest.raises(ValueError, match="Expected a whole .parquet table"):
        read_frame(tmp_path / "cut.parquet")
