"""Settings of methods: frozen dataclasses, which a task takes by name, by keyword or as objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from autonas_keras.blocks import IMAGES, TABLES, Graph, Recipe
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
        optimizer: "sgd" or "adamw"; None takes SGD for images and AdamW for tables and text.
        learning_rate: Rate at the start, which a cosine takes to zero; None takes 0.05 for batches of 64 with SGD, and
            what suits the data with AdamW.
        momentum: Nesterov momentum of SGD.
        weight_decay: Decoupled weight decay; None takes 0.001 with SGD, and what suits the data with AdamW.
        augment: Whether images are shifted and colour ones mirrored, or an ``Augment``; None decides by the data.
        cutout: Side in pixels of the square that is cut out of training images, 0 for none; None decides by the data.
        drop_path: Final rate of drop-path; None decides by the data.
        auxiliary: Weight of the auxiliary head; None decides by the data.
    """

    name: ClassVar[str]
    default_space: ClassVar[str] = "darts"

    cells: int | None = None
    channels: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float | None = None
    augment: bool | Augment | None = None
    cutout: int | None = None
    drop_path: float | None = None
    auxiliary: float | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):  # NumPy's numbers are numbers, but not to JSON
            value = getattr(self, entry.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, entry.name, value.item())
        for name in ("cells", "channels"):
            _check(self, name, lambda v: v is None or (_whole(v) and v > 0), "a positive integer or None")
        _check(self, "optimizer", lambda v: v in (None, "sgd", "adamw"), '"sgd", "adamw" or None')
        _check(self, "learning_rate", lambda v: v is None or (_number(v) and v > 0), "a positive number or None")
        _check(self, "momentum", lambda v: _number(v) and 0 <= v < 1, "a number in [0, 1)")
        _check(self, "weight_decay", lambda v: v is None or (_number(v) and v >= 0), "a number not below 0, or None")
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

    def settled(self, recipe: Recipe) -> Self:
        """This method with the optimizer and its settings that nobody said as a recipe has them."""
        optimizer = self.optimizer or recipe.optimizer
        known = recipe if optimizer == recipe.optimizer else IMAGES if optimizer == "sgd" else TABLES
        batch = known.batch_size  # of the rate; with a rate of the user's it is 64, as ever
        rate = known.learning_rate * (64 / batch) ** 0.5 if self.learning_rate is None else self.learning_rate
        decay = known.weight_decay if self.weight_decay is None else self.weight_decay
        return replace(self, optimizer=optimizer, learning_rate=rate, weight_decay=decay)

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


# Arguments that people look for where settings are.
FIT = (
    "batch_size",
    "callbacks",
    "class_weight",
    "epochs",
    "time_limit",
    "validation_data",
    "validation_split",
    "verbose",
)


def changed(method: Method, settings: dict[str, Any]) -> Method:
    """The method with other settings.

    Raises:
        TypeError: When it has no such setting (close names are given).
    """
    known = [entry.name for entry in fields(method)]
    for name in settings:
        if name in FIT:
            raise TypeError(f"Expected settings of tuner {method.name!r}, got {name!r}, which is an argument of fit.")
        if name not in known:
            raise TypeError(f"Expected settings of tuner {method.name!r}, got {name!r}{close_names(name, known)}.")
    return replace(method, **settings)


def check_whole(method: Method, *names: str, least: int = 1, optional: bool = False) -> None:
    """Refuse settings that are no integers of ``least`` or more; None too unless it is ``optional``.

    Raises:
        ValueError: With a sentence about the first of them.
    """
    wanted = "a positive integer" if least == 1 else f"an integer of {least} or more"
    for name in names:
        _check(method, name, lambda v: (optional and v is None) or (_whole(v) and v >= least), wanted)


def check_rates(name: str, rates: Any) -> None:
    """Refuse what is no first and last positive learning rate.

    Raises:
        ValueError: With a sentence about it.
    """
    if not isinstance(rates, (tuple, list)) or len(rates) != 2 or not all(rate > 0 for rate in rates):
        raise ValueError(f"Expected {name} to be a first and a last positive rate, got {rates!r}.")


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
