"""Models of what architectures are worth, against numbers worked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autonas_keras.strategies.surrogate import (
    PREDICTORS,
    Ensemble,
    GaussianProcess,
    Linear,
    acquire,
    expected_improvement,
    make_surrogate,
    normal_scores,
    targets,
)


def test_normal_scores_of_three_are_the_sextiles() -> None:
    # Quantiles 1/6, 1/2, 5/6: -0.9674, 0, 0.9674, divided by their deviation: -sqrt(3/2), 0, sqrt(3/2).
    np.testing.assert_allclose(normal_scores([93.0, 10.0, 60.0]), [math.sqrt(1.5), -math.sqrt(1.5), 0.0], atol=1e-12)


def test_equal_rewards_share_their_middle_rank() -> None:
    # Of four, the two equal ones lie at the quantile 1/2.
    scores = normal_scores([5.0, 7.0, 5.0, 1.0])
    assert scores[0] == scores[2] and abs(scores[0]) < 1e-12
    np.testing.assert_allclose(scores[[1, 3]], [math.sqrt(2), -math.sqrt(2)])


def test_all_equal_rewards_score_zero() -> None:
    assert normal_scores([3.0, 3.0]).tolist() == normal_scores([0.1]).tolist() * 2 == [0.0, 0.0]


def test_targets_are_the_mean_of_normal_scores_and_of_the_clipped_rewards() -> None:
    # Clipped at the median of 60: 60, 60, 90, standardised to -1, -1, 2 over sqrt(2); normal scores as above.
    expected = np.array([-math.sqrt(1.5) - math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(1.5) + math.sqrt(2)])
    np.testing.assert_allclose(targets([10.0, 60.0, 90.0]), expected / expected.std(), atol=1e-8)


def test_how_bad_the_lower_half_is_changes_no_target() -> None:
    np.testing.assert_array_equal(targets([50.0, 60.0, 70.0, 90.0]), targets([-5000.0, 60.0, 70.0, 90.0]))


@pytest.mark.parametrize("scale, shift", [(1e-9, 0.0), (100.0, -7.0), (1e300, 0.0), (1 / 3, 1.0)])
def test_scale_and_shift_change_no_target(scale: float, shift: float) -> None:
    rewards = np.random.default_rng(0).random(30)
    np.testing.assert_array_equal(targets(scale * rewards + shift), targets(rewards))


def test_targets_of_equal_rewards_are_zero() -> None:
    for value in (0.0, 0.1, -93.7, 1e308, 5e-324):
        assert not targets([value] * 7).any()


def test_expected_improvement_by_hand() -> None:
    # z = 0: d / sqrt(2 pi). z = 1, d = 2: 2 (0.841345 + 0.241971). z = -1, d = 1: -0.158655 + 0.241971.
    found = expected_improvement(np.array([1.0, 3.0, 0.0]), np.array([1.0, 2.0, 1.0]), 1.0)
    np.testing.assert_allclose(found, [0.398942, 2.166631, 0.083315], atol=2e-6)


def test_expected_improvement_without_doubt_is_the_improvement() -> None:
    found = expected_improvement(np.array([0.5, 1.5]), np.zeros(2), 1.0)
    assert found.tolist() == [0.0, 0.5]


def test_upper_confidence_bound_by_hand() -> None:
    found = acquire("ucb", np.array([1.0, 2.0]), np.array([3.0, 0.5]), 0.0, 2.0, np.random.default_rng(0))
    assert found.tolist() == [7.0, 3.0]


def test_thompson_draws_each_candidate_by_its_own_mean_and_deviation() -> None:
    mean, deviation = np.repeat([1.0, -2.0, 4.0], 20000), np.repeat([0.5, 2.0, 0.0], 20000)
    drawn = acquire("thompson", mean, deviation, 0.0, 1.0, np.random.default_rng(0)).reshape(3, -1)
    np.testing.assert_allclose(drawn.mean(axis=1), [1.0, -2.0, 4.0], atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=1), [0.5, 2.0, 0.0], atol=0.05)
    assert abs(np.corrcoef(drawn[:2])[0, 1]) < 0.03


def table(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).integers(2, size=(rows, 8)).astype(float)
    return x, normal_scores(x @ np.arange(8) + 2 * x[:, 0] * x[:, 1])


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_model_ranks_what_it_has_not_seen(name: str) -> None:
    x, y = table(120)
    model = make_surrogate(name)
    model.fit(x[:60], y[:60], 0, 60)
    mean, deviation = model.predict(x[60:])
    assert mean.shape == deviation.shape == (60,)
    assert (deviation >= 0).all() and np.isfinite(deviation).all()
    assert np.corrcoef(mean, y[60:])[0, 1] > 0.85


@pytest.mark.parametrize("name", PREDICTORS)
def test_the_same_arguments_give_the_same_model(name: str) -> None:
    x, y = table(40)
    found = []
    for _ in range(2):
        model = make_surrogate(name)
        model.fit(x, y, 3, 40)
        found.append(model.predict(table(9, seed=1)[0]))
    np.testing.assert_array_equal(found[0], found[1])


def test_a_gaussian_process_is_surer_where_it_has_seen_much() -> None:
    x = np.linspace(0, 3, 12)[:, None]
    model = GaussianProcess()
    model.fit(x, normal_scores(np.sin(x[:, 0])), 0, 12)
    _, deviation = model.predict(np.array([[1.5], [30.0]]))
    assert deviation[0] < 0.3 * deviation[1]


def test_a_gaussian_process_is_tuned_when_a_quarter_more_was_seen() -> None:
    model, tuned = GaussianProcess(), []
    for count in range(20, 40):
        x, y = table(count)
        model.fit(x, y, 0, count)
        tuned.append(model.get_state()["tuned_at"])
    assert sorted(set(tuned)) == [20, 25, 32]  # 25 = 20 * 5/4, 32 is the first above 25 * 5/4


def test_a_gaussian_process_with_the_state_of_another_predicts_the_same() -> None:
    first, second = GaussianProcess(), GaussianProcess()
    x, y = table(30)
    first.fit(x[:25], y[:25], 0, 25)
    second.set_state(first.get_state())
    for model in (first, second):
        model.fit(x, y, 0, 30)
    np.testing.assert_array_equal(first.predict(x), second.predict(x))


def test_an_exact_line_leaves_a_linear_model_little_doubt() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.3
    model = Linear()
    model.fit(x, y, 0, 50)
    mean, deviation = model.predict(x)
    np.testing.assert_allclose(mean, y, atol=1e-3)
    assert (deviation < 1e-2).all()


class Mean:
    def __init__(self) -> None:
        self.fitted = False

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.fitted, self.mean = True, y.mean()

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 1), self.mean)


def test_an_ensemble_fits_copies_to_bootstrap_samples() -> None:
    given, y = Mean(), np.arange(1000.0)
    model = Ensemble(given, size=40)
    model.fit(np.zeros((1000, 1)), y, 0, 1000)
    mean, deviation = model.predict(np.zeros((2, 1)))
    assert not given.fitted
    # The mean of a bootstrap sample deviates by the deviation of y over sqrt(1000): 9.1.
    np.testing.assert_allclose(mean, 499.5, atol=6.0)
    np.testing.assert_allclose(deviation, 9.1, atol=4.0)


def test_an_ensemble_of_a_model_of_scikit_learn_is_seeded() -> None:
    from sklearn.tree import ExtraTreeRegressor

    x, y = table(40)
    found: dict[int, Any] = {}
    for seed in (0, 1):
        pair = [Ensemble(ExtraTreeRegressor(max_features=1)) for _ in range(2)]
        for model in pair:
            model.fit(x, y, seed, 40)
        found[seed] = pair[0].predict(table(20, seed=1)[0])
        np.testing.assert_array_equal(found[seed], pair[1].predict(table(20, seed=1)[0]))
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("predictor", ["tree", Mean, None, 3])
def test_what_is_no_predictor_is_refused(predictor: Any) -> None:
    with pytest.raises(ValueError, match="Expected a predictor of .*'gp'.* got"):
        make_surrogate(predictor)
