"""Costs of a whole graph, and the strongest architecture within limits."""

from __future__ import annotations

import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras import blocks
from autonas_keras.evaluation import model_costs
from autonas_keras.spaces import Architecture, CellSpace
from autonas_keras.tuners.limits import GraphCosts, check_feasible, strongest_within
from tests.tasks.small import latency_table

SPACE = CellSpace(operations=("sep_conv_3x3", "skip_connect", "max_pool_3x3", "none"), nodes=2, cells=3, channels=4)
DENSE = CellSpace(operations=("none", "skip_connect", "conv_3x3"), nodes=2, cells=3, channels=4, topology="dense")


def dense_graph() -> tuple[blocks.Graph, keras.Model, Architecture]:
    image = blocks.ImageInput()
    out = blocks.ClassificationHead(loss="categorical_crossentropy")(blocks.CellBlock(DENSE, name="b")(image))
    graph = blocks.Graph(image, out, optimizer=keras.optimizers.SGD)
    graph.set_io_shapes(([np.array([9, 9, 8, 3])], [np.array([9, 5])]))
    hp = keras_tuner.HyperParameters()
    return graph, graph.assemble(hp), graph.space.read(hp)


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


def test_a_latency_table_is_one_more_cost() -> None:
    graph, model, architecture = dense_graph()
    known = latency_table(DENSE, (9, 8, 3), 5)
    costs = GraphCosts(graph, model, architecture, known)
    assert costs.of(architecture)["latency_ms"] == known.latency_ms(DENSE.default())
    limit = float(np.median([known.latency_ms(a) for a in DENSE.enumerate()]))
    strengths = {"b": {"cell": np.tile([0.1, 0.2, 0.7], (len(DENSE.edges), 1))}}  # all convolutions
    start = graph.space.architecture({f"b/{name}": "conv_3x3" for name in DENSE.named})
    check_feasible(costs, graph.space, {"latency_ms": limit})
    within = strongest_within(start, graph.space, costs, {"latency_ms": limit}, strengths)
    assert known.latency_ms(within.scope("b")) <= limit < known.latency_ms(start.scope("b"))


def test_a_latency_that_no_network_has_is_refused_with_the_nearest() -> None:
    graph, model, architecture = dense_graph()
    known = latency_table(DENSE, (9, 8, 3), 5)
    least = min(known.latency_ms(a) for a in DENSE.enumerate())
    costs = GraphCosts(graph, model, architecture, known)
    with pytest.raises(ValueError, match=f"the nearest that is feasible is latency_ms <= {least:g},"):
        check_feasible(costs, graph.space, {"latency_ms": least - 0.5})


@pytest.mark.parametrize(("space", "shape"), [(SPACE, (9, 8, 3)), (DENSE, (8, 8, 3))])
def test_a_table_of_another_network_is_refused(space: CellSpace, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"Expected a latency table of CellSpace.* for images of \(9, 8, 3\), got one"):
        GraphCosts(*dense_graph(), latency_table(space, shape, 5))
