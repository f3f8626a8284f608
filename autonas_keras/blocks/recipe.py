"""How networks of a kind are best trained, where the user does not say."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Settings of a training that a searched block asks for.

    Args:
        optimizer: "sgd" or "adamw".
        learning_rate: At the start, for batches of ``batch_size``; smaller batches take their root.
        weight_decay: Decoupled weight decay.
        batch_size: Batch that the rate is for.
        steps: Steps of a training of which nobody said the epochs.
        epochs: Least and most epochs of such a training; small data is learnt by heart in more.
        fewest: Steps for which very small data gets more epochs than that, three times as many at most.
        search_rates: First and last rate of Adam for the weights of a supernet, where tables of embeddings get gradients
            too small for SGD; None leaves SGD.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    batch_size: int = 64
    steps: int = 1500
    epochs: tuple[int, int] = (15, 60)
    fewest: int = 0
    search_rates: tuple[float, float] | None = None

    def default_epochs(self, samples: int, batch_size: int) -> int:
        """Epochs of a final training that nobody said."""
        steps = max(1, samples // max(1, min(batch_size, samples)))
        least, most = self.epochs
        most = max(most, min(3 * most, math.ceil(self.fewest / steps)))
        return min(most, max(least, math.ceil(self.steps / steps)))


IMAGES = Recipe("sgd", learning_rate=0.05, weight_decay=1e-3)
TEXTS = Recipe("adamw", learning_rate=2e-3, weight_decay=1e-2, steps=500, epochs=(5, 40), search_rates=(2e-3, 1e-4))
TABLES = Recipe(
    "adamw",
    learning_rate=2e-3,
    weight_decay=1e-2,
    batch_size=128,
    steps=2500,
    epochs=(12, 25),
    fewest=400,
    search_rates=(1e-3, 1e-5),
)
