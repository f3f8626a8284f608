"""Phases of progressive shrinking, and learning rates of elastic supernets."""

from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import MobileSpace, Space
from autonas_keras.training import ExponentialToConstant, ShrinkingSampling, phase_epochs, shrinking_phases

SPACE = Space.join({"block": MobileSpace.small(32)})
NAMES = ["full", "kernel", "depth_1", "depth_2", "expansion_1", "expansion_2"]


def taken(phase_name: str, draws: int = 300) -> dict[str, set]:
    """The options that are sampled in a phase, by the kind of choice."""
    phase = next(phase for phase in shrinking_phases(SPACE) if phase.name == phase_name)
    sampling = ShrinkingSampling(SPACE, 0, phase)
    found: dict[str, set] = {}
    for architecture in (a for step in sampling.epoch(0, draws) for a in step):
        assert architecture in SPACE
        for name, option in architecture.items():
            found.setdefault(name.removeprefix("block/"), set()).add(option)
    return found


def test_phases_open_kernels_then_depths_then_expansions_and_widths() -> None:
    assert [phase.name for phase in shrinking_phases(SPACE)] == NAMES
    full = taken("full")
    assert full["resolution"] == {20, 24, 28, 32}
    assert all(len(options) == 1 for name, options in full.items() if name != "resolution")
    assert full["stage_1/depth"] == {3} and full["stage_1/block_2/kernel"] == {5} and full["stem/width"] == {16}
    kernel = taken("kernel")
    assert kernel["stage_1/block_2/kernel"] == {3, 5} and kernel["stage_1/depth"] == {3}
    assert taken("depth_1")["stage_1/depth"] == {2, 3}
    assert taken("depth_2")["stage_1/depth"] == {1, 2, 3} and taken("depth_2")["stage_1/block_0/expansion"] == {4}
    assert taken("expansion_1")["stage_1/block_0/expansion"] == {3, 4} and taken("expansion_1")["stage_0/width"] == {
        12,
        16,
    }
    last = taken("expansion_2", 1000)
    assert all(last[name] == set(choice.options) for name, choice in MobileSpace.small(32).named.items())


def test_phases_without_anything_to_open_are_left_out() -> None:
    space = Space.join({"block": MobileSpace(((8,), (16,)), depths=(1, 2), kernels=3, expansions=2, head=8)})
    assert [phase.name for phase in shrinking_phases(space)] == ["full", "depth_2"]


def test_epochs_are_shared_out_as_published() -> None:
    phases = shrinking_phases(SPACE)
    assert phase_epochs(phases, 605) == pytest.approx([180, 125, 25, 125, 25, 125], abs=2)
    for epochs in (6, 7, 20, 41):
        found = phase_epochs(phases, epochs)
        assert sum(found) == epochs and min(found) >= 1
    with pytest.raises(ValueError, match="search_epochs of at least 6"):
        phase_epochs(phases, 5)


def test_the_rate_falls_exponentially_to_a_constant() -> None:
    schedule = ExponentialToConstant(0.4, falling=100, warmup=10)
    rates = np.array([float(schedule(step)) for step in range(200)])
    assert rates[10] == pytest.approx(0.4) and rates[0] == pytest.approx(0.4 / 11)
    np.testing.assert_allclose(rates[11:110] / rates[10:109], 0.05**0.01, rtol=1e-4)
    np.testing.assert_allclose(rates[110:], 0.02, rtol=1e-4)
    again = ExponentialToConstant.from_config(schedule.get_config())
    assert float(again(57)) == float(schedule(57))
