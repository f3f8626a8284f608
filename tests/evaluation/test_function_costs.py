"""Costs of networks that a function builds are those of the built networks."""

from __future__ import annotations

import random

import keras

from autonas_keras.evaluation import least_space_costs, model_costs, space_costs
from autonas_keras.layers import function_network
from tests.supernets.toy import ToySpace


def test_costs_are_those_of_the_built_network_and_the_least_is_that_of_some_architecture() -> None:
    space, state = ToySpace(layers=1, width=3), random.getstate()
    counted = {point: space_costs(space, point, (5,), 2) for point in space.enumerate()}
    least = least_space_costs(space, (5,), 2)
    assert random.getstate() == state
    assert least == {name: min(costs[name] for costs in counted.values()) for name in ("params", "flops")}
    assert len({tuple(costs.values()) for costs in counted.values()}) > 5
    for point in list(counted)[::3]:
        x = keras.Input((5,))
        y = keras.layers.Dense(2)(function_network(x, point, space))
        assert model_costs(keras.Model(x, y)) == counted[point]


def test_spaces_that_differ_in_their_sizes_only_have_costs_of_their_own() -> None:
    small, large = (least_space_costs(ToySpace(width=width), (5,), 1) for width in (2, 8))
    assert small["params"] < large["params"]
