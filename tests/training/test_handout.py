"""Networks of stock layers that models with supernets hand out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from autonas_keras.evaluation import InheritedScore, SupernetCosts, model_costs, recalibrate
from autonas_keras.spaces import CellSpace, ChainSpace, MobileSpace
from autonas_keras.supernets import PathCell, PathChain, PathMobile
from autonas_keras.training import PathModel, handed_out

CELLS = CellSpace.nasbench201(cells=1, channels=2, operations=("none", "skip_connect", "avg_pool_3x3", "conv_3x3"))
CHAIN = ChainSpace(("identity", "mbconv_k3_e2"), stages=((2, 4, 2),), stem=4)
MOBILE = MobileSpace(((2, 4),), depths=(1, 2), kernels=(3, 5), expansions=(1, 2), stem=4, head=8, resolutions=(6, 8))
LAYERS: dict[str, Any] = {"cells": (PathCell, CELLS), "chain": (PathChain, CHAIN), "mobile": (PathMobile, MOBILE)}


def images(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).normal(3.0, 2.0, (count, 8, 8, 3)).astype("float32")


def model(*names: str) -> PathModel:
    inputs = keras.Input((8, 8, 3))
    normal = keras.layers.Normalization()
    normal.adapt(images())
    x = keras.layers.AveragePooling2D(1)(normal(inputs))
    parts = [LAYERS[name][0](LAYERS[name][1], seed=place, name=name) for place, name in enumerate(names)]
    pooled = [keras.layers.GlobalAveragePooling2D()(part(x)) for part in parts]
    merged = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    found = PathModel(inputs, keras.layers.Dense(3, "softmax", name="head")(merged))
    found.compile("sgd", loss="categorical_crossentropy")
    return found


@pytest.mark.parametrize("names", [("cells",), ("chain", "mobile")], ids="-".join)
def test_what_is_handed_out_computes_what_the_model_does(names: tuple[str, ...]) -> None:
    found, x = model(*names), images()
    y = np.eye(3)[np.arange(len(x)) % 3]
    judge, costs, rng = InheritedScore(found, x, (x, y)), SupernetCosts(found), np.random.default_rng(0)
    for _ in range(2):
        architecture = found.space.sample(rng)
        score = judge(architecture)
        network = handed_out(found, architecture)
        expected = found.predict(x, verbose=0)
        np.testing.assert_allclose(network.predict(x, verbose=0), expected, atol=2e-5)
        assert {type(layer).__module__.split(".")[0] for layer in network.layers} == {"keras"}
        assert not any(isinstance(layer, keras.Model) for layer in network.layers)
        assert score == pytest.approx(np.mean(expected.argmax(-1) == y.argmax(-1)))
        # The statistics that it had when it was judged are those of the same images.
        recalibrate(network, x, len(x))
        np.testing.assert_allclose(network.predict(x, verbose=0), expected, atol=2e-5)
        told = costs.of(architecture)
        assert told["flops"] == model_costs(network)["flops"]
        # Cells of a search learn no scale and offset.
        assert told["params"] >= model_costs(network)["params"]
        assert "cells" in names or told["params"] == model_costs(network)["params"]
