"""Vectors of architectures, against cells worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import DARTS_V1, CellSpace, Choice, Space, from_nasbench201
from autonas_keras.strategies.encoding import Encoder

CONDITIONAL = Space(
    (Choice("kind", ("plain", "deep"), {"deep": (Choice("depth", (2, 3, 5)),)}), Choice("norm", (True, False)))
)


def on(encoder: Encoder, architecture: object) -> set[str]:
    """The columns that are not zero."""
    vector = encoder([architecture])[0]  # type: ignore[list-item]
    assert len(vector) == len(encoder.names) == len(set(encoder.names))
    return {name for name, value in zip(encoder.names, vector, strict=True) if value}


def dense(text: str, encoding: str = "path", **kwargs: object) -> set[str]:
    space = CellSpace.nasbench201()
    return on(Encoder(space, encoding, **kwargs), from_nasbench201(space, text))  # type: ignore[arg-type]


def test_one_hot_of_a_conditional_space_is_zero_where_inactive() -> None:
    encoder = Encoder(CONDITIONAL, "one_hot")
    assert encoder.names == (
        "kind=plain",
        "kind=deep",
        "depth=2",
        "depth=3",
        "depth=5",
        "norm=True",
        "norm=False",
    )
    points = [{"kind": "plain", "norm": False}, {"kind": "deep", "depth": 3, "norm": True}]
    assert encoder(points).tolist() == [[1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 1, 0]]


def test_numbers_have_their_rank_beside_their_one_hot_columns() -> None:
    space = Space((Choice("units", (32, 8, 16)), Choice("flag", (True, False)), Choice("two", (1, 2))))
    encoder = Encoder(space)
    assert [name for name in encoder.names if name.startswith("rank")] == ["rank of units"]
    vectors = encoder([{"units": units, "flag": True, "two": 1} for units in (8, 16, 32)])
    np.testing.assert_allclose(vectors[:, 3], [1 / 3, 2 / 3, 1.0])


def test_the_rank_of_an_inactive_number_is_zero() -> None:
    encoder = Encoder(CONDITIONAL)
    place = encoder.names.index("rank of depth")
    points = [{"kind": "plain", "norm": False}, {"kind": "deep", "depth": 2, "norm": False}]
    np.testing.assert_allclose(encoder(points)[:, place], [0.0, 1 / 3])


def test_the_paths_of_a_dense_cell() -> None:
    # Input 0 to output 3: directly, over 1, over 2, and over 1 and 2.
    text = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_1x1~0|skip_connect~1|nor_conv_3x3~2|"
    assert dense(text) == {
        "cell/0 nor_conv_1x1",
        "cell/0 nor_conv_3x3 skip_connect",
        "cell/0 skip_connect nor_conv_3x3",
        "cell/0 nor_conv_3x3 avg_pool_3x3 nor_conv_3x3",
    }


def test_none_breaks_every_path_through_it() -> None:
    text = "|none~0|+|skip_connect~0|avg_pool_3x3~1|+|none~0|skip_connect~1|nor_conv_3x3~2|"
    assert dense(text) == {"cell/0 skip_connect nor_conv_3x3"}


def test_a_cell_of_none_has_no_path() -> None:
    assert dense("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|") == set()


def test_two_ways_of_the_same_operations_are_one_path() -> None:
    # Node 1 and node 2 change places: another architecture, the same function.
    first = "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"
    second = "|none~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
    assert dense(first) == dense(second) == {"cell/0 skip_connect nor_conv_3x3"}
    assert dense(first, "one_hot") != dense(second, "one_hot")


def test_nasbench201_has_84_paths_without_none() -> None:
    assert len(Encoder(CellSpace.nasbench201(), "path").names) == 4 + 4**2 + 4**3


def test_paths_are_cut_at_the_longest() -> None:
    text = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_1x1~0|skip_connect~1|nor_conv_3x3~2|"
    assert dense(text, longest=1) == {"cell/0 nor_conv_1x1"}


def test_the_paths_of_a_darts_genotype() -> None:
    space = CellSpace.darts()
    found = on(Encoder(space, "path", longest=2), space.from_genotype(DARTS_V1))
    # Every node is an output. In DARTS_V1's normal cell only node 5 takes another node, 2, whose inputs are 0 and 1.
    assert {name for name in found if name.startswith("normal/")} == {
        "normal/0 sep_conv_3x3",
        "normal/1 sep_conv_3x3",
        "normal/0 skip_connect",
        "normal/0 sep_conv_3x3 skip_connect",
        "normal/1 sep_conv_3x3 skip_connect",
    }
    # Node 2 is max_pool of both inputs, and skipped into nodes 3, 4 and 5; node 5 takes avg_pool of 0 as well.
    assert {name for name in found if name.startswith("reduction/")} == {
        "reduction/0 max_pool_3x3",
        "reduction/1 max_pool_3x3",
        "reduction/0 avg_pool_3x3",
        "reduction/0 max_pool_3x3 skip_connect",
        "reduction/1 max_pool_3x3 skip_connect",
    }


def test_darts_paths_fit_the_columns() -> None:
    assert len(Encoder(CellSpace.darts(), "path").names) == 2 * 2 * (7 + 7**2)


@pytest.mark.parametrize("space", [CellSpace.darts(), CellSpace.nasnet(), CellSpace.nasbench201()])
def test_adjacency_counts_what_the_mask_counts(space: CellSpace) -> None:
    rng = np.random.default_rng(0)
    points = [space.sample(rng) for _ in range(20)]
    expected = [np.concatenate([table.ravel() for table in space.mask(point).values()]) for point in points]
    np.testing.assert_array_equal(Encoder(space, "adjacency")(points), expected)


@pytest.mark.parametrize("space", [CellSpace.darts(), CellSpace.nasnet(), CellSpace.nasbench201()])
def test_paths_agree_with_a_walk_through_the_cell(space: CellSpace) -> None:
    def walk(cell: object, state: int) -> set[tuple[int, tuple[str, ...]]]:
        if state < cell.inputs:  # type: ignore[attr-defined]
            return {(state, ())}
        pairs = cell.nodes[state - cell.inputs]  # type: ignore[attr-defined]
        return {
            (start, (*path, operation))
            for operation, origin in pairs
            if operation not in ("none", "zero")
            for start, path in walk(cell, origin)
        }

    rng, encoder = np.random.default_rng(0), Encoder(space, "path")
    for _ in range(10):
        point = space.sample(rng)
        cells = {kind: space.cell(point, kind) for kind in space.cell_types}
        expected = {
            f"{kind}/{start} {' '.join(path)}"
            for kind, cell in cells.items()
            for state in cell.concat
            for start, path in walk(cell, state)
        }
        assert on(encoder, point) == expected & set(encoder.names)


def test_the_order_of_two_equal_inputs_changes_nothing_but_the_one_hot_columns() -> None:
    space = CellSpace.nasnet()
    point = dict(space.sample(np.random.default_rng(0)))
    here = "normal/node_3"
    point |= {f"{here}/input_1": 0, f"{here}/op_1": "conv_3x3", f"{here}/input_2": 2, f"{here}/op_2": "identity"}
    turned = {**point, f"{here}/input_1": 2, f"{here}/op_1": "identity"}
    turned |= {f"{here}/input_2": 0, f"{here}/op_2": "conv_3x3"}
    for encoding, same in (("auto", True), ("adjacency", True), ("path", True), ("one_hot", False)):
        first, second = Encoder(space, encoding)([point, turned])
        assert np.array_equal(first, second) == same


def test_a_joined_space_has_the_columns_of_its_cells_and_of_the_rest() -> None:
    cell = CellSpace.nasbench201()
    space = Space.join({"image": cell, "table": CONDITIONAL})
    rng = np.random.default_rng(0)
    points = [space.sample(rng) for _ in range(20)]
    for encoding in ("auto", "one_hot", "adjacency", "path"):
        expected = [Encoder(cell, encoding)([p.scope("image") for p in points])]
        expected += [Encoder(CONDITIONAL, encoding)([p.scope("table") for p in points])]
        # The order of columns is free.
        found = Encoder(space, encoding)(points)
        np.testing.assert_array_equal(np.sort(found), np.sort(np.concatenate(expected, axis=1)))


@pytest.mark.parametrize("encoding", ["auto", "one_hot", "adjacency", "path"])
def test_no_architectures_give_no_rows(encoding: str) -> None:
    for space in (CONDITIONAL, CellSpace.nasbench201(), CellSpace.darts()):
        encoder = Encoder(space, encoding)
        assert encoder([]).shape == (0, len(encoder.names))


def test_different_architectures_differ_in_auto() -> None:
    space = CellSpace.nasbench201()
    points = list(space.enumerate())
    assert len(np.unique(Encoder(space)(points), axis=0)) == space.size == 15625


def test_drawn_indices_are_distributed_as_samples_of_the_space() -> None:
    deep = Choice("kind", ("plain", "deep", "wide"), {"deep": (Choice("depth", (2, 3), {3: (Choice("d", (1, 2)),)}),)})
    space = Space((deep, Choice("rate", (0.1, 0.01))))
    encoder, rng = Encoder(space), np.random.default_rng(0)
    points = [space.decode(row) for row in encoder.draw(6000, rng)]
    np.testing.assert_array_equal(encoder.indices(points), encoder.draw(6000, np.random.default_rng(0)))
    # Each of three kinds a third; under "deep" a half has no d, and a quarter each of its options.
    shares = {None: 2 / 3, 2: 1 / 6, (3, 1): 1 / 12, (3, 2): 1 / 12}
    for key, share in shares.items():
        depth, d = key if isinstance(key, tuple) else (key, None)
        count = sum(point.get("depth") == depth and point.get("d") == d for point in points)
        assert abs(count / 6000 - share) < 0.03


def test_a_choice_under_several_options_is_drawn_under_each() -> None:
    shared = Choice("width", (8, 16))
    space = Space((Choice("kind", ("a", "b", "c"), {"a": (shared,), "b": (shared,)}),))
    drawn = Encoder(space).draw(300, np.random.default_rng(0))
    assert ((drawn[:, 1] == -1) == (drawn[:, 0] == 2)).all()
    assert {tuple(row) for row in drawn} == {(0, 0), (0, 1), (1, 0), (1, 1), (2, -1)}


@pytest.mark.parametrize("arguments", [{"encoding": "onehot"}, {"longest": 0}, {"longest": True}, {"longest": 1.5}])
def test_nonsense_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Expected .* got"):
        Encoder(CellSpace.darts(), **arguments)  # type: ignore[arg-type]


def test_a_number_of_many_options_has_its_rank_alone() -> None:
    encoder = Encoder(Space((Choice("units", tuple(range(1, 41))), Choice("deep", (False, True)))))
    assert encoder.names == ("rank of units", "deep=False", "deep=True")
    np.testing.assert_allclose(encoder([{"units": 20, "deep": True}])[0], [0.5, 0.0, 1.0])
