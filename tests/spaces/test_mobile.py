"""The mobile space: which networks it has, how they are written, and what it refuses."""

from __future__ import annotations

from typing import Any

import keras_tuner
import numpy as np
import pytest

from autonas_keras.spaces import Architecture, MobileSpace, Space
from autonas_keras.spaces.mobile_plan import resized_shape

TINY: dict[str, Any] = {
    "widths": ((2, 3), (4, 6)),
    "depths": ((1, 2), (2, 3)),
    "kernels": (3, 5),
    "expansions": (2, 3),
    "strides": (1, 2),
    "stem": (2, 3),
    "head": 8,
    "resolutions": (6, 8),
}
SPACES = {
    "tiny": MobileSpace(**TINY),
    "ofa": MobileSpace.ofa(),
    "bignas": MobileSpace.bignas(),
    "small": MobileSpace.small(28),
    "depth alone": MobileSpace([4, 8], depths=(1, 2), kernels=(3,), expansions=(2,)),
    "ratios": MobileSpace([4], depths=[[2]], kernels=(3,), expansions=(0.5, 1, 1.5)),
}


def test_once_for_all_has_its_published_number_of_networks() -> None:
    # Blocks of 9 kinds, 2 to 4 of them in each of 5 stages.
    assert MobileSpace.ofa(resolutions=()).size == (9**2 + 9**3 + 9**4) ** 5 == pytest.approx(2e19, rel=0.1)


def test_size_counts_the_networks() -> None:
    space = MobileSpace([(2, 3)], depths=(1, 2), kernels=(3, 5), expansions=(2,), head=4, resolutions=(6, 8))
    networks = set(space.enumerate())
    assert len(networks) == space.size == 2 * 2 * (2 + 4)


@pytest.mark.parametrize("name", SPACES)
def test_a_network_is_read_from_what_it_prints(name: str) -> None:
    space, rng = SPACES[name], np.random.default_rng(0)
    for architecture in (space.smallest(), space.largest(), *(space.sample(rng) for _ in range(20))):
        assert architecture in space
        assert space.parse(str(architecture)) == architecture
        assert space.parse(architecture.to_json()) == architecture
        assert space.decode(space.encode(architecture)) == architecture


def test_the_notation_says_every_size() -> None:
    space = SPACES["tiny"]
    assert str(space.smallest()) == "r6 c2 | c2 k3e2 | c4 k3e2 k3e2 | c8"
    assert str(space.largest()) == "r8 c3 | c3 k5e3 k5e3 | c6 k5e3 k5e3 k5e3 | c8"
    assert str(SPACES["ratios"].smallest()) == "c16 | c4 k3e0.5 k3e0.5"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r6 c2 | c2 k3e2",
        "r6 c2 | c2 k3e2 | c4 k3e2 k3e2 | c9",
        "r7 c2 | c2 k3e2 | c4 k3e2 k3e2 | c8",
        "r6 c2 | c2 k3e2 | c4 k3e2 | c8",
        "r6 c2 | c2 k3e2 k3e2 k3e2 | c4 k3e2 k3e2 | c8",
        "r6 c2 | c2 k4e2 | c4 k3e2 k3e2 | c8",
        "r6 c2 | c2 k3e2 | c4 k3e2 k3e2 | c8 | c8",
        "r6 c2 | c2 x3 | c4 k3e2 k3e2 | c8",
        "c2 r6 | c2 k3e2 | c4 k3e2 k3e2 | c8",
    ],
)
def test_a_text_of_another_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Expected"):
        SPACES["tiny"].parse(text)


def test_blocks_beyond_the_depth_are_no_decisions() -> None:
    space = SPACES["tiny"]
    shallow = space.smallest()
    assert not any("stage_1/block_2" in name for name in shallow)
    assert "stage_1/block_2/kernel" in space.architecture({**space.largest(), "stage_0/depth": 1})
    assert len(space.plan(shallow).stages[1]) == 2 and len(space.plan(space.largest()).stages[1]) == 3


def test_a_single_option_is_no_choice() -> None:
    assert list(SPACES["depth alone"].named) == ["stage_0/depth", "stage_1/depth"]
    assert not any("kernel" in name for name in SPACES["ratios"].named)


def test_the_plan_says_what_each_block_reads_and_gives() -> None:
    first, second = SPACES["tiny"].plan(SPACES["tiny"].largest()).stages
    assert [(b.inputs, b.hidden, b.outputs, b.stride, b.residual) for b in first] == [
        (3, 9, 3, 1, False),
        (3, 9, 3, 1, True),
    ]
    assert [(b.inputs, b.hidden, b.outputs, b.stride, b.residual) for b in second] == [
        (3, 9, 6, 2, False),
        (6, 18, 6, 1, True),
        (6, 18, 6, 1, True),
    ]
    plain = SPACES["ofa"].plan(SPACES["ofa"].smallest()).stages
    assert not plain[0][0].expands and plain[1][0].expands


@pytest.mark.parametrize("name", SPACES)
def test_the_configuration_makes_an_equal_space(name: str) -> None:
    space = SPACES[name]
    again = MobileSpace(**space.get_config())
    assert again == space and hash(again) == hash(space) and repr(again) == repr(space)
    assert eval(repr(space), {"MobileSpace": MobileSpace}) == space


@pytest.mark.parametrize(
    "change", [{"head": 9}, {"kernels": (3,)}, {"squeeze": True}, {"activations": "swish"}, {"stem_stride": 2}]
)
def test_spaces_that_differ_are_not_equal(change: dict[str, Any]) -> None:
    assert MobileSpace(**{**TINY, **change}) != MobileSpace(**TINY)


def test_the_order_of_options_does_not_matter() -> None:
    assert MobileSpace(**{**TINY, "kernels": [5, 3], "stem": (3, 2)}) == MobileSpace(**TINY)


@pytest.mark.parametrize("width", [0.25, 2.0])
def test_a_resized_space_has_the_same_decisions(width: float) -> None:
    space, rng = SPACES["bignas"], np.random.default_rng(0)
    other = space.resized(width, [8, 12, 16, 20])
    assert other.size == space.size
    architecture = space.sample(rng)
    moved = other.decode(space.encode(architecture))
    assert [len(blocks) for blocks in other.plan(moved).stages] == [len(b) for b in space.plan(architecture).stages]
    assert (other.plan(moved).stem < space.plan(architecture).stem) == (width < 1)
    assert space.resized() == space
    with pytest.raises(ValueError, match="Expected 4 resolutions, got 1"):
        space.resized(resolutions=[8])


def test_the_decisions_are_those_of_kerastuner() -> None:
    space, hp = SPACES["tiny"], keras_tuner.HyperParameters()
    space.declare(hp)
    assert space.read(hp) == space.smallest()
    # KerasTuner shows what is active; decisions of other branches are not read.
    for name, option in space.largest().items():
        hp.values[name] = option
    assert space.read(hp) == space.largest()
    assert Space.from_hyperparameters(hp).size == space.size


def test_a_neighbour_differs_in_one_decision() -> None:
    space = SPACES["tiny"]
    found = space.neighbours(space.smallest())
    assert all(architecture in space for architecture in found)
    deeper = [a for a in found if a["stage_1/depth"] == 3]
    assert len(deeper) == 1 and deeper[0]["stage_1/block_2/kernel"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": ()}, "at least one stage"),
        ({"kernels": (3, 4)}, "odd kernels"),
        ({"kernels": ()}, "options of kernels"),
        ({"depths": (0, 1)}, "positive integers"),
        ({"depths": (1, 1)}, "unique"),
        ({"depths": ((1, 2),)}, "for each of 2 stages, got 1"),
        ({"expansions": (2, -1.0)}, "positive numbers"),
        ({"widths": ((2, 3), "x")}, "positive integers"),
        ({"strides": 3}, "strides of 1 or 2"),
        ({"strides": (1, 2, 2)}, "for each of 2 stages, got 3"),
        ({"stem": 1.5}, "positive integers"),
        ({"activations": "gelu"}, "activation of"),
        ({"head": None}, "Expected a head"),
        (
            {"widths": (2, 3), "depths": [[1], [2]], "kernels": 3, "expansions": 2, "stem": 2, "resolutions": ()},
            "single",
        ),
    ],
)
def test_wrong_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MobileSpace(**{**TINY, **change})


def test_a_point_of_another_space_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected"):
        SPACES["tiny"].architecture(SPACES["ofa"].smallest())
    assert Architecture({"stem/width": 2}) not in SPACES["tiny"]


def test_the_shorter_side_is_brought_to_the_resolution() -> None:
    assert resized_shape((28, 28), 20) == (20, 20)
    assert resized_shape((30, 45), 20) == (20, 30)
    assert resized_shape((45, 30), None) == (45, 30)
    assert MobileSpace.small(28).resolutions == (16, 20, 24, 28)
    assert MobileSpace.small(30).resolutions == MobileSpace.small(32).resolutions == (20, 24, 28, 32)
