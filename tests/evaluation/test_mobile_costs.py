"""Costs of mobile networks counted from architectures are those of the built networks."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from autonas_keras.evaluation import least_mobile_costs, mobile_costs, model_costs
from autonas_keras.layers import mobile_network
from autonas_keras.spaces import Architecture, MobileSpace

SPACES = {
    "squeezed": MobileSpace(
        widths=((3, 4), (5, 6)), depths=(1, 3), stem=(2, 5), stem_stride=2, head=7, resolutions=(6, 9), squeeze=True
    ),
    "without a head": MobileSpace([3, 4], expansions=[[1], [1.5, 2.5]], strides=(1, 2)),
    "small": MobileSpace.small(28),
    "bignas": MobileSpace.bignas(16),
}


def network(space: MobileSpace, architecture: Architecture, shape: tuple[int, int, int], classes: int) -> keras.Model:
    x = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(mobile_network(x, architecture, space))
    return keras.Model(x, keras.layers.Dense(classes)(pooled))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("shape", "classes"), [((11, 6, 3), 10), ((28, 28, 1), 1), ((1, 3, 2), 7)])
def test_costs_are_those_of_the_built_network(name: str, shape: tuple[int, int, int], classes: int) -> None:
    space = SPACES[name]
    for architecture in (space.smallest(), space.sample(np.random.default_rng(sum(shape)))):
        expected = model_costs(network(space, architecture, shape, classes))
        assert mobile_costs(space, architecture, shape, classes) == expected


@pytest.mark.parametrize("name", SPACES)
def test_no_network_costs_less_than_the_least(name: str) -> None:
    space, rng = SPACES[name], np.random.default_rng(0)
    least = least_mobile_costs(space, (28, 28, 1), 10)
    assert least == mobile_costs(space, space.smallest(), (28, 28, 1), 10)
    largest = mobile_costs(space, space.largest(), (28, 28, 1), 10)
    for _ in range(200):
        costs = mobile_costs(space, space.sample(rng), (28, 28, 1), 10)
        assert all(least[key] <= costs[key] <= largest[key] for key in least)


@pytest.mark.parametrize(
    "space", [MobileSpace.small(28), MobileSpace.small(32), MobileSpace.ofa(28), MobileSpace.bignas()]
)
def test_the_presets_span_a_wide_range(space: MobileSpace) -> None:
    shape = (space.resolutions[-1], space.resolutions[-1], 1)
    largest, least = mobile_costs(space, space.largest(), shape, 10), least_mobile_costs(space, shape, 10)
    assert largest["flops"] >= 12 * least["flops"] and largest["flops"] <= 2e7
