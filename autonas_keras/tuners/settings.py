"""Settings of methods: frozen dataclasses, which a task takes by name, by keyword or as objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from autonas_keras.blocks import Graph
from autonas_keras.evaluation import Proxy
from autonas_keras.spaces import close_names
from autonas_keras.training import Augment
from autonas_keras.tuners.project import Project


@dataclass(frozen=True)
class Method:
    """What every method has: how the networks that it finds are trained.

    Args:
        cells: Cells of the final network, None for those of the space.
        channels: Channels of its first cell, None for those of the space.
        learning_rate: Rate of SGD at the start, for batches of 64; a cosine takes it to zero.
        momentum: Nesterov momentum of SGD.
        weight_decay: Decoupled weight decay.
        augment: Whether images are shifted and colour ones mirrored, or an ``Augment``; None decides by the data.
        cutout: Side in pixels of the square that is cut out of training images, 0 for none; None decides by the data.
        drop_path: Final rate of drop-path; None decides by the data.
        auxiliary: Weight of the auxiliary head; None decides by the data.
    """

    name: ClassVar[str]
    default_space: ClassVar[str] = "darts"

    cells: int | None = None
    channels: int | None = None
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 1e-3
    augment: bool | Augment | None = None
    cutout: int | None = None
    drop_path: float | None = None
    auxiliary: float | None = None

    def __post_init__(self) -> None:
        for name in ("cells", "channels"):
            _check(self, name, lambda v: v is None or (_whole(v) and v > 0), "a positive integer or None")
        _check(self, "learning_rate", lambda v: _number(v) and v > 0, "a positive number")
        _check(self, "momentum", lambda v: _number(v) and 0 <= v < 1, "a number in [0, 1)")
        _check(self, "weight_decay", lambda v: _number(v) and v >= 0, "a number that is not negative")
        _check(self, "cutout", lambda v: v is None or (_whole(v) and v >= 0), "a number of pixels or None")
        _check(self, "drop_path", lambda v: v is None or (_number(v) and 0 <= v < 1), "a number in [0, 1) or None")
        _check(self, "auxiliary", lambda v: v is None or (_number(v) and v >= 0), "a number or None")
        _check(
            self, "augment", lambda v: v is None or isinstance(v, (bool, Augment)), "True, False, an Augment or None"
        )

    def make(self, hypermodel: Graph, project: Project, limits: Mapping[str, float], **kwargs: Any) -> Any:
        """The tuner of this method, a ``SearchTuner``; ``kwargs`` are objective, max_trials and seed of its oracle."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """The settings as JSON knows them."""
        return {"name": self.name} | {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}

    def augmentation(self, image_shape: tuple[int, ...] | None, large: bool) -> Augment | None:
        """What is done to training images of (height, width[, channels]); ``large`` as in the paper's training."""
        if image_shape is None:
            return None
        found = Augment.auto(image_shape) if self.augment in (None, True) else Augment()
        if isinstance(self.augment, Augment):
            found = self.augment
        cutout = self.cutout
        if cutout is None and not isinstance(self.augment, Augment) and self.augment is not False:
            cutout = min(image_shape[:2]) // 2 if large else 0
        found = replace(found, cutout=cutout) if cutout is not None else found
        return found if found != Augment() else None


def changed(method: Method, settings: dict[str, Any]) -> Method:
    """The method with other settings.

    Raises:
        TypeError: When it has no such setting (close names are given).
    """
    known = [entry.name for entry in fields(method)]
    for name in settings:
        if name not in known:
            raise TypeError(f"Expected settings of tuner {method.name!r}, got {name!r}{close_names(name, known)}.")
    return replace(method, **settings)


def default_epochs(samples: int, batch_size: int) -> int:
    """Epochs of a final training that nobody said: about 1,500 steps, from 15 to 60 epochs."""
    steps = max(1, samples // max(1, min(batch_size, samples)))
    return min(60, max(15, math.ceil(1500 / steps)))


def _check(method: Method, name: str, valid: Any, wanted: str) -> None:
    value = getattr(method, name)
    if not valid(value):
        raise ValueError(f"Expected {name} to be {wanted}, got {value!r}.")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Augment):
        return {entry.name: getattr(value, entry.name) for entry in fields(value)}
    if isinstance(value, Proxy):
        return value.facts()
    return list(value) if isinstance(value, tuple) else value
