"""Tables inside networks."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from autonas_keras.layers.operations import Tensor
from autonas_keras.spaces.columns import Columns


def normalised(x: Tensor, means: Sequence[float], scales: Sequence[float]) -> Tensor:
    """Columns of mean 0 and variance 1, NaN where a number is missing.

    Keras's layer takes variances, which are nothing or infinite where numbers are as small as 1e-9 or as large as 1e20.
    """
    return keras.ops.divide(keras.ops.subtract(x, np.array(means, "float32")), np.array(scales, "float32"))


def normalised_table(x: Tensor, columns: Columns) -> Tensor:
    """An encoded table (batch, columns) with every column of mean 0 and variance 1, and 0 where a number is missing."""
    return keras.ops.nan_to_num(normalised(x, columns.means, columns.scales), nan=0.0)
