"""Arguments that are numbers of a kind; every room may import this module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def check_count(name: str, value: Any, least: int = 1) -> int:
    """An integer argument that is at least ``least``.

    Raises:
        ValueError: When it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"Expected {name} to be an integer of {least} or more, got {value!r}.")
    return int(value)


def check_share(name: str, value: Any) -> float:
    """A probability.

    Raises:
        ValueError: When it is not in [0, 1].
    """
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"Expected {name} to be a probability from 0 to 1, got {value!r}.")
    return float(value)


def check_positive(name: str, value: Any) -> float:
    """A finite number above zero.

    Raises:
        ValueError: When it is not.
    """
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"Expected {name} to be a positive number, got {value!r}.")
    return float(value)


def check_decay(name: str, value: Any) -> float:
    """A decay rate in [0, 1).

    Raises:
        ValueError: When it is not.
    """
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"Expected {name} to be a number from 0 to below 1, got {value!r}.")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
