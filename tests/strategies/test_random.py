from __future__ import annotations

from collections import Counter

from autonas_keras.spaces import CellSpace
from autonas_keras.strategies import RandomSearch
from tests.spaces.cases import CONDITIONAL, FLAT


def test_every_decision_is_uniform() -> None:
    strategy = RandomSearch(CONDITIONAL, seed=0, unique=False)
    found = [strategy.propose() for _ in range(3000)]
    kinds = Counter(point["kind"] for point in found if point)
    assert all(abs(kinds[kind] - 1000) < 100 for kind in ("plain", "deep", "wide"))


def test_repeats_come_only_when_asked_for() -> None:
    once, often = RandomSearch(FLAT, seed=0), RandomSearch(FLAT, seed=0, unique=False)
    found = [once.propose() for _ in range(13)]
    assert set(found) == {*FLAT.enumerate(), None}
    assert len({often.propose() for _ in range(12)}) < 12


def test_a_space_of_thousands_is_exhausted_exactly() -> None:
    space = CellSpace(("skip_connect", "nor_conv_1x1", "nor_conv_3x3"), nodes=3, cells=3, topology="dense")
    strategy = RandomSearch(space, seed=0)
    found = []
    while (architecture := strategy.propose()) is not None:
        found.append(architecture)
    assert len(found) == len(set(found)) == space.size == 729


def test_what_it_learns_changes_nothing() -> None:
    deaf, told = RandomSearch(FLAT, seed=0), RandomSearch(FLAT, seed=0)
    for reward in range(12):
        architecture = told.propose()
        assert architecture is not None
        assert architecture == deaf.propose()
        told.observe(architecture, reward)
