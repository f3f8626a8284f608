"""Tables inside networks."""

from __future__ import annotations

import keras

from autonas_keras.layers.operations import Tensor
from autonas_keras.spaces.columns import Columns


def normalised_table(x: Tensor, columns: Columns) -> Tensor:
    """An encoded table (batch, columns) with every column of mean 0 and variance 1, and 0 where a number is missing."""
    layer = keras.layers.Normalization(mean=list(columns.means), variance=[scale**2 for scale in columns.scales])
    return keras.ops.nan_to_num(layer(x), nan=0.0)
