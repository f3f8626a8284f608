"""Trials in one supernet: the networks of a search, each trained from its own first weights, in a graph traced once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from autonas_keras.blocks import Graph, alone
from autonas_keras.blocks.isolation import drawn_seeds, own_randomness
from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import PathCell
from autonas_keras.training import FirstWeights, MedianStopping, ScratchModel, ScratchTraining, steps_per_epoch
from autonas_keras.tuners.network import Plan, adapt, image_shape, make_optimizer, named_targets

LARGEST = 300  # operations of a supernet, which take some five megabytes each once they are traced
# Branches that are not taken cost a step some time for each operation of the supernet; a network that is not built saves
# time for each of its own. So many steps cost for one operation what it saves, by one rough measurement.
STEPS = 3000
BLIND = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.TerminateOnNaN,
    keras.callbacks.CSVLogger,
    MedianStopping,
)  # see no weights


def shares(graph: Graph, hp: Any) -> bool:
    """Whether the networks of a graph that was built differ in nothing but the cells of its searched blocks."""
    blocks = graph.searched
    return (
        bool(blocks)
        and all(isinstance(block.space, CellSpace) for block in blocks)
        and all(any(entry.name.startswith(f"{block.name}/") for block in blocks) for entry in hp.space)
        # A supernet does not scale its losses.
        and keras.config.dtype_policy().compute_dtype != "float16"
    )


def pays(graph: Graph, max_trials: int | None, steps: int, callbacks: Sequence[keras.callbacks.Callback] = ()) -> bool:
    """Whether a search in a supernet takes less time, and its callbacks would not mistake the supernet for a network.

    Args:
        graph: A graph of which ``shares`` is true.
        max_trials: Trials of the search, None for no end.
        steps: Steps of a trial.
        callbacks: Keras callbacks of the user's.
    """
    spaces = [block.built_space for block in graph.searched]
    operations = sum(space.cells * len(space.edges) * len(space.operations) for space in spaces)
    used = sum(space.cells * (len(space.edges) if space.topology == "dense" else 2 * space.nodes) for space in spaces)
    saved = used - operations * steps / STEPS
    return (
        operations <= LARGEST
        # The start takes the time of fewer trials than the supernet has operations for one of a network.
        and (saved > 0 if max_trials is None else saved * max_trials >= operations)
        and all(type(callback) in BLIND for callback in callbacks)
    )


def scratch_training(graph: Graph, hp: Any, data: Any, plan: Plan) -> ScratchTraining | None:
    """What trains the architectures of a graph as ``train`` would train their networks, without auxiliary head.

    Args:
        graph: A graph of which ``shares`` is true.
        hp: Hyperparameters of any of its networks.
        data: x and y, arrays or tuples of arrays.
        plan: How to train; callbacks and verbose are said for each.

    Returns:
        None when something in the graph draws in a way that is not known, so that first weights would differ.
    """
    x, y = data

    def supernet(space: CellSpace, name: str) -> PathCell:
        return PathCell(space, affine=True, seed=plan.seed, name=name)

    network = replace(plan.network(), supernet=supernet)
    with own_randomness(plan.seed), graph.building(network):
        built = graph.assemble(hp)
        seeds = drawn_seeds(plan.seed)
    if seeds is None:
        return None
    model = ScratchModel(alone(built.inputs), alone(built.outputs))
    adapt(model, x)
    steps = plan.epochs * steps_per_epoch(x, plan.batch_size)
    model.compile(make_optimizer(plan.method, steps, plan.batch_size, graph.recipe), **graph.compile_arguments())
    validation = plan.validation
    if validation is not None:
        validation = (validation[0], named_targets(graph, validation[1], model))
    try:
        weights = FirstWeights(model, seeds)
    except ValueError:  # layers draw, or hold their initializers under other names than Keras's
        return None
    return ScratchTraining(
        model,
        weights,
        (x, named_targets(graph, y, model)),
        validation,
        batch_size=plan.batch_size,
        seed=plan.seed,
        augment=plan.method.augmentation(image_shape(graph), large=False),
    )
