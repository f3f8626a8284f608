"""Adam for vectors of NumPy, with its state as JSON.

Reference: Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from autonas_keras.checks import check_decay, check_positive


class Adam:
    """Adam, as its paper has it, on one vector.

    Args:
        size: Length of the vector.
        learning_rate: Step size.
        beta_1: Decay of the mean of gradients.
        beta_2: Decay of the mean of their squares.
        epsilon: Added to the root of the latter.

    Raises:
        ValueError: When the step size or epsilon is not positive, or a decay is not in [0, 1).
    """

    def __init__(
        self,
        size: int,
        learning_rate: float = 3.5e-4,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        dtype: Any = np.float32,
    ) -> None:
        self.learning_rate = check_positive("learning_rate", learning_rate)
        self.beta_1, self.beta_2 = check_decay("beta_1", beta_1), check_decay("beta_2", beta_2)
        self.epsilon = check_positive("epsilon", epsilon)
        self.mean, self.square, self.updates = np.zeros(size, dtype), np.zeros(size, dtype), 0

    def ascend(self, parameters: np.ndarray, gradient: np.ndarray) -> None:
        """Move ``parameters`` in place so that what ``gradient`` is of grows."""
        kind = parameters.dtype.type
        self.updates += 1
        self.mean += kind(1 - self.beta_1) * (gradient - self.mean)
        self.square += kind(1 - self.beta_2) * (gradient**2 - self.square)
        step = self.learning_rate / (1 - self.beta_1**self.updates)
        root = np.sqrt(self.square / kind(1 - self.beta_2**self.updates))
        root += kind(self.epsilon)
        parameters += kind(step) * self.mean / root

    def get_state(self) -> dict[str, Any]:
        """The moments, as JSON knows them."""
        return {"updates": self.updates, "mean": pack(self.mean), "square": pack(self.square)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``get_state`` gave."""
        mean, square = unpack(state["mean"], self.mean), unpack(state["square"], self.square)
        self.mean, self.square, self.updates = mean, square, int(state["updates"])


def pack(vector: np.ndarray) -> str:
    """The bytes of a vector as text."""
    return base64.b64encode(vector.astype(vector.dtype.newbyteorder("<")).tobytes()).decode()


def unpack(text: str, like: np.ndarray) -> np.ndarray:
    """The vector of a ``pack``, of the type and length of another.

    Raises:
        ValueError: When the text holds another number of bytes.
    """
    data = base64.b64decode(text, validate=True)
    if len(data) != like.nbytes:
        raise ValueError(f"Expected {like.nbytes} bytes of numbers, got {len(data)}.")
    return np.frombuffer(data, like.dtype.newbyteorder("<")).astype(like.dtype)
