"""A child that inherits against one from scratch on MNIST; asked: the same accuracy in <= 40 % of the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from autonas_keras.spaces import CellSpace, get_space
from autonas_keras.strategies import mutate_cell
from autonas_keras.training import inherit_weights
from benchmarks import data
from benchmarks.time._untrained import network

EPOCHS, TRAINED, JUDGED, BATCH = 10, 4000, 2000, 32


def run(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Iterator[dict[str, Any]]:
    """One line for each seed: the epochs after which a child is as good as it is after all of them from scratch."""
    images = data.mnist(TRAINED, JUDGED)
    x, judged = (part.astype("float32") / 255 for part in (images.x_train, images.x_test))
    space = get_space("nasbench201")
    assert isinstance(space, CellSpace)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        # A cell that lets images through: one with a convolution that the output sees.
        parent = next(a for a in (space.sample(rng) for _ in range(1000)) if a["cell/edge_3_0"] == "nor_conv_3x3")
        child = mutate_cell(space, parent, rng)
        known = network(space.resized(3, 8), parent, seed, x.shape[1:])
        fit: dict[str, Any] = {"x": x, "y": images.y_train, "validation_data": (judged, images.y_test), "seed": seed}
        _trained(known, **fit)
        scratch = network(space.resized(3, 8), child, seed + 1, x.shape[1:])
        heir = network(space.resized(3, 8), child, seed + 1, x.shape[1:])
        layers = inherit_weights(heir, {layer.name: layer.get_weights() for layer in known.layers})
        alone, helped = _trained(scratch, **fit), _trained(heir, **fit)
        needed = next((count for count, value in enumerate(helped, 1) if value >= alone[-1]), None)
        yield {
            "seed": seed,
            "epochs": EPOCHS,
            "layers_inherited": layers,
            "layers": sum(bool(layer.weights) for layer in heir.layers),
            "accuracy_from_scratch": alone[-1],
            "accuracy_of_first_epoch": helped[0],
            "accuracy_of_last_epoch": helped[-1],
            "epochs_needed": needed or "",
            "share_of_epochs": needed / EPOCHS if needed else float(np.inf),
        }


def _trained(model: keras.Model, x: Any, y: Any, validation_data: Any, seed: int) -> list[float]:
    """The validation accuracies after each epoch."""
    steps = EPOCHS * (len(x) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(0.05, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, 0.9, nesterov=True), loss, metrics=["accuracy"])
    found, rng = [], np.random.default_rng(seed)
    for _ in range(EPOCHS):
        rows = rng.permutation(len(x))
        model.fit(x[rows], y[rows], batch_size=BATCH, shuffle=False, verbose=0)
        found.append(float(model.evaluate(*validation_data, verbose=0)[1]))
    return found
