from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import DARTS_V1, DARTS_V2, CellSpace, Genotype

# As published in the repositories of DARTS (lists) and PC-DARTS (ranges).
V2_TEXT = """Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
    ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5],
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0),
    ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"""
PC_DARTS_TEXT = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1), "
    "('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)], normal_concat=range(2, 6), "
    "reduce=[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)], reduce_concat=range(2, 6))"
)
SPACE = CellSpace.darts()


def test_published_texts_are_read_as_they_stand() -> None:
    assert Genotype.parse(V2_TEXT) == DARTS_V2
    assert DARTS_V1.reduce[-1] == ("avg_pool_3x3", 0)
    assert DARTS_V1.normal[0] == ("sep_conv_3x3", 1)
    assert Genotype.parse(PC_DARTS_TEXT).normal_concat == (2, 3, 4, 5)


def test_a_text_with_ranges_is_written_back_to_the_letter() -> None:
    assert str(Genotype.parse(PC_DARTS_TEXT)) == PC_DARTS_TEXT


@pytest.mark.parametrize("text", [str(DARTS_V1), V2_TEXT, PC_DARTS_TEXT])
def test_published_cells_are_points_of_the_darts_space(text: str) -> None:
    architecture = SPACE.from_genotype(text)
    assert architecture in SPACE
    genotype = Genotype.parse(text)
    for kind in ("normal", "reduction"):
        ours, theirs = SPACE.cell(architecture, kind), genotype.cell(kind)
        assert [set(pairs) for pairs in ours.nodes] == [set(pairs) for pairs in theirs.nodes]
        assert ours.concat == theirs.concat


def test_genotypes_go_both_ways_for_every_topology_that_has_them() -> None:
    rng = np.random.default_rng(0)
    for space in (SPACE, CellSpace.nasnet(), CellSpace.darts(nodes=1), CellSpace.nasnet(nodes=6)):
        for _ in range(30):
            architecture = space.sample(rng)
            genotype = space.genotype(architecture)
            assert space.from_genotype(genotype) == architecture
            assert space.from_genotype(str(genotype)) == architecture
            assert Genotype.parse(str(genotype)) == genotype


def test_operations_are_read_under_the_name_that_the_space_has_for_them() -> None:
    space = CellSpace(("identity", "sep_conv_3x3"), nodes=1, topology="repeat")
    text = (
        "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=range(2, 3), "
        "reduce=[('identity', 0), ('sep_conv_3x3', 1)], reduce_concat=range(2, 3))"
    )
    assert space.from_genotype(text)["normal/node_2/op_1"] == "identity"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Genotype(",
        "Genotype()",
        "print('hello')",
        "__import__('os').getcwd()",
        "Genotype(normal=[], normal_concat=[2], reduce=[])",
        "Genotype(normal=[('a', 0)], normal_concat=[2], reduce=[('a', 0)], reduce_concat=[2], more=1)",
        "Genotype(normal=[open('x')], normal_concat=[2], reduce=[], reduce_concat=[2])",
        "Genotype(normal=3, normal_concat=[2], reduce=[], reduce_concat=[2])",
        "Genotype(normal=[('a', 'b')], normal_concat=[2], reduce=[('a', 0)], reduce_concat=[2])",
    ],
)
def test_other_texts_are_refused_and_never_executed(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expected the text of a genotype, Genotype\(normal="):
        Genotype.parse(text)


def edited(old: str, new: str) -> str:
    text = str(DARTS_V2)
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (edited("('sep_conv_3x3', 0), ", ""), "two pairs for each node of the normal cell, got 7 pairs"),
        (edited("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"), r"inputs of node 5 in 0\.\.4, got 'dil_conv_3x3' of 5"),
        (edited("range(2, 6)", "range(3, 6)"), r"4 nodes that concatenates them all, got 4 nodes and \[3, 4, 5\]"),
        (edited("dil_conv_3x3", "dil_conv_3x4"), "got 'dil_conv_3x4'; did you mean 'dil_conv_3x3'"),
        (edited("dil_conv_3x3", "none"), "Expected 'normal/node_5/op_2' to be one of .* got 'none'"),
        (edited("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)"), "Expected 'normal/node_5/inputs' to be one of"),
    ],
)
def test_a_genotype_that_does_not_fit_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPACE.from_genotype(text)


def test_a_genotype_of_another_number_of_nodes_does_not_fit() -> None:
    with pytest.raises(ValueError, match="Expected a normal cell of 3 nodes"):
        CellSpace.darts(nodes=3).from_genotype(DARTS_V2)
    with pytest.raises(ValueError, match="got one dense cell"):
        CellSpace.nasbench201().genotype(CellSpace.nasbench201().default())
