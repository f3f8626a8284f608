from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from tests.spaces.cases import CONDITIONAL, FLAT, JOINED, ONE_OPTION, SMALL

small = pytest.mark.parametrize(("space", "size"), SMALL.values(), ids=SMALL)
every = pytest.mark.parametrize(
    "space",
    [*(space for space, _ in SMALL.values()), CellSpace.darts(), CellSpace.nasnet(), CellSpace.nasbench201()],
    ids=[*SMALL, "darts", "nasnet", "nasbench201"],
)


@small
def test_size_is_what_enumerate_counts(space: Space, size: int) -> None:
    points = list(space.enumerate())
    assert space.size == size == len(points) == len(set(points))


@small
def test_enumerate_has_only_points_of_the_space_in_a_fixed_order(space: Space, size: int) -> None:
    points = list(space.enumerate())
    assert all(space.contains(point) for point in points)
    assert points == list(space.enumerate())
    assert points[0] == space.default()


def test_enumerate_is_lazy() -> None:
    first, second = (point for point, _ in zip(CellSpace.darts().enumerate(), range(2), strict=False))
    assert first != second


@every
def test_samples_lie_in_the_space_and_repeat_with_the_seed(space: Space) -> None:
    def draw(seed: int) -> list[Architecture]:
        rng = np.random.default_rng(seed)
        return [space.sample(rng) for _ in range(20)]

    assert all(space.contains(point) for point in draw(0))
    assert draw(0) == draw(0)
    if space.size > 1000:
        assert draw(0) != draw(1)


def test_sampling_moves_no_global_generator() -> None:
    before = np.random.get_state()[1].tolist()
    CONDITIONAL.sample(np.random.default_rng(0))
    assert np.random.get_state()[1].tolist() == before


def test_every_active_decision_is_uniform() -> None:
    rng = np.random.default_rng(0)
    drawn = [CONDITIONAL.sample(rng) for _ in range(6000)]
    for option in ("plain", "deep", "wide"):
        assert sum(point["kind"] == option for point in drawn) == pytest.approx(2000, abs=150)
    drops = [point["drop"] for point in drawn if "drop" in point]
    assert len(drops) == pytest.approx(1000, abs=120)
    assert drops.count(0.5) == pytest.approx(len(drops) / 2, abs=80)


@small
def test_samples_reach_every_point(space: Space, size: int) -> None:
    rng = np.random.default_rng(0)
    assert {space.sample(rng) for _ in range(100 * size)} == set(space.enumerate())


@every
def test_encode_and_decode_invert_each_other(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        point = space.sample(rng)
        code = space.encode(point)
        assert code.dtype == np.int32
        assert code.shape == (len(list(space.walk())),)
        assert space.decode(code) == point
        assert space.decode(code.tolist()) == point


@small
def test_codes_tell_all_points_apart_and_mark_inactive_choices(space: Space, size: int) -> None:
    points = list(space.enumerate())
    assert len({tuple(space.encode(point)) for point in points}) == size
    for point in points:
        active = {choice.name for (choice, _), i in zip(space.walk(), space.encode(point), strict=True) if i >= 0}
        assert active == set(point)


def test_decode_ignores_what_is_inactive_and_names_what_is_out_of_range() -> None:
    code = CONDITIONAL.encode(CONDITIONAL.architecture({"kind": "plain", "rate": 0.1}))
    assert code.tolist() == [0, -1, -1, -1, -1, 0]
    assert CONDITIONAL.decode([0, 1, 1, 1, 2, 0]) == CONDITIONAL.decode(code)
    with pytest.raises(ValueError, match=r"index of 'depth' in 0\.\.1, got -1"):
        CONDITIONAL.decode([1, -1, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="code of 6 indices, got 2"):
        CONDITIONAL.decode([0, 0])


@small
def test_neighbours_are_the_points_one_decision_away(space: Space, size: int) -> None:
    points = list(space.enumerate())
    for point in points:
        near = space.neighbours(point)
        assert len(near) == len(set(near)) == sum(len(choice.options) - 1 for choice in active(space, point))
        assert point not in near
        assert all(space.contains(other) for other in near)
        for other in near:
            both = point.keys() & other.keys()
            assert sum(point[name] != other[name] for name in both) == 1


def active(space: Space, point: Architecture) -> list[Choice]:
    return [choice for choice, _ in space.walk() if choice.name in point]


def test_neighbours_keep_what_stays_active_and_open_the_rest_at_the_first_option() -> None:
    point = CONDITIONAL.architecture({"kind": "deep", "depth": 2, "skip": False, "rate": 0.01})
    near = CONDITIONAL.neighbours(point)
    deeper = CONDITIONAL.architecture({"kind": "deep", "depth": 3, "drop": 0.0, "skip": False, "rate": 0.01})
    wide = CONDITIONAL.architecture({"kind": "wide", "width": 8, "rate": 0.01})
    assert deeper in near
    assert wide in near
    assert ONE_OPTION.neighbours(ONE_OPTION.default()) == []


@small
def test_neighbours_connect_the_space(space: Space, size: int) -> None:
    seen, queue = {space.default()}, [space.default()]
    while queue:
        for other in space.neighbours(queue.pop()):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    assert len(seen) == size


def test_the_darts_space_has_its_number_of_neighbours() -> None:
    space = CellSpace.darts()
    # Two cells: eight operations with six others each, and pairs of inputs with 0, 2, 5 and 9 others.
    assert len(space.neighbours(space.default())) == 2 * (8 * 6 + 0 + 2 + 5 + 9)


def test_contains_wants_active_decisions_only() -> None:
    assert CONDITIONAL.contains({"kind": "plain", "rate": 0.1})
    assert {"kind": "plain", "rate": 0.1} in CONDITIONAL
    assert not CONDITIONAL.contains({"kind": "plain", "rate": 0.1, "width": 8})
    assert not CONDITIONAL.contains({"kind": "plain"})
    assert not CONDITIONAL.contains({"kind": "plain", "rate": 0.2})
    assert not CONDITIONAL.contains({"kind": "plain", "rate": 0.1, "stranger": 1})


def test_architecture_drops_inactive_decisions_and_puts_the_rest_in_order() -> None:
    point = CONDITIONAL.architecture({"width": 8, "rate": 0.1, "depth": 3, "kind": "wide"})
    assert list(point.items()) == [("kind", "wide"), ("width", 8), ("rate", 0.1)]


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ({"kind": "plain"}, r"Expected a decision for 'rate', got none; it takes \[0.1, 0.01\]"),
        ({"kind": "plane", "rate": 0.1}, r"Expected 'kind' to be one of \['plain', 'deep', 'wide'\], got 'plane'"),
        ({"kinds": "plain", "rate": 0.1}, "got 'kinds'; did you mean 'kind'"),
    ],
)
def test_a_wrong_architecture_is_one_sentence(decisions: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CONDITIONAL.architecture(decisions)


def test_walk_puts_parents_first_and_tells_the_conditions() -> None:
    walked = {choice.name: conditions for choice, conditions in CONDITIONAL.walk()}
    assert list(walked) == ["kind", "depth", "drop", "skip", "width", "rate"]
    assert walked["drop"] == (("kind", "deep"), ("depth", 3))
    assert walked["rate"] == ()


def test_a_space_needs_choices_with_names_of_their_own() -> None:
    with pytest.raises(ValueError, match="at least one choice, got none"):
        Space(())
    with pytest.raises(ValueError, match="its own name, got 'a' twice"):
        Space((Choice("a", (1,)), Choice("b", (1, 2), {1: (Choice("a", (1,)),)})))


def test_sizes_are_exact_integers_beyond_float_precision() -> None:
    space = Space(tuple(Choice(f"c{i}", tuple(range(7))) for i in range(40)))
    assert space.size == 7**40


def test_joined_spaces_prefix_their_names_and_scope_takes_the_prefix_off() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        point = JOINED.sample(rng)
        assert all(name.startswith(("left/", "right/")) for name in point)
        assert CONDITIONAL.contains(point.scope("left"))
    assert JOINED.size == CONDITIONAL.size * 2


def test_joined_spaces_describe_each_part_in_its_own_notation() -> None:
    parts = {"first": CellSpace.darts(), "second": CellSpace.nasbench201()}
    point = Space.join(parts).default()
    first, second = str(point).split("\n")
    assert first == f"first: {parts['first'].default()}"
    assert second == f"second: {parts['second'].default()}"
    assert str(Space.join({"alone": FLAT}).default()) == str(FLAT.default())


def test_spaces_are_values() -> None:
    again = Space(FLAT.choices)
    assert again == FLAT
    assert hash(again) == hash(FLAT)
    assert FLAT != CONDITIONAL


def test_one_choice_may_hang_under_options_that_exclude_each_other() -> None:
    rate = Choice("rate", (0.1, 0.01))
    space = Space((Choice("kind", ("p", "q", "r"), {"p": (rate,), "q": (rate,)}),))
    assert space.size == len(set(space.enumerate())) == 5
    assert list(space.named) == ["kind", "rate"]
    point = space.architecture({"kind": "p", "rate": 0.01})
    # It keeps its option when the other branch has it too.
    assert space.architecture({"kind": "q", "rate": 0.01}) in space.neighbours(point)
    assert space.architecture({"kind": "r"}) in space.neighbours(point)
    assert all(space.decode(space.encode(other)) == other for other in space.enumerate())
    with pytest.raises(ValueError, match="its own name, got 'rate' twice"):
        Space((Choice("kind", ("p", "q"), {"p": (rate,), "q": (Choice("rate", (1, 2)),)}),))
    with pytest.raises(ValueError, match="its own name, got 'rate' twice"):
        Space((rate, Choice("kind", ("p", "q"), {"p": (rate,)})))


def test_complete_takes_what_is_given_and_draws_the_rest_evenly() -> None:
    rng = np.random.default_rng(0)
    found = [CONDITIONAL.complete({"kind": "wide", "depth": 3}, rng) for _ in range(900)]
    assert all(CONDITIONAL.contains(point) and point["kind"] == "wide" for point in found)
    for width in (8, 16, 32):
        assert sum(point["width"] == width for point in found) == pytest.approx(300, abs=60)
    assert FLAT.complete(FLAT.default(), rng) == FLAT.default()


def test_a_space_is_flat_when_nothing_depends_on_anything() -> None:
    assert FLAT.flat
    assert CellSpace.darts().flat
    assert not CONDITIONAL.flat
    assert not JOINED.flat
