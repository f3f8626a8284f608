from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.strategies.advantages import MovingMoments, normal_scores, surrogate_weights


def test_the_first_pass_of_ppo_is_reinforce() -> None:
    log_prob, advantages = np.array([-1.0, -2.0, -3.0]), np.array([1.0, -2.0, 0.0])
    np.testing.assert_array_equal(surrogate_weights(log_prob, log_prob, advantages, 0.2), advantages)


def test_ppo_is_flat_beyond_the_clip_on_the_side_that_the_advantage_asks_for() -> None:
    ratio = np.array([1.19, 1.21, 0.5, 0.81, 0.79, 1.5])
    advantages = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    found = surrogate_weights(np.log(ratio), np.zeros(6), advantages, 0.2)
    np.testing.assert_allclose(found, [1.19, 0, 0.5, -0.81, 0, -1.5])


def test_the_weights_of_ppo_are_the_derivative_of_the_surrogate() -> None:
    rng = np.random.default_rng(0)
    log_prob, old, advantages = rng.normal(size=200), rng.normal(size=200), rng.normal(size=200)

    def surrogate(log_prob: np.ndarray) -> np.ndarray:
        ratio = np.exp(log_prob - old)
        return np.minimum(ratio * advantages, np.clip(ratio, 0.7, 1.3) * advantages)

    numeric = (surrogate(log_prob + 1e-6) - surrogate(log_prob - 1e-6)) / 2e-6
    np.testing.assert_allclose(surrogate_weights(log_prob, old, advantages, 0.3), numeric, rtol=1e-5, atol=1e-8)


def test_ppo_survives_a_clip_above_one_and_a_ratio_that_would_overflow() -> None:
    found = surrogate_weights(np.array([0.0, -1e4]), np.array([-1e4, 0.0]), np.array([-1.0, -1.0]), 1.5)
    assert np.isfinite(found).all()


def test_the_baseline_is_the_exponentially_weighted_mean() -> None:
    moments, values, decay = MovingMoments(0.8), [3.0, -1.0, 4.0, 1.0], 0.8
    for value in values:
        moments.add(value)
    weights = decay ** np.arange(len(values))[::-1]
    mean = np.average(values, weights=weights)
    assert moments.mean == pytest.approx(mean)
    assert moments.deviation == pytest.approx(np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def test_normal_scores_are_those_of_the_ranks() -> None:
    scores = normal_scores([1.0, 2.0, 2.0, 9.0], [9.0, 2.0, 1.0, 2.0])
    assert scores[0] == pytest.approx(-scores[3]) and scores[3] == pytest.approx(1.1503, abs=1e-4)  # at 7/8
    assert scores[1] == scores[2] == 0
    assert normal_scores([5.0], []) == [0.0]
    assert np.isfinite(normal_scores([-100.0, 100.0], [1.0, 2.0])).all()
