"""NAS-Bench-Macro.

Reference: Su, Huang, Li, You, Wang, Qian, Zhang, Xu, "Prioritized Architecture Sampling with Monto-Carlo Tree Search",
CVPR 2021.
"""

from __future__ import annotations

import pandas as pd

from autonas_keras.nasbench.reading import Source, read_frame
from autonas_keras.nasbench.table import Protocol, Table, check_complete, missing_column
from autonas_keras.spaces import Architecture, Choice, Space

LAYERS = 8
BLOCKS = ("identity", "mb3_k3", "mb6_k5")  # their digits 0, 1, 2: MobileNetV2 blocks of expansion 3 and 6
SEEDS = 3
SIZE = len(BLOCKS) ** LAYERS


class NasBenchMacro(Table):
    """The 6,561 networks of NAS-Bench-Macro on CIFAR-10: eight layers, three blocks each, each trained three times.

    A search sees the test accuracy of one training; what is reported is the mean of the three.

    Args:
        source: A csv or parquet file, or a frame, with ``arch`` (eight digits), ``test_acc_seed0`` to
            ``test_acc_seed2``, ``mean_acc`` and, for the costs, ``params`` and ``flops``; or the json of the
            repository of the benchmark.
        training: Which of the three trainings a search sees, 0 to 2.

    Raises:
        FileNotFoundError: When the file is not there.
        ValueError: When it is truncated or lacks a column, or there is no such training.
    """

    def __init__(self, source: Source, training: int = 0) -> None:
        if training not in range(SEEDS):
            raise ValueError(f"Expected training to be 0 to {SEEDS - 1}, got {training!r}.")
        frame = _with_seeds(read_frame(source))
        protocols = {"cifar10": Protocol(f"test_acc_seed{int(training)}", "mean_acc")}
        check_complete(frame, ["arch", *protocols["cifar10"]], "NAS-Bench-Macro", SIZE)
        # A number has lost the zeros that it began with.
        texts = [str(text).zfill(LAYERS) for text in frame["arch"].tolist()]
        space = Space(tuple(Choice(f"layer_{layer}", BLOCKS) for layer in range(1, LAYERS + 1)))
        costs = {name: name for name in ("params", "flops") if name in frame.columns}
        super().__init__(space, [_blocks(text) for text in texts], frame.assign(arch=texts), protocols, costs)

    def architecture(self, text: str) -> Architecture:
        """The architecture of eight digits.

        Raises:
            ValueError: When the text is not eight digits of 0 to 2.
        """
        return self.space.architecture(dict(zip(self.space.named, _blocks(text), strict=True)))


def _with_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column for each training: the json of the repository lists them in ``test_acc``."""
    if "test_acc" not in frame.columns:
        return frame
    if "arch" not in frame.columns:
        raise ValueError(missing_column("arch", frame.columns))
    lists = frame["test_acc"].tolist()
    if not all(isinstance(accuracies, (list, tuple)) and len(accuracies) == SEEDS for accuracies in lists):
        raise ValueError(f"Expected {SEEDS} accuracies in 'test_acc' of every architecture, got others.")
    columns = pd.DataFrame(lists, columns=[f"test_acc_seed{seed}" for seed in range(SEEDS)], index=frame.index)
    return pd.concat([frame.drop(columns="test_acc"), columns], axis=1).rename(columns={"std": "std_acc"})


def _blocks(text: str) -> tuple[str, ...]:
    if len(text) != LAYERS or not set(text) <= set("012"):
        raise ValueError(f"Expected an architecture of {LAYERS} digits from 0 to 2, such as 22212202, got {text!r}.")
    return tuple(BLOCKS[int(digit)] for digit in text)
