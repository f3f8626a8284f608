"""Files of tables as frames, with one sentence for what cannot be read."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame


def read_frame(source: Source) -> pd.DataFrame:
    """The frame of a file: csv (compressed or not), parquet, or json that maps each architecture to its results.

    Text stays text: the ``arch`` of a csv keeps its leading zeros.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the file is truncated, empty or of another kind.
        ImportError: When it is a parquet file and neither pyarrow nor fastparquet is installed.
    """
    if isinstance(source, pd.DataFrame):
        return source
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a file with a benchmark table, got {str(path)!r}, which is not there.")
    frame = _read(path, _reader(path))
    if frame.empty:
        raise ValueError(f"Expected a table in {str(path)!r}, got no rows.")
    return frame


def _reader(path: Path) -> Callable[[Path], pd.DataFrame]:
    kinds: dict[str, Callable[[Path], pd.DataFrame]] = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    for suffix in path.suffixes[-2:]:
        if suffix.lower() in kinds:
            return kinds[suffix.lower()]
    raise ValueError(f"Expected a file that ends in .csv, .csv.gz, .json, .json.gz or .parquet, got {path.name!r}.")


def _read(path: Path, reader: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    try:
        return reader(path)
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        # pandas raises subclasses of ValueError for what it cannot parse; pyarrow's errors are ValueError or OSError.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"Expected a whole {path.suffix} table in {str(path)!r}, got one that cannot be read ({reason}); "
            "it may be truncated or of another kind, fetch it again."
        ) from error


def _csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"arch": str})


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            f"Expected pyarrow or fastparquet to read {str(path)!r}, got neither; pip install pyarrow."
        ) from error


def _json(path: Path) -> pd.DataFrame:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        content = json.load(file)
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ValueError(f"it holds a {type(content).__name__}, not an object of architectures and their results")
    return pd.DataFrame([{"arch": arch, **entry} for arch, entry in content.items()])
