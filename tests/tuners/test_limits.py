"""Costs of a whole graph, and the strongest architecture within limits."""

from __future__ import annotations

import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras import blocks
from autonas_keras.evaluation import model_costs
from autonas_keras.spaces import CellSpace
from autonas_keras.tuners.limits import GraphCosts, check_feasible, strongest_within

SPACE = CellSpace(operations=("sep_conv_3x3", "skip_connect", "max_pool_3x3", "none"), nodes=2, cells=3, channels=4)
DENSE = CellSpace(operations=("none", "skip_connect", "conv_3x3"), nodes=2, cells=3, channels=4, topology="dense")


@pytest.fixture(scope="module")
def made() -> tuple[blocks.Graph, GraphCosts]:
    """A graph of two searched blocks and a dense layer, with its costs."""
    image = blocks.ImageInput()
    parts = [
        blocks.SpatialReduction("global_avg")(block(image))
        for block in (blocks.CellBlock(SPACE), blocks.CellBlock(DENSE, name="b"))
    ]
    out = blocks.ClassificationHead(loss="categorical_crossentropy")(blocks.Merge("concatenate")(parts))
    graph = blocks.Graph(image, out, optimizer=keras.optimizers.SGD)
    graph.set_io_shapes(([np.array([9, 9, 8, 3])], [np.array([9, 5])]))
    hp = keras_tuner.HyperParameters()
    return graph, GraphCosts(graph, graph.assemble(hp), graph.space.read(hp))


def test_costs_equal_those_of_the_built_network(made: tuple[blocks.Graph, GraphCosts]) -> None:
    graph, costs = made
    rng = np.random.default_rng(0)
    for _ in range(3):
        architecture = graph.space.sample(rng)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(architecture)
        assert costs.of(architecture) == model_costs(graph.assemble(hp))


def test_the_least_costs_are_no_more_than_any(made: tuple[blocks.Graph, GraphCosts]) -> None:
    graph, costs = made
    rng = np.random.default_rng(1)
    seen = [costs.of(graph.space.sample(rng)) for _ in range(300)]
    for name, least in costs.least().items():
        assert least <= min(found[name] for found in seen)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_the_strongest_within_limits_meets_them_and_no_neighbour_is_stronger(
    made: tuple[blocks.Graph, GraphCosts], share: float
) -> None:
    graph, costs = made
    rng = np.random.default_rng(2)
    strengths = {
        block.name: {
            kind: rng.dirichlet(np.ones(len(block.space.operations)), len(block.space.edges))
            for kind in block.space.cell_types
        }
        for block in graph.searched
    }
    start = graph.space.architecture(
        {
            f"{block.name}/{name}": option
            for block in graph.searched
            for name, option in block.space.discretize(strengths[block.name]).items()
        }
    )
    least, most = costs.least(), costs.of(start)
    limits = {name: least[name] + share * max(most[name] - least[name], 1) for name in least}
    check_feasible(costs, graph.space, limits)
    found = strongest_within(start, graph.space, costs, limits, strengths)
    assert found in graph.space
    assert all(costs.of(found)[name] <= limit for name, limit in limits.items())
    assert strongest_within(start, graph.space, costs, {"params": most["params"]}, strengths) == start


def test_limits_that_nothing_meets_are_refused_with_the_nearest(made: tuple[blocks.Graph, GraphCosts]) -> None:
    graph, costs = made
    least = costs.least()
    with pytest.raises(ValueError, match=f"feasible is params <= {least['params']:,}"):
        check_feasible(costs, graph.space, {"params": least["params"] - 1})
    check_feasible(costs, graph.space, least)
