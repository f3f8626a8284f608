from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from autonas_keras.strategies import mutate_cell, mutate_decision, mutate_each
from tests.spaces.cases import CONDITIONAL, FLAT, ONE_OPTION

DARTS, NASNET, NASBENCH = CellSpace.darts(), CellSpace.nasnet(), CellSpace.nasbench201()


def changes(before: Architecture, after: Architecture) -> dict[str, tuple]:
    return {
        name: (before.get(name), after.get(name)) for name in {*before, *after} if before.get(name) != after.get(name)
    }


@pytest.mark.parametrize("space", [FLAT, DARTS, NASNET, NASBENCH], ids=["flat", "darts", "nasnet", "nasbench201"])
def test_one_decision_changes(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        before = space.sample(rng)
        after = mutate_decision(space, before, rng)
        assert space.contains(after)
        assert len(changes(before, after)) == 1


def test_decisions_and_their_other_options_are_drawn_evenly() -> None:
    rng = np.random.default_rng(0)
    before = FLAT.default()
    found = Counter(tuple(changes(before, mutate_decision(FLAT, before, rng)).items())[0] for _ in range(6000))
    # A third for each decision; the first has two other options.
    expected = {
        ("a", ("x", "y")): 1000,
        ("a", ("x", "z")): 1000,
        ("b", (1, 2)): 2000,
        ("c", (False, True)): 2000,
    }
    assert set(found) == set(expected)
    assert all(abs(found[change] - count) < 150 for change, count in expected.items())


def test_decisions_that_a_change_activates_are_drawn_and_others_kept() -> None:
    rng = np.random.default_rng(0)
    before = CONDITIONAL.architecture({"kind": "plain", "rate": 0.1})
    widths = Counter()
    for _ in range(600):
        after = mutate_decision(CONDITIONAL, before, rng)
        assert CONDITIONAL.contains(after)
        assert after["kind"] == "plain" or after["rate"] == 0.1
        widths[after.get("width")] += 1
    assert all(20 < widths[width] < 90 for width in (8, 16, 32))


def test_a_decision_of_one_option_is_never_drawn() -> None:
    rng = np.random.default_rng(0)
    space = Space((Choice("fixed", (1,)), Choice("free", (1, 2))))
    assert all(mutate_decision(space, space.default(), rng)["free"] == 2 for _ in range(20))
    assert mutate_decision(ONE_OPTION, ONE_OPTION.default(), rng) == ONE_OPTION.default()
    assert mutate_each(ONE_OPTION, ONE_OPTION.default(), rng, 1.0) == ONE_OPTION.default()
    assert mutate_cell(ONE_OPTION, ONE_OPTION.default(), rng) == ONE_OPTION.default()


def test_each_decision_changes_with_its_rate() -> None:
    rng = np.random.default_rng(0)
    before = NASBENCH.default()
    found = [changes(before, mutate_each(NASBENCH, before, rng, 0.25)) for _ in range(2000)]
    for name in before:
        assert sum(name in change for change in found) == pytest.approx(500, abs=80)
    taken = Counter(change["cell/edge_1_0"][1] for change in found if "cell/edge_1_0" in change)
    assert all(taken[option] == pytest.approx(125, abs=40) for option in NASBENCH.operations[1:])
    assert mutate_each(NASBENCH, before, rng, 0.0) == before
    assert len(changes(before, mutate_each(NASBENCH, before, rng, 1.0))) == 6


def nodes(space: CellSpace, architecture: Architecture) -> list[tuple]:
    return [node for kind in space.cell_types for node in space.cell(architecture, kind).nodes]


@pytest.mark.parametrize("space", [DARTS, NASNET], ids=["darts", "nasnet"])
def test_a_hidden_state_mutation_keeps_operations_with_their_edges(space: CellSpace) -> None:
    rng = np.random.default_rng(0)
    kinds = Counter()
    for _ in range(500):
        before = space.sample(rng)
        after = mutate_cell(space, before, rng)
        assert space.contains(after)
        pairs = [(old, new) for old, new in zip(nodes(space, before), nodes(space, after), strict=True) if old != new]
        # Without its kept edge, what is left of the one changed node differs in the state or in the operation only.
        assert len(pairs) == 1
        old, new = list(pairs[0][0]), list(pairs[0][1])
        for edge in pairs[0][0]:
            if edge in new:
                old.remove(edge)
                new.remove(edge)
        assert len(old) == len(new) == 1
        (operation_before, state_before), (operation_after, state_after) = old[0], new[0]
        assert (operation_before == operation_after) != (state_before == state_after)
        kinds["input" if operation_before == operation_after else "operation"] += 1
    assert kinds["input"] == pytest.approx(250, abs=60)


def test_the_two_cells_are_drawn_evenly_and_stay_with_the_identity() -> None:
    rng = np.random.default_rng(0)
    before = DARTS.sample(rng)
    found = [changes(before, mutate_cell(DARTS, before, rng, identity=0.25)) for _ in range(2000)]
    assert sum(not change for change in found) == pytest.approx(500, abs=80)
    normal = sum(any(name.startswith("normal/") for name in change) for change in found)
    assert normal == pytest.approx(750, abs=90)
    assert mutate_cell(DARTS, before, rng, identity=1.0) is before


def test_distinct_inputs_stay_distinct_and_reach_every_pair() -> None:
    rng = np.random.default_rng(0)
    space = CellSpace(("skip_connect", "sep_conv_3x3"), nodes=3)
    point, seen = space.default(), set()
    for _ in range(3000):
        point = mutate_cell(space, point, rng)
        seen.add(point["normal/node_4/inputs"])
    assert seen == {"0,1", "0,2", "0,3", "1,2", "1,3", "2,3"}


def test_a_dense_cell_gets_another_operation_on_any_edge() -> None:
    rng = np.random.default_rng(0)
    before = NASBENCH.default()
    found = Counter(tuple(changes(before, mutate_cell(NASBENCH, before, rng)))[0] for _ in range(3000))
    assert all(found[name] == pytest.approx(500, abs=90) for name in before)


def test_a_cell_with_one_operation_changes_its_inputs_and_one_with_one_node_its_operations() -> None:
    rng = np.random.default_rng(0)
    inputs = CellSpace(("skip_connect",), nodes=2)
    operations = CellSpace(("skip_connect", "sep_conv_3x3"), nodes=1)
    for _ in range(20):
        (name,) = changes(inputs.default(), mutate_cell(inputs, inputs.default(), rng))
        assert name.endswith("node_3/inputs")
        (name,) = changes(operations.default(), mutate_cell(operations, operations.default(), rng))
        assert "/op_" in name


def test_cells_within_a_graph_mutate_as_cells_and_the_rest_by_its_share() -> None:
    rng = np.random.default_rng(0)
    space = Space.join({"edge_case": NASBENCH, "head/op_1": FLAT})
    before = space.default()
    found = Counter(tuple(changes(before, mutate_cell(space, before, rng)))[0] for _ in range(4500))
    # Six decisions in the cell and three beside it.
    assert set(found) == set(before)
    assert all(count == pytest.approx(500, abs=90) for count in found.values())


def test_prefixes_that_look_like_operations_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    space = Space.join({"x/op_1": DARTS})
    point = space.default()
    for _ in range(300):
        point = mutate_cell(space, point, rng)
        assert space.contains(point)
