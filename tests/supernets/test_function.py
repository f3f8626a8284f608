"""Supernets of spaces whose network is a function: what the conformance suite does not ask."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.evaluation import function_parts, space_costs
from autonas_keras.layers import NETWORKS, Picker, layer_names
from autonas_keras.layers.names import layer_name
from autonas_keras.spaces import Choice, Space
from autonas_keras.supernets import MixedFunction, PathFunction
from autonas_keras.training import BilevelModel, select_by_perturbation
from tests.supernets.toy import ToySpace

SPACE = ToySpace(layers=1)


@pytest.fixture
def mixed() -> MixedFunction:
    layer = MixedFunction(SPACE, seed=3)
    layer.build((None, 5))
    rng = np.random.default_rng(0)
    for alpha in layer.architecture_weights:
        alpha.assign(rng.standard_normal(alpha.shape))
    return layer


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((6, 5)).astype("float32")


def shares(layer: MixedFunction, winners: bool = False) -> dict[Any, float]:
    """How often each architecture is drawn by the alphas, of all options or of those that may win."""
    tables = {name: table.copy() for name, table in layer.mixture().items()}
    for name, table in tables.items() if winners else ():
        table[0, [option in SPACE.mixture_only for option in SPACE.named[name].options]] = 0
        table /= table.sum()
    return {
        point: float(np.prod([tables[n][0, SPACE.named[n].options.index(o)] for n, o in point.items() if n in tables]))
        for point in SPACE.enumerate()
    }


def test_nested_mixtures_of_one_layer_are_the_mean_of_its_options(x: np.ndarray) -> None:
    # Without normalisation, which is shared, all that is mixed is added up: the output is linear in each weight.
    layer = MixedFunction(SPACE, seed=3)
    layer.build((None, 5))
    layer.alphas["layer_1"].assign([[0.5, -1.0, 0.2, 1.0]])
    layer.alphas["activation_1"].assign([[1.0, -0.5]])
    layer.alphas["normalisation"].assign([[-50.0, -50.0, 50.0]])
    outputs, drawn = layer(x).numpy(), shares(layer)
    mean = np.zeros_like(outputs)
    for point, share in drawn.items():
        layer.select(point)
        mean += share * layer(x).numpy()
    layer.select(None)
    np.testing.assert_allclose(outputs, mean, rtol=1e-4, atol=1e-5)


def test_the_expected_cost_is_the_mean_over_all_architectures_that_may_win(mixed: MixedFunction) -> None:
    drawn = shares(mixed, winners=True)
    assert sum(drawn.values()) == pytest.approx(1, rel=1e-5)
    for cost in ("params", "flops"):
        outside = mixed.network.output.shape[-1] + 1
        mean = sum(share * (space_costs(SPACE, point, (5,), 1)[cost] - outside) for point, share in drawn.items())
        assert float(mixed.expected(function_parts(SPACE, (5,), cost))) == pytest.approx(mean, rel=1e-4)


def test_an_option_for_mixtures_only_never_wins(mixed: MixedFunction) -> None:
    mixed.alphas["layer_1"].assign([[0.0, 1.0, 2.0, 50.0]])
    assert mixed.architecture()["layer_1"] == "identity"
    mixed.alphas["layer_1"].assign([[3.0, 1.0, 2.0, 50.0]])
    mixed.alphas["activation_1"].assign([[0.0, 1.0]])
    assert mixed.architecture()["activation_1"] == "swish"


def test_a_frozen_mixture_moves_no_statistics(mixed: MixedFunction, x: np.ndarray) -> None:
    moving = [weight for weight in mixed.non_trainable_weights if "moving" in weight.name]
    before = [weight.numpy() for weight in moving]
    with mixed.frozen():
        frozen = mixed(x, training=True)
    for weight, start in zip(moving, before, strict=True):
        np.testing.assert_array_equal(weight, start)
    with mixed.frozen(batch_statistics=True):
        np.testing.assert_allclose(mixed(x, training=False), frozen, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mixed(x, training=True), frozen, rtol=1e-5, atol=1e-6)
    assert any(np.any(weight.numpy() != start) for weight, start in zip(moving, before, strict=True))


@pytest.mark.parametrize("order", [1, 2])
def test_a_search_finds_the_option_that_the_data_asks_for(order: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 64, 5)).astype("float32")
    inputs = keras.Input((5,))
    layer = MixedFunction(ToySpace(layers=1, operations=("dense", "identity")), seed=0, name="searched")
    model = BilevelModel(inputs, keras.layers.Dense(1, kernel_initializer="ones", trainable=False)(layer(inputs)))
    rate = {"optimizer": keras.optimizers.SGD(0.01), "alpha_optimizer": keras.optimizers.Adam(0.1)}
    model.compile(**rate, order=order, loss="mse")
    # What the network gives where it takes the identity throughout.
    layer.select(layer.space.architecture({"normalisation": "without", "only": "one", "layer_1": "identity"}))
    targets = [model(part).numpy() for part in (a, b)]
    layer.select(None)
    data = tf.data.Dataset.from_tensors(((a, targets[0]), (b, targets[1]))).repeat()
    model.fit(data, epochs=1, steps_per_epoch=25, verbose=0)
    assert layer.architecture()["layer_1"] == "identity"
    found = select_by_perturbation(model, (b, targets[1]), batch_size=64, seed=0)
    assert found["searched"]["layer_1"] == "identity"
    assert float(layer.selected) == 0


class Wrong(Space):
    """A space whose function does not do what it says."""

    def __init__(self, fault: str) -> None:
        object.__setattr__(self, "fault", fault)
        inner = Choice("inner", ("a", "b"))
        super().__init__((Choice("outer", ("dense", "identity"), {"dense": (inner,)}),))

    fault: str

    def get_config(self) -> dict[str, Any]:
        return {"fault": self.fault}


def wrong_network(x: Any, space: Wrong, picker: Picker, name_prefix: str = "") -> Any:
    ways: dict[str, Any] = {"dense": lambda y: y * 2.0, "identity": lambda y: y}
    if space.fault == "options":
        ways.pop("identity")
    if space.fault == "shape":
        ways["dense"] = keras.layers.Dense(2)
    if space.fault == "place":
        x = picker.pick("inner", x, {"a": ways["identity"], "b": ways["dense"]})
    if space.fault == "name":
        x = keras.layers.Dense(3)(x)
    with layer_names("stem"):
        x = keras.layers.Dense(3, name=layer_name("dense"))(x)
    return picker.pick("other" if space.fault == "choice" else "outer", x, ways)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("options", "pick what its space has, got 'outer' of .'dense'., where the space has options"),
        ("choice", "got 'other' .* no such choice"),
        ("shape", "Expected all options of 'outer' to give one shape"),
        ("place", "pick 'inner' inside the branch of .'outer': 'dense'., got no branch"),
    ],
)
def test_a_function_that_picks_otherwise_than_its_space_says_is_refused(
    fault: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, Wrong, wrong_network)
    with pytest.raises(ValueError, match=words):
        PathFunction(Wrong(fault)).build((None, 3))


def test_weights_without_a_steady_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, Wrong, wrong_network)
    layer = PathFunction(Wrong("name"))
    layer.build((None, 3))
    with pytest.raises(ValueError, match="name its layers alike in the supernet, got 'dense"):
        layer.extract({"outer": "identity"}, (3,))


def test_open_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="an input of known sizes"):
        PathFunction(SPACE).build((None, None))
