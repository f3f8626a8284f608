"""A cheaper training that stands for the full one when architectures are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import tree

NEAR = 0.02  # by how much 1 over a whole number may be missed


@dataclass(frozen=True)
class Proxy:
    """What makes the training of a candidate cheaper; the architectures stay the same.

    Args:
        epochs: Epochs of a candidate, within which the learning rate falls to zero; None for those of a full training.
        data_fraction: Share of the training samples, drawn by the seed with the shares of the classes kept. All
            validation samples are used.
        width: Factor of the channels of searched networks, which become multiples of 4.
        depth: Factor of the number of cells, of which three stay in any case.
        resolution: 1 over a whole number, such as 0.5: images of 24 pixels and more are averaged down.

    Raises:
        ValueError: When a value is out of its range, or nothing is cheaper than in a full training.

    Example:
        ``ank.ImageClassifier(tuner="evolution", proxy=ank.Proxy(epochs=3, data_fraction=0.2), top_k=5)``

    Reference: Zhou et al., "EcoNAS: Finding Proxies for Economical Neural Architecture Search", CVPR 2020, section 3.
    """

    epochs: int | None = None
    data_fraction: float = 1.0
    width: float = 1.0
    depth: float = 1.0
    resolution: float = 1.0

    def __post_init__(self) -> None:
        whole = isinstance(self.epochs, (int, np.integer)) and not isinstance(self.epochs, bool)
        if self.epochs is not None and not (whole and self.epochs >= 1):
            raise ValueError(f"Expected epochs of a proxy to be a positive integer or None, got {self.epochs!r}.")
        shares = {name: getattr(self, name) for name in ("data_fraction", "width", "depth", "resolution")}
        for name, value in shares.items():
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not (number and 0 < value <= 1):
                raise ValueError(f"Expected {name} of a proxy to be a number above 0 and at most 1, got {value!r}.")
        if abs(self.resolution * self.shrink - 1) > NEAR:
            raise ValueError(
                f"Expected resolution of a proxy to be 1 over a whole number, as 0.5 is, got {self.resolution!r}."
            )
        if self.epochs is None and all(value == 1 for value in shares.values()):
            raise ValueError(
                "Expected a proxy that is cheaper than the full training, got one that changes nothing; say epochs, "
                "data_fraction, width, depth or resolution."
            )

    @property
    def shrink(self) -> int:
        """The factor by which images are averaged down."""
        return round(1 / self.resolution)

    def sizes(self) -> dict[str, Any]:
        """What the networks are built with: width, depth and shrink."""
        return {"width": float(self.width), "depth": float(self.depth), "shrink": self.shrink}

    def facts(self) -> dict[str, Any]:
        """The settings as JSON knows them."""
        shares = {name: float(getattr(self, name)) for name in ("data_fraction", "width", "depth", "resolution")}
        return {"epochs": None if self.epochs is None else int(self.epochs), **shares}

    def subset(self, data: tuple[Any, Any], seed: int) -> tuple[Any, Any]:
        """The samples that candidates learn from.

        Args:
            data: x and y, arrays or nests of arrays with the samples on the first axis; y encoded for training.
            seed: Seed of the draw.
        """
        if self.data_fraction == 1:
            return data
        rows = stratified_rows(tree.flatten(data[1]), float(self.data_fraction), seed)
        return tree.map_structure(lambda array: array[rows], data)

    def validate(self, task: Any, x: Any, y: Any = None, n: int = 10, **fit: Any) -> ProxyReport:
        """Train ``n`` random architectures both ways, and say how well the proxy ranks them and what it saves.

        Args:
            task: A task such as ``ank.ImageClassifier(space="nasbench201", seed=0)`` with a tuner that trains one network
                per architecture; it is not fitted by this.
            x: As in ``task.fit``.
            y: As in ``task.fit``.
            n: Architectures; of ten, a correlation is known to some 0.3.
            **fit: Of what else ``task.fit`` takes: ``epochs``, those of the full training, ``batch_size``, ``callbacks``,
                ``validation_split``, ``validation_data`` and ``verbose``.

        Raises:
            ValueError: When nothing of the task's networks follows a setting of the proxy.
            TypeError: When the task does not train one network per architecture.
        """
        return task.validate_proxy(x, y, proxy=self, n=n, **fit)


@dataclass(frozen=True)
class ProxyReport:
    """What a proxy is worth.

    Attributes:
        table: For each architecture proxy_score, full_score, proxy_seconds and full_seconds.
        rank_correlation: Spearman's, of the two scores.
        speed_up: Seconds of the full trainings over those of the proxy's.
    """

    table: pd.DataFrame
    rank_correlation: float
    speed_up: float

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> ProxyReport:
        """The report of architectures that were trained both ways; failed trainings have no score."""
        names = ["architecture", "proxy_score", "full_score", "proxy_seconds", "full_seconds"]
        table = pd.DataFrame(list(rows), columns=names)
        both = table.dropna(subset=["proxy_score", "full_score"])
        correlation = both["proxy_score"].rank().corr(both["full_score"].rank())
        return cls(table, float(correlation), float(table["full_seconds"].sum() / table["proxy_seconds"].sum()))

    def __str__(self) -> str:
        return (
            f"Proxy and full training rank {len(self.table)} architectures with a correlation of "
            f"{self.rank_correlation:.2f} (Spearman); the proxy is {self.speed_up:.1f} times as fast."
        )


def stratified_rows(targets: Sequence[np.ndarray], fraction: float, seed: int) -> np.ndarray:
    """Sorted indices of a share of the samples, with the shares of the classes kept and one of each class at least.

    Args:
        targets: Encoded targets of each head; the first that tells classes apart is followed.
        fraction: Share of the samples.
        seed: Seed of the draw.
    """
    count = len(targets[0])
    groups = next((found for found in map(_classes, targets) if found is not None), np.zeros(count, int))
    sizes = np.bincount(groups)
    wanted = max(round(count * fraction), int((sizes > 0).sum()))
    shares = sizes * fraction
    taken = np.maximum(np.floor(shares), sizes > 0).astype(int)
    # Largest remainders get what is left.
    for group in np.argsort(taken - shares, kind="stable"):
        taken[group] += taken.sum() < wanted and taken[group] < sizes[group]
    # Another draw than those of the validation samples and of the search.
    rng = np.random.default_rng([abs(int(seed)), 7])
    drawn = [rng.permutation(np.flatnonzero(groups == group))[:number] for group, number in enumerate(taken)]
    return np.sort(np.concatenate(drawn))


def _classes(target: np.ndarray) -> np.ndarray | None:
    """The class of each sample of one-hot or binary targets; None of several labels or of numbers."""
    values = np.asarray(target).reshape(len(target), -1)
    if not np.isin(values, (0, 1)).all():
        return None
    if values.shape[1] == 1:
        return values[:, 0].astype(int)
    return values.argmax(1) if (values.sum(1) == 1).all() else None
