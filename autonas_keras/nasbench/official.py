"""The object of the official packages, ``nats_bench`` and ``nas_201_api``, read into a frame.

Neither package is needed: whatever has their three methods is taken.

Reference: Dong, Liu, Musial, Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size",
TPAMI 2021.
"""

from __future__ import annotations

import inspect
from typing import Any

import pandas as pd
from rich.progress import track

from autonas_keras.spaces import CellSpace, to_nasbench201

# Our name, the official name of what is trained on all training images, and that of the half that leaves a
# validation set. Only CIFAR-10 has two: the others come with a validation set of their own.
DATASETS = {
    "cifar10": ("cifar10", "cifar10-valid"),
    "cifar100": ("cifar100", "cifar100"),
    "imagenet16_120": ("ImageNet16-120", "ImageNet16-120"),
}
EPOCHS = (12, 200)


def frame_of_api(api: Any, space: CellSpace) -> pd.DataFrame:
    """All results of the official object as a frame in its order, means over seeds.

    Args:
        api: ``nats_bench.create(path, "tss", verbose=False)``, the older ``NASBench201API``, or what behaves so.
        space: ``CellSpace.nasbench201()``.

    Raises:
        TypeError: When it lacks a method.
        ValueError: When it does not know an architecture.
    """
    for name in ("query_index_by_arch", "get_more_info"):
        if not callable(getattr(api, name, None)):
            raise TypeError(f"Expected the object of the official API with a method {name}, got {type(api).__name__}.")
    schedule = _schedule(api)
    rows = []
    for architecture in track(list(space.enumerate()), "reading the official API", transient=True):
        text = to_nasbench201(space, architecture)
        index = int(api.query_index_by_arch(text))
        if index < 0:
            raise ValueError(f"Expected an API that knows all {space.size:,} cells, got none of {text}.")
        rows.append({"arch_index": index, "arch": text, **_results(api, index, schedule), **_costs(api, index)})
    return pd.DataFrame(rows).sort_values("arch_index", ignore_index=True)


def _schedule(api: Any) -> dict[int, dict[str, Any]]:
    """The argument of ``get_more_info`` that picks the schedule of so many epochs; the two packages name it otherwise."""
    if "use_12epochs_result" in inspect.signature(api.get_more_info).parameters:
        return {epochs: {"use_12epochs_result": epochs == 12} for epochs in EPOCHS}
    return {epochs: {"hp": str(epochs)} for epochs in EPOCHS}


def _results(api: Any, index: int, schedule: dict[int, dict[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, (whole, split) in DATASETS.items():
        for epochs, which in schedule.items():
            # is_random=True, their default, draws one of the seeds from Python's global generator.
            trained = api.get_more_info(index, whole, is_random=False, **which)
            held_out = trained if split == whole else api.get_more_info(index, split, is_random=False, **which)
            values = {
                f"{name}_val_acc_{epochs}ep": held_out.get("valid-accuracy"),
                f"{name}_test_acc_{epochs}ep": trained.get("test-accuracy"),
                f"{name}_{epochs}ep_train_time_s": trained.get("train-all-time"),
            }
            found |= {column: float(value) for column, value in values.items() if value is not None}
    return found


def _costs(api: Any, index: int) -> dict[str, int]:
    """Parameters and multiply-adds; the official object counts both in millions."""
    if not callable(getattr(api, "get_cost_info", None)):
        return {}
    found = api.get_cost_info(index, "cifar10")
    return {f"{name}_cifar10": round(found[name] * 1e6) for name in ("params", "flops")}
