from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autonas_keras.spaces import (
    ENAS_OPERATIONS,
    CellSpace,
    from_enas_arc,
    from_nasbench201,
    to_enas_arc,
    to_nasbench201,
)

NASBENCH201 = CellSpace.nasbench201()
ENAS = CellSpace(ENAS_OPERATIONS, nodes=5, topology="repeat")

# The cell that the ENAS repository trains in its script for the final CIFAR-10 network.
ENAS_NORMAL = [0, 2, 0, 0, 0, 4, 0, 1, 0, 4, 1, 1, 1, 0, 0, 1, 0, 2, 1, 1]
ENAS_REDUCTION = [1, 0, 1, 0, 0, 3, 0, 2, 1, 1, 3, 1, 1, 0, 0, 4, 0, 3, 1, 1]


def test_the_published_enas_cell_reads_as_the_paper_draws_it() -> None:
    architecture = from_enas_arc(ENAS, ENAS_NORMAL, ENAS_REDUCTION)
    normal = ENAS.cell(architecture, "normal")
    assert normal.nodes[0] == (("avg_pool_3x3", 0), ("sep_conv_3x3", 0))
    assert normal.nodes[2] == (("identity", 0), ("sep_conv_5x5", 1))
    assert ENAS.cell(architecture, "reduction").nodes[2] == (("sep_conv_5x5", 1), ("sep_conv_5x5", 3))
    assert to_enas_arc(ENAS, architecture) == {"normal": ENAS_NORMAL, "reduction": ENAS_REDUCTION}


@pytest.mark.parametrize("space", [ENAS, CellSpace.nasnet(), CellSpace.darts()], ids=["enas", "nasnet", "darts"])
def test_enas_arcs_go_both_ways(space: CellSpace) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        architecture = space.sample(rng)
        arc = to_enas_arc(space, architecture)
        assert {len(numbers) for numbers in arc.values()} == {4 * space.nodes}
        assert from_enas_arc(space, arc["normal"], arc["reduction"]) == architecture


@pytest.mark.parametrize(
    ("normal", "message"),
    [
        (ENAS_NORMAL[:-1], "20 numbers for the normal cell, got 19"),
        ([0, 5, *ENAS_NORMAL[2:]], r"operations in 0\.\.4, got 5 in node 2"),
        ([0, -1, *ENAS_NORMAL[2:]], r"operations in 0\.\.4, got -1 in node 2"),
        ([2, 0, *ENAS_NORMAL[2:]], r"'normal/node_2/input_1' to be one of \[0, 1\], got 2"),
    ],
)
def test_a_wrong_arc_is_one_sentence(normal: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_enas_arc(ENAS, normal, ENAS_REDUCTION)


def test_notations_belong_to_their_topology() -> None:
    with pytest.raises(ValueError, match="two inputs each for an ENAS arc, got a dense cell"):
        to_enas_arc(NASBENCH201, NASBENCH201.default())
    with pytest.raises(ValueError, match="two inputs each for an ENAS arc, got a dense cell"):
        from_enas_arc(NASBENCH201, [], [])
    with pytest.raises(ValueError, match="dense cell for a NAS-Bench-201 string, got topology 'repeat'"):
        to_nasbench201(ENAS, ENAS.default())
    with pytest.raises(ValueError, match="dense cell for a NAS-Bench-201 string, got topology 'repeat'"):
        from_nasbench201(ENAS, "|none~0|")


def test_every_string_of_the_published_table_goes_both_ways(data_dir: Path) -> None:
    table = pd.read_csv(data_dir / "nas_bench_201.csv.gz")
    names = np.array(["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"])
    columns = {f"cell/edge_{node}_{state}": names[table[f"edge_{node}_{state}"]] for node, state in NASBENCH201.edges}
    architectures = [from_nasbench201(NASBENCH201, text) for text in table["arch"]]
    assert [to_nasbench201(NASBENCH201, architecture) for architecture in architectures] == table["arch"].tolist()
    assert len(set(architectures)) == NASBENCH201.size
    assert set(architectures) == set(NASBENCH201.enumerate())
    for name, column in columns.items():
        assert [architecture[name] for architecture in architectures] == column.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a string such as .* got ''"),
        ("|none~0|+|none~0|none~1|", "a cell of 3 nodes, got 2"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|", "a decision for 'cell/edge_3_2', got none"),
        ("|none~0|+|none~0|none~2|+|none~0|none~1|none~2|", "got 'cell/edge_2_2'; did you mean"),
        ("|none0|+|none~0|none~1|+|none~0|none~1|none~2|", "a string such as"),
        (
            "|sep_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "'cell/edge_1_0' to be one of .* got 'sep_conv_3x3'",
        ),
    ],
)
def test_a_wrong_string_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_nasbench201(NASBENCH201, text)
