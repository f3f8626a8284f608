"""Losses in which some classes count more than others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


@keras.utils.register_keras_serializable(package="autonas_keras")
class ClassWeighted(keras.losses.Loss):
    """A loss of which every sample counts as much as its class.

    Args:
        loss: Keras loss of the class probabilities, by name or as an object.
        weights: One for each class in the order of the outputs, two for a single output.
        **kwargs: As keras.losses.Loss takes them.
    """

    def __init__(self, loss: Any, weights: Sequence[float], name: str = "class_weighted", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.loss = keras.losses.get(loss)
        self.weights = tuple(float(weight) for weight in weights)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "loss": keras.losses.serialize(self.loss), "weights": list(self.weights)}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample, times the weight of its class; y_true is 0 or 1 or one-hot, (batch, outputs)."""
        values = (
            self.loss.call(y_true, y_pred) if isinstance(self.loss, keras.losses.Loss) else self.loss(y_true, y_pred)
        )
        if len(values.shape) == 0:
            raise ValueError(
                f"Expected a loss that gives a number for each sample with class_weight, got one number for all from "
                f"{getattr(self.loss, '__name__', self.loss)!r}; take no mean over the samples in it."
            )
        true = keras.ops.cast(y_true, values.dtype)
        if true.shape[-1] == 1:
            true = keras.ops.concatenate([1 - true, true], axis=-1)
        return values * keras.ops.matmul(true, np.array(self.weights, "float32"))


def check_per_sample(loss: Any, encoded: np.ndarray) -> None:
    """Refuse a loss that cannot be weighted.

    Args:
        loss: Keras loss.
        encoded: Targets as the network learns them, some samples.

    Raises:
        ValueError: When it gives one number for all samples.
    """
    some = np.asarray(encoded[:2], "float32")
    tensors = map(keras.ops.convert_to_tensor, (some, np.full(some.shape, 0.5, "float32")))
    ClassWeighted(loss, [1.0] * max(2, some.shape[-1])).call(*tensors)


def balanced(counts: Sequence[int]) -> tuple[float, ...]:
    """Weights by which all classes count alike, and a sample one on the whole."""
    total, present = sum(counts), sum(count > 0 for count in counts)
    return tuple(total / (present * count) if count else 1.0 for count in counts)
