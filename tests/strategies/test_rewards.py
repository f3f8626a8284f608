from __future__ import annotations

import math

import pytest

from autonas_keras.strategies import mnasnet_reward


def test_the_soft_reward_is_that_of_the_paper() -> None:
    assert mnasnet_reward(0.75, 80.0, 80.0) == 0.75
    assert mnasnet_reward(0.75, 160.0, 80.0) == pytest.approx(0.75 * 2**-0.07)
    # Twice the latency for 5 % more accuracy is an even trade: (1 + 5 %) 2^w = 1.
    assert mnasnet_reward(0.50 * 1.05, 160.0, 80.0) == pytest.approx(mnasnet_reward(0.50, 80.0, 80.0), rel=2e-3)
    assert mnasnet_reward(0.75, 40.0, 80.0) > 0.75


def test_the_hard_reward_counts_accuracy_alone_up_to_the_target() -> None:
    assert mnasnet_reward(0.75, 40.0, 80.0, weight=-1, within=0) == 0.75
    assert mnasnet_reward(0.75, 80.0, 80.0, weight=-1, within=0) == 0.75
    assert mnasnet_reward(0.75, 160.0, 80.0, weight=-1, within=0) == pytest.approx(0.375)


def test_failed_measurements_stay_failures() -> None:
    assert math.isnan(mnasnet_reward(math.nan, 80.0, 80.0))
    assert math.isnan(mnasnet_reward(0.75, math.nan, 80.0))


@pytest.mark.parametrize(
    ("latency", "target"), [(0.0, 80.0), (-1.0, 80.0), (80.0, 0.0), (80.0, -5.0), (80.0, math.nan)]
)
def test_latencies_are_positive(latency: float, target: float) -> None:
    with pytest.raises(ValueError, match="to be a positive number, got"):
        mnasnet_reward(0.75, latency, target)


def test_what_is_negative_is_no_accuracy() -> None:
    with pytest.raises(ValueError, match="Expected accuracy not to be negative, got -0.5"):
        mnasnet_reward(-0.5, 20.0, 10.0)
