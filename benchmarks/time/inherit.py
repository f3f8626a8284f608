"""A child that inherits against one from scratch on CIFAR-10; asked: the same accuracy in <= 40 % of the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from autonas_keras.spaces import Architecture, CellSpace, get_space
from autonas_keras.strategies import mutate_cell
from autonas_keras.training import fit_resumable, inherit_weights
from benchmarks import data
from benchmarks.time._untrained import network

EPOCHS, SHORT, TRAINED, JUDGED, BATCH = 15, 6, 4000, 2000, 32
NODES = 4
CONVOLUTIONS = ("nor_conv_1x1", "nor_conv_3x3")


def run(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Iterator[dict[str, Any]]:
    """One line for each seed: a child after a full training from scratch, and after a short one, inherited and not."""
    images = data.cifar10(TRAINED, JUDGED)
    x, judged = (part.astype("float32") / 255 for part in (images.x_train, images.x_test))
    space = get_space("nasbench201")
    assert isinstance(space, CellSpace)
    small = space.resized(3, 8)
    for seed in seeds:
        parent, child = _family(space, np.random.default_rng(seed))
        fit: dict[str, Any] = {"x": x, "y": images.y_train, "validation_data": (judged, images.y_test), "seed": seed}
        known = network(small, parent, seed, x.shape[1:])
        accuracy = _trained(known, EPOCHS, **fit)
        scratch, short, heir = (network(small, child, seed + 1, x.shape[1:]) for _ in range(3))
        layers = inherit_weights(heir, {layer.name: layer.get_weights() for layer in known.layers})
        full, alone, inherited = (
            _trained(model, epochs, **fit) for model, epochs in ((scratch, EPOCHS), (short, SHORT), (heir, SHORT))
        )
        yield {
            "seed": seed,
            "data": "cifar10",
            "parent": str(parent),
            "child": str(child),
            "layers_inherited": layers,
            "layers": sum(bool(layer.weights) for layer in scratch.layers),
            "parents_accuracy": accuracy,
            "from_scratch": full,
            "epochs": EPOCHS,
            "inherited_shorter": inherited,
            "from_scratch_shorter": alone,
            "epochs_shorter": SHORT,
            "points_ahead": 100 * (inherited - full),
            "points_ahead_of_shorter": 100 * (inherited - alone),
        }


def _family(space: CellSpace, rng: np.random.Generator) -> tuple[Architecture, Architecture]:
    """A cell and a mutation with a convolution at a place that had none of its kind, on a way from the input to the output."""
    while True:
        parent = space.sample(rng)
        child = mutate_cell(space, parent, rng)
        edge = next(name for name in child if child[name] != parent[name])
        end, begin = map(int, edge.split("_")[-2:])
        if child[edge] in CONVOLUTIONS and _reaches(child, 0, begin) and _reaches(child, end, NODES - 1):
            return parent, child


def _reaches(architecture: Architecture, begin: int, end: int) -> bool:
    """Whether what a node holds reaches another one."""
    return begin == end or any(
        architecture[f"cell/edge_{node}_{begin}"] != "none" and _reaches(architecture, node, end)
        for node in range(begin + 1, end + 1)
    )


def _trained(model: keras.Model, epochs: int, x: Any, y: Any, validation_data: Any, seed: int) -> float:
    """The validation accuracy after a training whose learning rate falls to zero."""
    rate = keras.optimizers.schedules.CosineDecay(0.05, epochs * (len(x) // BATCH))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, 0.9, nesterov=True), loss, metrics=["accuracy"])
    fit_resumable(model, (x, y), epochs=epochs, batch_size=BATCH, seed=seed, verbose=0)
    return float(model.evaluate(*validation_data, verbose=0)[1])
