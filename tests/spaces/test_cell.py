from __future__ import annotations

from math import comb

import numpy as np
import pytest

from autonas_keras.spaces import (
    DARTS_OPERATIONS,
    NASNET_OPERATIONS,
    SPACES,
    Architecture,
    Cell,
    CellSpace,
    get_space,
)
from tests.spaces.cases import FLAT

NAMED = {name: SPACES[name]() for name in ("darts", "nasnet", "nasbench201")}
named = pytest.mark.parametrize("space", NAMED.values(), ids=NAMED)


def test_sizes_are_the_published_ones() -> None:
    assert NAMED["darts"].size == 1_037_664_180**2
    assert NAMED["nasnet"].size == 241_591_910_400**2
    assert NAMED["nasbench201"].size == 15_625


@pytest.mark.parametrize("nodes", [1, 2, 3, 5])
@pytest.mark.parametrize("operations", [("skip_connect",), ("none", "skip_connect", "conv_3x3"), NASNET_OPERATIONS])
def test_sizes_follow_the_formulas(nodes: int, operations: tuple[str, ...]) -> None:
    some, all_of = len([o for o in operations if o not in ("none", "zero")]), len(operations)
    distinct = np.prod([comb(j, 2) * some**2 for j in range(2, 2 + nodes)], dtype=object)
    repeat = np.prod([(all_of * j) ** 2 for j in range(2, 2 + nodes)], dtype=object)
    assert CellSpace(operations, nodes).size == distinct**2
    assert CellSpace(operations, nodes, topology="repeat").size == repeat**2
    assert CellSpace(operations, nodes, topology="dense").size == all_of ** (nodes * (nodes + 1) // 2)


@pytest.mark.parametrize("topology", ["distinct", "repeat", "dense"])
def test_a_small_cell_space_enumerates_to_its_size(topology: str) -> None:
    space = CellSpace(("none", "skip_connect", "conv_3x3"), nodes=2 if topology == "dense" else 1, topology=topology)
    points = list(space.enumerate())
    assert len(points) == len(set(points)) == space.size
    assert len({str(point) for point in points}) == space.size


@named
def test_cells_have_nodes_whose_inputs_exist(space: CellSpace) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        architecture = space.sample(rng)
        for kind in space.cell_types:
            cell = space.cell(architecture, kind)
            assert cell.inputs == space.inputs
            assert len(cell.nodes) == space.nodes
            for node, pairs in enumerate(cell.nodes, space.inputs):
                assert all((node, state) in space.edges and name in space.candidates for name, state in pairs)
                states = [state for _, state in pairs]
                if space.topology == "dense":
                    assert states == list(range(node))
                else:
                    assert len(states) == 2
                if space.topology == "distinct":
                    assert len(set(states)) == 2


def test_a_repeat_cell_may_take_a_state_twice_and_a_distinct_one_never_does() -> None:
    rng = np.random.default_rng(0)

    def twice(space: CellSpace) -> int:
        cells = [space.cell(space.sample(rng), "normal") for _ in range(200)]
        return sum(pairs[0][1] == pairs[1][1] for cell in cells for pairs in cell.nodes)

    assert twice(NAMED["nasnet"]) > 100
    assert twice(NAMED["darts"]) == 0


def test_edges_are_ordered_by_node_and_then_by_state() -> None:
    assert NAMED["nasbench201"].edges == ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
    assert NAMED["darts"].edges[:5] == ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
    assert len(NAMED["darts"].edges) == 14


def test_none_mixes_in_a_distinct_cell_but_cannot_be_chosen() -> None:
    assert "none" in NAMED["darts"].operations
    assert "none" not in NAMED["darts"].candidates
    assert NAMED["nasnet"].candidates == NASNET_OPERATIONS
    assert "none" in NAMED["nasbench201"].candidates


@pytest.mark.parametrize(("cells", "reductions"), [(1, (0,)), (2, (0, 1)), (3, (1, 2)), (8, (2, 5)), (20, (6, 13))])
def test_reductions_stand_at_the_thirds(cells: int, reductions: tuple[int, ...]) -> None:
    assert CellSpace.darts(cells=cells).reductions == reductions


@pytest.mark.parametrize(("cells", "reductions"), [(1, ()), (2, (1,)), (3, (1, 2)), (15, (5, 10))])
def test_a_dense_network_has_no_residual_block_before_its_first_cell(cells: int, reductions: tuple[int, ...]) -> None:
    assert CellSpace.nasbench201(cells=cells).reductions == reductions


@named
def test_the_configuration_makes_the_same_space_again(space: CellSpace) -> None:
    again = CellSpace(**space.get_config())
    assert again == space
    assert hash(again) == hash(space)
    assert eval(repr(space)) == space
    assert again != space.resized(channels=space.channels + 1)


def test_resized_keeps_the_decisions() -> None:
    space = NAMED["darts"]
    large = space.resized(cells=20, channels=36)
    assert (large.cells, large.channels) == (20, 36)
    assert large.choices == space.choices
    assert large.resized() == large


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topology": "ring"}, r"topology of \('distinct', 'repeat', 'dense'\), got 'ring'"),
        ({"nodes": 0}, "nodes to be an integer of 1 or more, got 0"),
        ({"cells": 2.0}, "cells to be an integer of 1 or more, got 2.0"),
        ({"channels": True}, "channels to be an integer of 1 or more, got True"),
        ({"operations": ()}, "at least one operation, got none"),
        ({"operations": ("sep_conv_3x4",)}, "got 'sep_conv_3x4'; did you mean 'sep_conv_3x3'"),
        ({"operations": "sep_conv_33"}, "got 'sep_conv_33'; did you mean 'sep_conv_3x3'"),
        ({"operations": ("identity", "skip_connect")}, "once, got 'identity' .or a synonym of it. twice"),
        ({"operations": ("none",)}, r"other than none, got \['none'\]"),
        ({"operations": ("zero",), "topology": "repeat"}, r"other than none, got \['zero'\]"),
        ({"operations": ("none",), "topology": "dense"}, r"other than none, got \['none'\]"),
    ],
)
def test_a_wrong_cell_space_is_one_sentence(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CellSpace(**arguments)


def test_get_space_takes_names_and_spaces() -> None:
    assert get_space("darts", nodes=2) == CellSpace.darts(nodes=2)
    assert get_space(FLAT) is FLAT
    with pytest.raises(ValueError, match="got 'dart'; did you mean 'darts'"):
        get_space("dart")
    with pytest.raises(TypeError, match="a space or the name of one, got int"):
        get_space(3)  # type: ignore[arg-type]


def reference_discretize(space: CellSpace, table: np.ndarray) -> list[set[tuple[str, int]]]:
    """The published rule in loops: the strongest operation other than none per edge, the two strongest edges per node."""
    usable = [i for i, name in enumerate(space.operations) if name not in ("none", "zero")]
    nodes, start = [], 0
    for node in range(2, 2 + space.nodes):
        rows = table[start : start + node]
        start += node
        ranked = sorted(range(node), key=lambda j, rows=rows: -max(rows[j][k] for k in usable))[:2]
        nodes.append({(space.operations[max(usable, key=lambda k, j=j, rows=rows: rows[j][k])], j) for j in ranked})
    return nodes


@pytest.mark.parametrize("name", ["darts", "nasnet"])
def test_discretize_is_the_published_rule(name: str) -> None:
    space, rng = NAMED[name], np.random.default_rng(0)
    for _ in range(30):
        weights = {kind: rng.normal(size=(14, 8)) for kind in space.cell_types}
        architecture = space.discretize(weights)
        assert space.contains(architecture)
        for kind in space.cell_types:
            cell = space.cell(architecture, kind)
            assert [set(pairs) for pairs in cell.nodes] == reference_discretize(space, weights[kind])


def test_discretize_never_takes_none_however_strong_except_in_a_dense_cell() -> None:
    weights = np.zeros((14, 8))
    weights[:, 0], weights[:, DARTS_OPERATIONS.index("dil_conv_5x5")] = 100.0, 1.0
    found = NAMED["darts"].discretize({"normal": weights, "reduction": weights})
    assert {name for name, _ in NAMED["darts"].genotype(found).normal} == {"dil_conv_5x5"}
    dense = np.zeros((6, 5))
    dense[:, 0] = 1.0
    assert str(NAMED["nasbench201"].discretize({"cell": dense})) == "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def test_discretize_breaks_ties_by_order() -> None:
    found = NAMED["darts"].discretize({"normal": np.ones((14, 8)), "reduction": np.ones((14, 8))})
    assert NAMED["darts"].genotype(found).normal == (("max_pool_3x3", 0), ("max_pool_3x3", 1)) * 4


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_discretize_of_a_mask_is_the_architecture(name: str) -> None:
    space, rng = NAMED[name], np.random.default_rng(0)
    for _ in range(30):
        architecture = space.sample(rng)
        assert space.discretize(space.mask(architecture)) == architecture


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"normal": np.zeros((14, 8))}, r"weights for the cells \['normal', 'reduction'\], got \['normal'\]"),
        (
            {"normal": np.zeros((14, 7)), "reduction": np.zeros((14, 8))},
            r"normal weights of shape \(14, 8\), got shape \(14, 7\)",
        ),
        ({"normal": np.zeros((14, 8)), "reduction": np.full((14, 8), np.nan)}, "Expected finite reduction weights"),
    ],
)
def test_discretize_refuses_other_tables(weights: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NAMED["darts"].discretize(weights)


@named
def test_a_mask_counts_every_use(space: CellSpace) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        architecture = space.sample(rng)
        masks = space.mask(architecture)
        assert set(masks) == set(space.cell_types)
        for kind, mask in masks.items():
            assert mask.shape == (len(space.edges), len(space.operations))
            assert mask.dtype == np.float32
            uses = [pair for pairs in space.cell(architecture, kind).nodes for pair in pairs]
            assert mask.sum() == len(uses)
            for node, pairs in enumerate(space.cell(architecture, kind).nodes, space.inputs):
                for name, state in pairs:
                    row, column = space.edges.index((node, state)), space.operations.index(name)
                    assert mask[row, column] == pairs.count((name, state))


def test_parse_reads_every_notation_of_an_architecture() -> None:
    rng = np.random.default_rng(0)
    for space in NAMED.values():
        for _ in range(20):
            architecture = space.sample(rng)
            assert space.parse(str(architecture)) == architecture
            assert space.parse(f"  {architecture.to_json()}\n") == architecture


def test_parse_refuses_a_notation_that_the_space_cannot_say() -> None:
    with pytest.raises(ValueError, match="Expected the string of a dense cell"):
        NAMED["nasbench201"].parse(str(NAMED["darts"].default()))
    with pytest.raises(ValueError, match="Expected a dense cell for a NAS-Bench-201 string"):
        NAMED["darts"].parse(str(NAMED["nasbench201"].default()))
    with pytest.raises(ValueError, match="Expected the text of a genotype"):
        NAMED["darts"].parse("sep_conv_3x3")


def test_a_cell_knows_whether_anything_reaches_its_output() -> None:
    space = NAMED["nasbench201"]
    through = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
    dead_end = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|"
    assert space.cell(space.parse(through), "cell").has_path()
    assert not space.cell(space.parse(dead_end), "cell").has_path()
    assert not space.cell(space.default(), "cell").has_path()


def test_a_cell_takes_only_states_that_exist() -> None:
    with pytest.raises(ValueError, match=r"inputs of node 2 in 0\.\.1, got 'skip_connect' of 2"):
        Cell(2, ((("skip_connect", 2), ("skip_connect", 0)),), (2,))
    with pytest.raises(ValueError, match=r"concatenate states in 0\.\.2, got 3"):
        Cell(2, ((("skip_connect", 1), ("skip_connect", 0)),), (3,))


def test_an_architecture_of_a_space_with_other_size_is_read_all_the_same() -> None:
    space = NAMED["darts"]
    architecture = space.sample(np.random.default_rng(0))
    assert isinstance(space.resized(cells=20).architecture(architecture), Architecture)
    assert space.resized(cells=20).cell(architecture, "normal") == space.cell(architecture, "normal")
