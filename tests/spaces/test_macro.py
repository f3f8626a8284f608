"""The macro space of ENAS: what it holds, how its architectures read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autonas_keras.spaces import MacroSpace, get_space
from autonas_keras.spaces.macro import MacroOperation, parse_macro_operation

SMALL = MacroSpace(("conv_3x3", "max_pool_3x3"), layers=4, channels=8)


def test_the_size_is_exact() -> None:
    assert get_space("enas_macro").size == 6**12 * 2**66
    assert get_space("enas_macro", layers=24).size == 6**24 * 2 ** (12 * 23)
    assert SMALL.size == 2**4 * 2**6 == len(set(SMALL.enumerate()))


@pytest.mark.parametrize("space", [MacroSpace.enas(), SMALL], ids=["enas", "small"])
def test_architectures_survive_their_notations(space: MacroSpace) -> None:
    for seed in range(5):
        architecture = space.sample(np.random.default_rng(seed))
        assert space.contains(architecture)
        assert space.parse(str(architecture)) == architecture
        assert space.parse(space.arc(architecture)) == architecture
        assert space.parse(json.dumps(space.arc(architecture))) == architecture
        assert space.parse(architecture.to_json()) == architecture
        assert space.decode(space.encode(architecture)) == architecture


def test_an_arc_has_the_operation_of_a_layer_and_then_its_skip_inputs() -> None:
    arc = "0\n 3 1\n 5 0 1\n 4 1 0 1"
    space = MacroSpace.enas(layers=4)
    architecture = space.parse(arc)
    assert str(architecture) == "0 3 1 5 0 1 4 1 0 1"
    names = ("conv_3x3", "sep_conv_5x5", "max_pool_3x3", "avg_pool_3x3")
    assert tuple(space.operation(architecture, layer) for layer in range(1, 5)) == names
    assert [space.sources(architecture, layer) for layer in range(1, 5)] == [[], [1], [2], [1, 3]]


def test_the_resolution_is_halved_after_each_third() -> None:
    space = MacroSpace.enas()
    assert space.reductions == (4, 8)
    assert [space.width(layer) for layer in range(13)] == [36] * 5 + [72] * 4 + [144] * 4
    assert space.features == 144 and MacroSpace.enas(growth=1).features == 36
    assert MacroSpace.enas(layers=5).reductions == (1, 2)


def test_what_is_read_after_a_reduction_is_told() -> None:
    space = MacroSpace.enas(layers=6)
    architecture = space.parse([0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    # Layer 4 skips to layer 1, layer 5 to layer 3; the reductions follow layers 2 and 4.
    assert space.reduced(architecture, 2) == [1, 2]
    assert space.reduced(architecture, 4) == [3, 4]


@pytest.mark.parametrize(
    ("arc", "message"),
    [
        ("0 0 0", "Expected an arc of 10 numbers for 4 layers, got 3"),
        ("0 0 0 0 0 0 0 0 0 x", "Expected an arc of numbers"),
        ("0 0 0 2 0 0 0 0 0 0", "Expected the index of 'layer_3' in 0..1, got 2"),
        ([0, 0, 3, 0, 0, 0, 0, 0, 0, 0], "Expected the index of 'skip_1_2' in 0..1, got 3"),
        ([0, 0, -1, 0, 0, 0, 0, 0, 0, 0], "Expected an arc of numbers"),
    ],
)
def test_arcs_that_name_no_point_are_refused(arc: str | list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SMALL.parse(arc)


def test_the_configuration_makes_an_equal_space() -> None:
    for space in (SMALL, MacroSpace.enas(), MacroSpace.enas(growth=1)):
        again = MacroSpace(**json.loads(json.dumps(space.get_config())))
        assert again == space and hash(again) == hash(space) and repr(again) == repr(space)
        assert again.choices == space.choices
    assert MacroSpace.enas() != MacroSpace.enas(growth=1)


def test_a_space_can_be_narrower_with_the_same_decisions() -> None:
    space = MacroSpace.enas()
    assert space.resized() == space
    assert space.resized(0.5).channels == 20 and space.resized(0.5).choices == space.choices
    assert space.resized(0.01).channels == 4


def test_operations_say_what_their_names_say() -> None:
    assert parse_macro_operation("sep_conv_5x5") == MacroOperation("sep_conv", 5)
    for name in ("conv_3x5", "conv_4x4", "identity", "dil_conv_3x3"):
        with pytest.raises(ValueError, match=f"Expected operations such as .*{name}"):
            parse_macro_operation(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 2}, "Expected layers to be an integer of 3 or more, got 2"),
        ({"channels": 0}, "Expected channels"),
        ({"growth": 1.5}, "Expected growth"),
        ({"operations": ()}, "Expected at least one operation"),
        ({"operations": ("conv_3x3", "conv_3x3")}, "none twice"),
        ({"operations": ("identity",)}, "Expected operations such as"),
    ],
)
def test_wrong_arguments_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MacroSpace.enas(**changes)
