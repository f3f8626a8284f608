"""The architecture of a trained supernet by what its loss loses, instead of by the size of its alphas.

Reference: Wang et al., "Rethinking Architecture Selection in Differentiable NAS" (DARTS-PT), ICLR 2021, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from autonas_keras.spaces import Architecture, CellSpace, canonical
from autonas_keras.training.bilevel import BilevelModel
from autonas_keras.training.stream import Data, count


def select_by_perturbation(
    model: BilevelModel,
    validation: Data,
    *,
    batch_size: int,
    seed: int,
    samples: int | None = None,
    finetune: Callable[[], Any] | None = None,
) -> dict[str, Architecture]:
    """Decide edge by edge, in random order, for the operation without which the validation loss is highest.

    What is decided counts in full from then on. Once all operations are decided, the nodes follow in random order: each
    keeps the two inputs without which the loss is highest, and the others are gone for the nodes that come later (a
    dense cell keeps all). Of a space whose network is a function, choices stand for edges and options for operations.
    Batches are normalised by their own statistics.

    Args:
        model: A model whose supernets are trained.
        validation: x and y to judge on.
        batch_size: Samples in a batch.
        seed: Seed of the order of edges, and of the samples.
        samples: Judge on so many samples; None for all.
        finetune: Called after each decision, to train the weights on.

    Returns:
        For each supernet, by the layer's name, the architecture. The mixture itself is back in place afterwards.
    """
    rng = np.random.default_rng(seed)
    judge = _judge(model, validation, batch_size, samples, np.random.default_rng([seed, 1]))
    found = {}
    try:
        for layer in model.supernets:
            decide = _cells if isinstance(layer.space, CellSpace) else _choices
            found[layer.name] = decide(layer, judge, rng, finetune or _nothing)
    finally:
        for layer in model.supernets:
            layer.select_mixture(None)
    return found


def _nothing() -> None:
    """Train no weights."""


def _decided(
    layer: Any,
    tables: dict[str, np.ndarray],
    excluded: Callable[[str], list[int]],
    judge: Callable[[], float],
    rng: np.random.Generator,
    finetune: Callable[[], Any],
) -> Callable[[str, Any], float]:
    """Decide all rows of the tables, which then hold 1 where one was taken; a function that gives the loss without a cell."""

    def loss_without(kind: str, cells: Any) -> float:
        changed = {**tables, kind: tables[kind].copy()}
        changed[kind][cells] = 0.0
        layer.select_mixture(changed)
        return judge()

    rows = [(kind, row) for kind, table in tables.items() for row in range(len(table))]
    for place in rng.permutation(len(rows)):
        kind, row = rows[place]
        losses = [
            -np.inf if column in excluded(kind) else loss_without(kind, (row, column))
            for column in range(tables[kind].shape[1])
        ]
        tables[kind][row] = 0.0
        tables[kind][row, int(np.argmax(losses))] = 1.0
        layer.select_mixture(tables)
        finetune()
    return loss_without


def _cells(
    layer: Any, judge: Callable[[], float], rng: np.random.Generator, finetune: Callable[[], Any]
) -> Architecture:
    space: CellSpace = layer.space
    tables = layer.mixture()
    none = [i for i, name in enumerate(space.operations) if canonical(name) == "none" and space.topology != "dense"]
    for table in tables.values():
        table[:, none] = 0.0
    loss_without = _decided(layer, tables, lambda kind: none, judge, rng, finetune)
    if space.topology == "dense":
        return space.discretize(tables)
    nodes = [(kind, node) for kind in space.cell_types for node in range(space.inputs, space.inputs + space.nodes)]
    for place in rng.permutation(len(nodes)):
        kind, node = nodes[place]
        rows = [row for row, (target, _) in enumerate(space.edges) if target == node]
        if len(rows) == 2:
            continue
        losses = [loss_without(kind, (row,)) for row in rows]
        for i in np.argsort(losses, kind="stable")[:-2]:
            tables[kind][rows[i]] = 0.0
        layer.select_mixture(tables)
        finetune()
    return space.discretize(tables)


def _choices(
    layer: Any, judge: Callable[[], float], rng: np.random.Generator, finetune: Callable[[], Any]
) -> Architecture:
    space, tables = layer.space, layer.mixture()

    def excluded(name: str) -> list[int]:
        return [i for i, option in enumerate(space.named[name].options) if option in space.mixture_only]

    for name, table in tables.items():
        table[:, excluded(name)] = 0.0
    _decided(layer, tables, excluded, judge, rng, finetune)
    return layer.strongest({name: table[0] for name, table in tables.items()})


def _judge(
    model: BilevelModel, validation: Data, batch_size: int, samples: int | None, rng: np.random.Generator
) -> Callable[[], float]:
    samples = count(validation) if samples is None else min(samples, count(validation))
    rows = rng.permutation(count(validation))[:samples]  # batches of sorted data would be of one class each
    x, y = tf.nest.map_structure(lambda array: tf.convert_to_tensor(np.asarray(array)[rows]), validation)
    size = min(batch_size, samples)

    @tf.function(autograph=False)
    def loss(x: Any, y: Any) -> tf.Tensor:
        with model.frozen_supernets(batch_statistics=True):
            return model.compute_loss(x=x, y=y, y_pred=model(x, training=False), training=False)

    def judge() -> float:
        values = []
        for start in range(0, samples - size + 1, size):
            batch = tf.nest.map_structure(lambda t, start=start: t[start : start + size], (x, y))
            values.append(float(loss(*batch)))
        return float(np.mean(values))

    return judge
