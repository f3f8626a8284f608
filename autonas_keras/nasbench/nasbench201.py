"""NAS-Bench-201.

Reference: Dong, Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autonas_keras.nasbench.official import DATASETS, frame_of_api
from autonas_keras.nasbench.reading import Source, read_frame
from autonas_keras.nasbench.table import Protocol, Table, check_complete
from autonas_keras.spaces import Architecture, CellSpace, Option, close_names, from_nasbench201, to_nasbench201

SIZE = 15_625


class NasBench201(Table):
    """The 15,625 cells of NAS-Bench-201, on CIFAR-10, CIFAR-100 and ImageNet16-120.

    A search sees the validation accuracy after 12 epochs; what is reported is the test accuracy after 200.

    Example::

        table = NasBench201("nas_bench_201.csv.gz")
        search(RegularizedEvolution(table.space, population_size=10, sample_size=3), table.evaluate("cifar10"), budget=110)

    Args:
        source: A csv or parquet file, or a frame, with the official strings in ``arch`` and columns such as
            ``cifar10_val_acc_12ep`` and ``cifar10_test_acc_200ep``; or the object of the official package, whose
            results are then read once, means over its seeds.
        latency: An npz of ``latency_ms`` (architectures, devices) in the official order, and ``devices``; the costs
            then have ``latency_ms_<device>`` too.
        times: A csv or frame of ``arch_index`` and columns such as ``cifar10_12ep_train_time_s``, for some or all
            architectures.

    Raises:
        FileNotFoundError: When a file is not there.
        ValueError: When a file is truncated, or lacks an architecture or a column.
    """

    def __init__(
        self, source: Source | Any, latency: str | os.PathLike[str] | None = None, times: Source | None = None
    ) -> None:
        space = CellSpace.nasbench201()
        frame = frame_of_api(source, space) if hasattr(source, "get_more_info") else read_frame(source)
        check_complete(frame, ["arch"], "NAS-Bench-201", SIZE)
        protocols = _protocols(frame)
        check_complete(frame, [c for p in protocols.values() for c in p], "NAS-Bench-201", SIZE)
        costs = {name: f"{name}_cifar10" for name in ("params", "flops") if f"{name}_cifar10" in frame.columns}
        if latency is not None or times is not None:
            check_complete(frame, ["arch_index"], "NAS-Bench-201", SIZE)
        if "arch_index" in frame.columns:
            frame = frame.sort_values("arch_index", ignore_index=True)
        self.devices: tuple[str, ...] = ()
        if latency is not None:
            columns = _latencies(latency)
            frame = pd.concat([frame, columns], axis=1)
            costs |= {column: column for column in columns}
            self.devices = tuple(column.removeprefix("latency_ms_") for column in columns)
        if times is not None:
            frame = frame.merge(_times(read_frame(times)), on="arch_index", how="left", validate="one_to_one")
        super().__init__(space, _keys(space, frame["arch"].tolist()), frame, protocols, costs)

    def architecture(self, text: str) -> Architecture:
        """The architecture of an official string, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
        return from_nasbench201(self.space, text)  # type: ignore[arg-type]

    def accuracy(
        self, architecture: Mapping[str, Option], dataset: str = "cifar10", epochs: int = 200, split: str = "test"
    ) -> float:
        """The accuracy in per cent after a schedule of so many epochs.

        Args:
            architecture: A cell of the table.
            dataset: "cifar10", "cifar100" or "imagenet16_120".
            epochs: 12 or 200: two schedules, the short one is no prefix of the long one.
            split: "val" or "test".

        Raises:
            ValueError: When the table has no such column.
        """
        self.protocol(dataset)
        return self.lookup(f"{self._dataset(dataset)}_{split}_acc_{epochs}ep")(architecture)

    def latency(self, architecture: Mapping[str, Option], device: str) -> float:
        """The latency in milliseconds on a device.

        Raises:
            ValueError: When no latencies were loaded, or the device is unknown.
        """
        if device not in self.devices:
            asked = close_names(device, self.devices) if self.devices else "; give NasBench201 the file as latency=..."
            raise ValueError(f"Expected one of the {len(self.devices)} devices of the table, got {device!r}{asked}.")
        return self.lookup(f"latency_ms_{device}")(architecture)

    def training_seconds(self, architecture: Mapping[str, Option], dataset: str = "cifar10", epochs: int = 12) -> float:
        """The seconds that its training took, on the whole training set; NaN where they are not known.

        Raises:
            ValueError: When no times were loaded.
        """
        self.protocol(dataset)
        return self.lookup(f"{self._dataset(dataset)}_{epochs}ep_train_time_s")(architecture)

    def _dataset(self, name: str) -> str:
        # The official names are written "ImageNet16-120" and, for the split that is searched on, "cifar10-valid".
        return str(name).lower().replace("-", "_").removesuffix("_valid")


def _protocols(frame: pd.DataFrame) -> dict[str, Protocol]:
    found = {name: Protocol(f"{name}_val_acc_12ep", f"{name}_test_acc_200ep") for name in DATASETS}
    there = {name: protocol for name, protocol in found.items() if set(protocol) <= set(frame.columns)}
    if not there:
        raise ValueError(
            "Expected a table of NAS-Bench-201 with columns such as 'cifar10_val_acc_12ep' and "
            f"'cifar10_test_acc_200ep', got {[str(c) for c in frame.columns][:12]}."
        )
    return there


def _keys(space: CellSpace, texts: Sequence[str]) -> list[tuple[Option, ...]]:
    """The options of each official string; all strings are written once, which is faster than to read each."""
    pattern = to_nasbench201(space, dict.fromkeys(space.named, "{}"))
    known = {pattern.format(*key): key for key in product(space.operations, repeat=len(space.named))}
    # What is written in another way is read, or refused with the reason.
    return [known[text] if text in known else tuple(from_nasbench201(space, str(text)).values()) for text in texts]


def _latencies(path: str | os.PathLike[str]) -> pd.DataFrame:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a file of latencies, got {str(path)!r}, which is not there.")
    try:
        with np.load(path) as file:
            values, devices = file["latency_ms"], [str(device) for device in file["devices"]]
    except (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected an npz with latency_ms and devices in {str(path)!r}, got one that cannot be read ({error})."
        ) from error
    if values.shape != (SIZE, len(devices)):
        raise ValueError(f"Expected latencies of shape {(SIZE, len(devices))} in {str(path)!r}, got {values.shape}.")
    return pd.DataFrame(values.astype(float), columns=[f"latency_ms_{device}" for device in devices])


def _times(frame: pd.DataFrame) -> pd.DataFrame:
    kept = [column for column in frame.columns if str(column).endswith("_time_s")]
    if "arch_index" not in frame.columns or not kept:
        raise ValueError(
            "Expected training times with arch_index and columns such as 'cifar10_12ep_train_time_s', "
            f"got {[str(c) for c in frame.columns][:12]}."
        )
    return frame[["arch_index", *kept]]
