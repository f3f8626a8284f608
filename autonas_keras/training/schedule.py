"""Learning rates of elastic supernets."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.utils.register_keras_serializable(package="autonas_keras")
class ExponentialToConstant(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that falls exponentially to a share of its start and then stays there.

    Small networks, which learn longer than large ones, still learn at the end.

    Args:
        initial: Rate at the start.
        falling: Steps in which it falls.
        floor: Share of the start at which it stays.
        warmup: Steps at the start in which it grows along a line.

    Reference: Yu et al., "BigNAS", ECCV 2020, section 3.2 ("exponentially decaying with constant ending", 5 %).
    """

    def __init__(self, initial: float, falling: int, floor: float = 0.05, warmup: int = 0) -> None:
        super().__init__()
        self.initial, self.falling, self.floor, self.warmup = float(initial), int(falling), float(floor), int(warmup)

    def __call__(self, step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        share = tf.clip_by_value((step - self.warmup) / max(1, self.falling), 0.0, 1.0)
        growth = tf.minimum(1.0, (step + 1) / (self.warmup + 1))
        return self.initial * growth * tf.pow(self.floor, share)

    def get_config(self) -> dict[str, Any]:
        return {"initial": self.initial, "falling": self.falling, "floor": self.floor, "warmup": self.warmup}
