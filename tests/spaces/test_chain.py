"""Spaces of chains: what they hold, how their architectures read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, ChainSpace
from autonas_keras.spaces.chain import Block, ChainLayer, parse_block

STAGES = ((2, 8, 2), (1, 16, 2))
SPACES = {
    "macro": ChainSpace.nasbench_macro(),
    "spos": ChainSpace.spos(),
    "spos widths": ChainSpace.spos(widths=(0.5, 1.0, 2.0)),
    "mixed": ChainSpace(("identity", "mbconv_k3_e6", "mbconv_k5_e1"), STAGES, widths=(0.25, 1)),
    "bits": ChainSpace(("identity", "shuffle_k3"), ((2, 16, 2), (1, 32, 2)), stem=8, widths=(1, 2), bits=(2, 4, 8)),
}


@pytest.mark.parametrize("name", SPACES)
def test_architectures_survive_their_text_and_their_code(name: str) -> None:
    space = SPACES[name]
    for seed in range(5):
        architecture = space.sample(np.random.default_rng(seed))
        assert space.contains(architecture)
        assert space.parse(str(architecture)) == architecture
        assert space.parse(architecture.to_json()) == architecture
        assert space.decode(space.encode(architecture)) == architecture


def test_sizes_are_exact() -> None:
    sizes = {name: space.size for name, space in SPACES.items()}
    # Identity and an inverted residual without expansion have no width, an identity that keeps the shape no bits.
    assert sizes == {
        "macro": 3**8,
        "spos": 4**20,
        "spos widths": 12**20,
        "mixed": (1 + 2 + 1) ** 3,
        "bits": (9 + 18) * (1 + 18) * (9 + 18),
    }


def test_nasbench_macro_reads_as_published() -> None:
    space = SPACES["macro"]
    architecture = space.parse("22212202")
    assert str(architecture) == "22212202"
    assert dict(architecture) == {
        f"layer_{i}": ("mb6_k5", "mb3_k3", "identity")[k] for i, k in enumerate("00010020", 1) for k in [int(k)]
    }
    assert space.layers == tuple(
        ChainLayer(f"layer_{i}", read, given, 1 + (read != given))
        for i, (read, given) in enumerate(
            [(32, 64), (64, 64), (64, 128), (128, 128), (128, 128), (128, 256), (256, 256), (256, 256)], 1
        )
    )
    assert (space.stem, space.features, space.reduction) == (32, 1280, 8)


def test_other_spaces_read_as_names() -> None:
    space = SPACES["mixed"]
    text = "identity mbconv_k3_e6:0.25 mbconv_k5_e1"
    assert str(space.parse(text)) == text
    assert space.block(space.parse(text), space.layers[1]) == ("mbconv_k3_e6", 0.25)
    assert space.block(space.parse(text), space.layers[2]) == ("mbconv_k5_e1", 1.0)
    space = SPACES["bits"]
    architecture = space.parse("identity@2,8 identity shuffle_k3:2.0@8,4")
    assert str(architecture) == "identity@2,8 identity shuffle_k3:2.0@8,4"
    assert [space.block_bits(architecture, layer) for layer in space.layers] == [(2, 8), None, (8, 4)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("macro", "2221220", "Expected 8 layers, got 7"),
        ("macro", "22212203", "'layer_8'"),
        ("mixed", "identity identity", "Expected 3 layers, got 2"),
        ("mixed", "identity identity mbconv_k3_e6", "'width_3'"),
        ("mixed", "identity identity mbconv_k3_e6:x", "Expected words such as"),
        ("mixed", "identity identity mbconv_k3_e6:0.3", "'width_3'"),
    ],
)
def test_texts_that_name_no_point_are_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPACES[name].parse(text)


@pytest.mark.parametrize("name", SPACES)
def test_the_configuration_makes_an_equal_space(name: str) -> None:
    space = SPACES[name]
    again = ChainSpace(**json.loads(json.dumps(space.get_config())))
    assert again == space and hash(again) == hash(space) and repr(again) == repr(space)
    assert again.choices == space.choices
    assert {other for other in SPACES.values()} - {again} == {s for s in SPACES.values() if s is not space}


def test_blocks_say_what_their_names_say() -> None:
    assert parse_block("mbconv_k3_e6") == parse_block("mb6_k3") == Block("mbconv", 3, 6)
    assert parse_block("shuffle_k7") == Block("shuffle", 7)
    assert parse_block("shuffle_xception") == Block("xception", 3)
    assert parse_block("mb6_k3").hidden(8, 16) == 48 and parse_block("mb6_k3").hidden(8, 16, 0.5) == 24
    assert parse_block("shuffle_k3").hidden(8, 16, 1.5) == 12 and parse_block("shuffle_k3").hidden(8, 2, 0.1) == 1
    assert parse_block("mb1_k3").hidden(8, 16, 0.5) == 8
    for name in ("mbconv_k4_e3", "mb0_k3", "shuffle", "skip_connect", "mbconv_k3"):
        with pytest.raises(ValueError, match=f"Expected blocks such as .*{name}"):
            parse_block(name)


def test_a_space_can_be_narrower_with_the_same_decisions() -> None:
    for space in SPACES.values():
        half = space.resized(0.5)
        assert half.choices == space.choices and space.resized() == space
        assert [layer.given for layer in half.layers] == [layer.given // 2 for layer in space.layers]
        assert half.features == space.features // 2
    assert SPACES["macro"].resized(0.5) == ChainSpace.nasbench_macro(channels=16)
    assert SPACES["macro"].resized(0.01).stem == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operations": ()}, "at least one stage and one block"),
        ({"operations": ("mbconv_k3_e6", "mb6_k3")}, "no block twice"),
        ({"stages": ()}, "at least one stage"),
        ({"stages": ((2, 8),)}, "Expected stages of"),
        ({"stages": ((0, 8, 1),)}, "Expected layers to be an integer of 1 or more"),
        ({"stages": ((1, 8, 3),)}, "strides of 1 or 2"),
        ({"stem": 0}, "Expected stem"),
        ({"tail": -1}, "Expected tail"),
        ({"activation": "swish"}, "Expected an activation"),
        ({"widths": (0.5, 0.5)}, "Expected widths"),
        ({"widths": (0.0,)}, "Expected widths"),
        ({"bits": (2, 2)}, "Expected bits"),
        ({"bits": (32,)}, "Expected bits"),
        ({"operations": ("shuffle_k3",), "stages": ((1, 8, 2), (1, 8, 2))}, "grow wherever the shape changes"),
        ({"operations": ("shuffle_k3",), "stages": ((1, 17, 2),)}, "to be even"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChainSpace(**{"operations": ("identity",), "stages": STAGES, "stem": 4, **arguments})


def test_presets_take_other_sizes() -> None:
    small = ChainSpace.spos(channels=(8, 16, 32, 64, 128, 0), strides=(1, 1, 2, 2, 2))
    assert [layer.given for layer in small.layers] == [16] * 4 + [32] * 4 + [64] * 8 + [128] * 4
    assert (small.reduction, small.features) == (8, 128)
    with pytest.raises(ValueError, match="six channels and five strides"):
        ChainSpace.spos(channels=(8, 16))


def test_neighbours_and_json_keep_to_the_space() -> None:
    space = SPACES["mixed"]
    architecture = space.default()
    neighbours = space.neighbours(architecture)
    assert len(neighbours) == 6 and all(space.contains(neighbour) for neighbour in neighbours)
    assert Architecture.from_json(architecture.to_json(), space) == architecture
