"""Costs counted from architectures, from models, and against NAS-Bench-201's published table."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from autonas_keras.evaluation import architecture_costs, check_limits, least_costs, meets, model_costs, operation_costs
from autonas_keras.layers import cell_network, register_operation
from autonas_keras.spaces import DARTS_V2, Architecture, CellSpace

SPACES = {
    "darts": CellSpace.darts(cells=5, channels=3, nodes=2),
    "nasnet": CellSpace.nasnet(cells=3, channels=4, nodes=2),
    "nasbench201": CellSpace.nasbench201(cells=3, channels=4),
    "others": CellSpace(("conv_7x1_1x7", "sep_conv_7x7", "conv_1x1", "skip_connect"), nodes=2, cells=4, channels=5),
    "reduction only": CellSpace.darts(cells=1, channels=2),
}


def network(space: CellSpace, architecture: Architecture, shape: tuple[int, int, int], classes: int) -> keras.Model:
    x = keras.Input(shape)
    features = cell_network(x, {kind: space.cell(architecture, kind) for kind in space.cell_types}, space)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(x, keras.layers.Dense(classes)(pooled))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("shape", "classes"), [((11, 6, 3), 10), ((16, 16, 1), 1), ((1, 3, 2), 7)])
def test_costs_of_an_architecture_are_those_of_its_network(
    name: str, shape: tuple[int, int, int], classes: int
) -> None:
    rng = np.random.default_rng(sum(shape))
    architecture = SPACES[name].sample(rng)
    model = network(SPACES[name], architecture, shape, classes)
    assert architecture_costs(SPACES[name], architecture, shape, classes) == model_costs(model)


def test_what_nothing_reads_is_not_counted() -> None:
    space = CellSpace.nasnet(cells=4, channels=2, nodes=2)
    for inputs in ((0, 1), (1, 0), (0, 0), (1, 1)):
        decisions = dict(space.default())
        for kind, state in zip(space.cell_types, inputs, strict=True):
            decisions |= {f"{kind}/node_{node}/input_{i}": state for node in (2, 3) for i in (1, 2)}
        architecture = space.architecture(decisions)
        expected = model_costs(network(space, architecture, (8, 8, 3), 10))
        assert architecture_costs(space, architecture, (8, 8, 3), 10) == expected


@pytest.mark.parametrize("cost", ["params", "flops"])
def test_costs_of_operations_are_what_an_architecture_costs_beside_the_frame_of_its_cells(cost: str) -> None:
    rng = np.random.default_rng(0)
    for name in ("darts", "nasbench201", "others"):
        space, frames = SPACES[name], set()
        tables = operation_costs(space, (12, 12, 3), cost)
        for _ in range(5):
            architecture = space.sample(rng)
            total = architecture_costs(space, architecture, (12, 12, 3), 1)[cost]
            frames.add(total - sum((space.mask(architecture)[kind] * tables[kind]).sum() for kind in space.cell_types))
        assert len(frames) == 1, name
    with pytest.raises(ValueError, match="flops"):
        operation_costs(SPACES["darts"], (8, 8, 3), "flop")


def test_params_are_the_trainable_ones() -> None:
    model = network(SPACES["darts"], SPACES["darts"].default(), (8, 8, 3), 10)
    assert model_costs(model)["params"] == sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert model_costs(model)["params"] < model.count_params()


def test_the_published_table_of_nasbench201(data_dir: Path) -> None:
    table = pd.read_csv(data_dir / "nas_bench_201.csv.gz", keep_default_na=False)
    space = CellSpace.nasbench201()
    columns = ["params_cifar10", "flops_cifar10"]
    extremes = {int(table[column].agg(find)) for column in columns for find in ("idxmin", "idxmax")}
    rows = [*extremes, *np.random.default_rng(0).choice(len(table), 300, replace=False)]
    for row in rows:
        costs = architecture_costs(space, space.parse(table["arch"][row]), (32, 32, 3), 10)
        assert list(costs.values()) == [int(table[column][row]) for column in columns], table["arch"][row]
        kinds = table.filter(like="edge_").loc[row]
        assert costs["params"] == 73306 + 5 * (48608 * (kinds == 3).sum() + 5600 * (kinds == 2).sum())
    least = least_costs(space, (32, 32, 3), 10)
    assert list(least.values()) == [int(table[column].min()) for column in columns] == [73306, 7783050]


def test_built_networks_of_nasbench201_have_the_published_costs(data_dir: Path) -> None:
    table = pd.read_csv(data_dir / "nas_bench_201.csv.gz", keep_default_na=False)
    space = CellSpace.nasbench201()
    extremes = [int(table["flops_cifar10"].idxmin()), int(table["flops_cifar10"].idxmax())]
    for row in [*extremes, *np.random.default_rng(1).choice(len(table), 3, replace=False)]:
        model = network(space, space.parse(table["arch"][row]), (32, 32, 3), 10)
        expected = {"params": int(table["params_cifar10"][row]), "flops": int(table["flops_cifar10"][row])}
        assert model_costs(model) == expected


def test_the_best_cells_of_darts_have_3_3_million_parameters_as_published() -> None:
    space = CellSpace.darts(cells=20, channels=36)
    costs = architecture_costs(space, space.from_genotype(DARTS_V2), (32, 32, 3), 10)
    assert costs["params"] == 3_349_342


def test_hand_counted_layers() -> None:
    x = keras.Input((8, 6, 4))
    y = keras.layers.Conv2D(10, 3, 2, padding="same", groups=2)(x)
    y = keras.layers.SeparableConv2D(5, 3, use_bias=False)(y)
    y = keras.layers.Conv2DTranspose(2, 2, 2)(y)
    inner = keras.Sequential([keras.Input(y.shape[1:]), keras.layers.Dense(3), keras.layers.ReLU()])
    y = keras.layers.Flatten()(inner(y))
    costs = model_costs(keras.Model(x, keras.layers.Dense(2, use_bias=False)(y)))
    conv = (4 * 3) * (9 * 2 * 10 + 10)
    separable = (2 * 1) * (9 * 10 + 10 * 5)
    transposed = (2 * 1) * (4 * 5 * 2) + (4 * 2) * 2
    dense = (4 * 2) * (2 * 3 + 3) + (4 * 2 * 3) * 2
    assert costs["flops"] == conv + separable + transposed + dense


def test_a_layer_that_is_used_twice_works_twice() -> None:
    x, layer = keras.Input((5,)), keras.layers.Dense(5, use_bias=False)
    assert model_costs(keras.Model(x, layer(layer(x)))) == {"params": 25, "flops": 50}


@pytest.mark.parametrize("name", ["darts", "nasnet", "nasbench201"])
def test_least_costs_are_met_by_an_architecture_and_passed_by_none(name: str) -> None:
    small = {
        "darts": CellSpace(("sep_conv_3x3", "skip_connect", "none"), nodes=2, cells=3, channels=2),
        "nasnet": CellSpace(("conv_3x3", "sep_conv_3x3"), nodes=1, cells=4, channels=2, topology="repeat"),
        "nasbench201": CellSpace.nasbench201(operations=("nor_conv_1x1", "nor_conv_3x3"), cells=3, channels=2, nodes=2),
    }[name]
    costs = [architecture_costs(small, a, (9, 9, 3), 4) for a in small.enumerate()]
    least = {key: min(c[key] for c in costs) for key in ("params", "flops")}
    assert least_costs(small, (9, 9, 3), 4) == least


def test_registered_operations_are_counted_by_building_them() -> None:
    for units in (9, 7):
        register_operation(
            "conv_9x9", lambda x, c, s, k=units: keras.layers.Conv2D(c, k, s, padding="same", use_bias=True)(x)
        )
        space = CellSpace(("conv_9x9", "sep_conv_3x3"), nodes=2, cells=3, channels=2)
        architecture = space.default()
        expected = model_costs(network(space, architecture, (7, 5, 3), 10))
        assert architecture_costs(space, architecture, (7, 5, 3), 10) == expected


def test_what_cannot_be_counted_gets_a_sentence() -> None:
    x = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="Expected a model of fixed sizes to count, got an open size at layer 'wide'"):
        model_costs(keras.Model(x, keras.layers.Conv2D(2, 3, name="wide")(x)))
    with pytest.raises(ValueError, match="Expected a built functional or sequential model to count, got Sequential"):
        model_costs(keras.Sequential([keras.layers.Dense(2)]))


def test_limits_that_hold() -> None:
    assert check_limits(None) == {}
    assert check_limits({"params": 1_000, "flops": np.float64(2e6)}) == {"params": 1_000, "flops": 2e6}
    costs = {"params": 1_000, "flops": 10}
    assert meets(costs, {}) and meets(costs, {"params": 1_000}) and not meets(costs, {"params": 999, "flops": 100})


@pytest.mark.parametrize(
    ("limits", "error", "sentence"),
    [
        ({"parms": 1}, ValueError, "Expected limits of params, flops, latency_ms, got 'parms'; did you mean 'params'"),
        ({"params": 0}, ValueError, "Expected the limit of params to be a positive number, got 0"),
        ({"flops": "many"}, ValueError, "positive number, got 'many'"),
        ({"flops": float("nan")}, ValueError, "positive number, got nan"),
        ({"flops": True}, ValueError, "positive number, got True"),
        (3, TypeError, 'Expected limits such as {"params": 100_000}, got int'),
    ],
)
def test_limits_that_do_not(limits: object, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        check_limits(limits)  # type: ignore[arg-type]
