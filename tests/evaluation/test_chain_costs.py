"""Costs counted from chains, from models, and against NAS-Bench-Macro's published table."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from autonas_keras.evaluation import chain_costs, least_chain_costs, model_costs
from autonas_keras.layers import chain_network
from autonas_keras.spaces import Architecture, ChainSpace

STAGES = ((2, 6, 2), (1, 6, 2), (2, 9, 1))
SHUFFLED = ((2, 6, 2), (3, 10, 1))
SPACES = {
    "macro": ChainSpace.nasbench_macro(channels=4),
    "spos": ChainSpace.spos(stages=SHUFFLED, stem=3),
    "mbconv": ChainSpace(("mbconv_k3_e1", "mbconv_k7_e2", "identity"), STAGES, stem=6, stem_strides=2, tail=7),
    "bits": ChainSpace(("mbconv_k3_e2", "identity"), STAGES, stem=5, bits=(2, 8)),
    "widths": ChainSpace(
        ("identity", "shuffle_k5", "mbconv_k3_e1", "mbconv_k5_e3", "shuffle_xception"),
        SHUFFLED,
        stem=4,
        widths=(0.3, 1.0, 2.0),
    ),
}


def network(space: ChainSpace, architecture: Architecture, shape: tuple[int, int, int], classes: int) -> keras.Model:
    x = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(chain_network(x, architecture, space))
    return keras.Model(x, keras.layers.Dense(classes)(pooled))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("shape", "classes"), [((11, 6, 3), 10), ((1, 3, 2), 7)])
def test_costs_of_an_architecture_are_those_of_its_network(
    name: str, shape: tuple[int, int, int], classes: int
) -> None:
    space, rng = SPACES[name], np.random.default_rng(sum(shape))
    for _ in range(3):
        architecture = space.sample(rng)
        model = network(space, architecture, shape, classes)
        assert chain_costs(space, architecture, shape, classes) == model_costs(model)


@pytest.mark.parametrize("name", SPACES)
def test_the_least_costs_are_those_of_some_architectures(name: str) -> None:
    space = ChainSpace(**{**SPACES[name].get_config(), "stages": SPACES[name].stages[:1]})
    costs = [chain_costs(space, architecture, (8, 8, 3), 10) for architecture in space.enumerate()]
    least = {key: min(cost[key] for cost in costs) for key in ("params", "flops")}
    assert least_chain_costs(space, (8, 8, 3), 10) == least


def test_the_published_table_of_nasbench_macro(data_dir: Path) -> None:
    frame = pd.read_csv(data_dir / "nas_bench_macro_cifar10.csv.gz", dtype={"arch": str})
    space = ChainSpace.nasbench_macro()
    for text, params, flops in frame[["arch", "params", "flops"]].itertuples(index=False):
        # The table leaves out the additions of ten biases.
        assert chain_costs(space, space.parse(text), (32, 32, 3), 10) == {"params": params, "flops": flops + 10}


def test_the_published_costs_of_the_network_that_spos_found() -> None:
    space = ChainSpace.spos(strides=(2, 2, 2, 2, 2))
    found = space.decode((2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3))
    costs = chain_costs(space, found, (224, 224, 3), 1000)
    assert round(costs["flops"] / 1e6) == 323 and 3.5e6 <= costs["params"] < 3.6e6


def test_a_wrong_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="layer_2"):
        chain_costs(SPACES["macro"], {"layer_1": "identity"}, (8, 8, 3), 10)
