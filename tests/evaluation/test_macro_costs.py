"""Costs counted from architectures of ENAS's macro space, and from their networks."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from autonas_keras.evaluation import least_macro_costs, least_space_costs, macro_costs, model_costs, space_costs
from autonas_keras.layers import macro_network
from autonas_keras.spaces import MacroSpace

SPACES = {
    "enas": MacroSpace.enas(layers=7, channels=5),
    "narrow": MacroSpace(("max_pool_3x3", "sep_conv_3x3"), layers=3, channels=4, growth=1),
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("shape", "classes"), [((11, 6, 3), 10), ((1, 3, 2), 7)])
def test_costs_of_an_architecture_are_those_of_its_network(
    name: str, shape: tuple[int, int, int], classes: int
) -> None:
    space, rng = SPACES[name], np.random.default_rng(sum(shape))
    for _ in range(2):
        architecture, x = space.sample(rng), keras.Input(shape)
        pooled = keras.layers.GlobalAveragePooling2D()(macro_network(x, architecture, space))
        model = keras.Model(x, keras.layers.Dense(classes)(pooled))
        assert macro_costs(space, architecture, shape, classes) == model_costs(model)
        assert space_costs(space, architecture, shape, classes) == model_costs(model)


def test_the_least_costs_are_those_of_some_architectures() -> None:
    space = SPACES["narrow"]
    costs = [macro_costs(space, architecture, (8, 8, 3), 10) for architecture in space.enumerate()]
    least = {key: min(cost[key] for cost in costs) for key in ("params", "flops")}
    assert least_macro_costs(space, (8, 8, 3), 10) == least == least_space_costs(space, (8, 8, 3), 10)


def test_a_wrong_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="skip_1_2"):
        macro_costs(SPACES["enas"], {"layer_1": "conv_3x3", "layer_2": "conv_3x3"}, (8, 8, 3), 10)
