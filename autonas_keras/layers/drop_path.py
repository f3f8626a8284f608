"""Drop-path: paths of a cell that are left out for single samples while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


class DropPath:
    """The rate and the random numbers that all drop-path layers of a network share.

    Args:
        rate: Probability that a path is dropped, in [0, 1); ``assign`` changes it between epochs without a retrace.
        seed: Seed of the generator, whose state is among ``model.variables``.

    Raises:
        ValueError: When the rate is not in [0, 1).

    Reference: Larsson et al., "FractalNet", ICLR 2017; Zoph et al., CVPR 2018, appendix A.
    """

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        self.rate = keras.Variable(_checked(rate), trainable=False, dtype="float32", name="drop_path_rate")
        self.seed_generator = keras.random.SeedGenerator(seed)

    def assign(self, rate: float) -> None:
        """Set the probability that a path is dropped.

        Raises:
            ValueError: When the rate is not in [0, 1).
        """
        self.rate.assign(_checked(rate))


class DropPathAdd(keras.layers.Layer):
    """The sum of paths, some of which are dropped for each sample by itself in training, the rest scaled by 1 / keep.

    It stands where a network without drop-path has ``keras.layers.Add`` and has no weights, so the weights of both
    networks are in the same order.

    Args:
        drop_path: Rate and generator. The rate is not among the weights.
        droppable: For each path, whether it may be dropped; the identity may not.
    """

    def __init__(self, drop_path: DropPath, droppable: Sequence[bool], name: str | None = None) -> None:
        super().__init__(name=name)
        self.drop_path = drop_path
        self.droppable = tuple(droppable)
        self.seed_generator = drop_path.seed_generator

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """(batch, height, width, channels) for each path to the same."""
        paths = list(inputs)
        if training:
            paths = [self._drop(x) if drop else x for x, drop in zip(paths, self.droppable, strict=True)]
        total = paths[0]
        for path in paths[1:]:
            total = total + path
        return total

    def _drop(self, x: Any) -> Any:
        keep = 1.0 - keras.ops.convert_to_tensor(self.drop_path.rate)
        shape = (keras.ops.shape(x)[0], 1, 1, 1)
        kept = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) < keep
        return x * keras.ops.cast(keras.ops.cast(kept, "float32") / keep, x.dtype)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return tuple(input_shape[0])


def _checked(rate: float) -> float:
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"Expected a drop-path rate in [0, 1), got {rate!r}.")
    return float(rate)
