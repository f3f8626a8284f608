"""When a search by gradient has collapsed, or is about to."""

from __future__ import annotations

from typing import Any

import keras

from autonas_keras.spaces import CellSpace, canonical


class SkipDominance(keras.callbacks.Callback):
    """Stop the search when the normal cell (or the only one) holds ``limit`` or more skip connections.

    Args:
        limit: Skip connections in the cell that the alphas favour.
        after: Epochs that are not looked at, such as those of the warm-up.

    Reference: Liang et al., "DARTS+: Improved Differentiable Architecture Search with Early Stopping", 2019, section 3.2.
    """

    def __init__(self, limit: int = 2, after: int = 0) -> None:
        super().__init__()
        self.limit, self.after = limit, after

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch < self.after:
            return
        for supernet in self.model.supernets:
            if not isinstance(supernet.space, CellSpace):
                continue
            cell = supernet.space.cell(supernet.architecture(), supernet.space.cell_types[0])
            skips = sum(canonical(operation) == "skip_connect" for node in cell.nodes for operation, _ in node)
            if skips >= self.limit:
                self.model.stop_training = True
