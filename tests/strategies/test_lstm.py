from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import CellSpace, Choice, Space
from autonas_keras.strategies.lstm import SINGLE, ControllerNetwork, decision_order, product
from tests.spaces.cases import CONDITIONAL, FLAT, ONE_OPTION, SMALL

# "x" stands under "a" = 1 and under "c", which itself stands under "a" = 2: it is decided after "c".
SHARED = Choice("x", ("u", "v"))
LATE = Space((Choice("a", (1, 2, 3), {1: (SHARED,), 2: (Choice("c", ("p", "q"), {"q": (SHARED,)}),)}),))

spaces = pytest.mark.parametrize("space", [*(s for s, _ in SMALL.values()), LATE], ids=[*SMALL, "late"])
squashing = pytest.mark.parametrize("options", [{}, {"tanh_constant": 1.1, "temperature": 2.5}], ids=["plain", "tanh"])


def network(space: Space, units: int = 5, **options) -> ControllerNetwork:
    # Large parameters: far from uniform, and no gradient is small by accident.
    made = ControllerNetwork(space, units, rng=np.random.default_rng(0), scale=0.8, dtype=np.float64, **options)
    made.parameters[:] = np.random.default_rng(1).normal(0, 0.8, made.parameters.size)
    return made


def codes_of(space: Space) -> np.ndarray:
    return np.array([space.encode(point) for point in space.enumerate()])


@spaces
@squashing
def test_probabilities_of_all_points_sum_to_one(space: Space, options: dict) -> None:
    log_prob = network(space, **options).evaluate(codes_of(space)).log_prob
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-12)


@spaces
@squashing
def test_samples_are_as_frequent_as_their_probability_says(space: Space, options: dict) -> None:
    made, count = network(space, **options), 20_000
    rollout = made.sample(np.random.default_rng(3), count)
    codes = codes_of(space)
    p = np.exp(made.evaluate(codes).log_prob)
    found = np.array([(rollout.codes == code).all(axis=1).mean() for code in codes])
    assert found.sum() == pytest.approx(1), "a sample is no point of the space"
    assert np.all(np.abs(found - p) <= 5 * np.sqrt(p * (1 - p) / count) + 1e-12)


@spaces
def test_a_sample_evaluates_to_its_own_log_probability(space: Space) -> None:
    made = network(space)
    drawn = made.sample(np.random.default_rng(0), 50)
    again = made.evaluate(drawn.codes)
    np.testing.assert_allclose(again.log_prob, drawn.log_prob, rtol=1e-12)
    np.testing.assert_allclose(again.entropy, drawn.entropy, rtol=1e-12)
    one_by_one = [made.evaluate(code[None]).log_prob[0] for code in drawn.codes]
    np.testing.assert_allclose(one_by_one, drawn.log_prob, rtol=1e-12)


@spaces
def test_the_expected_entropy_on_the_way_is_the_entropy_of_the_distribution(space: Space) -> None:
    rollout = network(space).evaluate(codes_of(space))
    p = np.exp(rollout.log_prob)
    assert (p * rollout.entropy).sum() == pytest.approx(-(p * rollout.log_prob).sum(), abs=1e-12)


@spaces
@squashing
def test_gradients_are_those_of_finite_differences(space: Space, options: dict) -> None:
    made = network(space, units=3, **options)
    codes, rng = codes_of(space), np.random.default_rng(5)
    a, b = rng.normal(size=len(codes)), rng.normal(size=len(codes))

    def value() -> float:
        rollout = made.evaluate(codes)
        return float((a * rollout.log_prob + b * rollout.entropy).sum())

    gradient, numeric, step = made.gradient(made.evaluate(codes), a, b), np.empty(made.parameters.size), 1e-5
    for i in range(len(numeric)):
        kept = made.parameters[i]
        made.parameters[i] = kept + step
        above = value()
        made.parameters[i] = kept - step
        numeric[i] = (above - value()) / (2 * step)
        made.parameters[i] = kept
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)
    if space is not ONE_OPTION:  # which has nothing to learn
        assert np.abs(gradient).max() > 0.1


@spaces
@squashing
def test_gradients_of_the_divergence_are_those_of_finite_differences(space: Space, options: dict) -> None:
    rng = np.random.default_rng(6)
    prior = {name: rng.dirichlet(np.ones(len(choice.options))) for name, choice in list(space.named.items())[1:]}
    made = network(space, units=3, prior=prior, **options)
    codes = codes_of(space)
    weights = rng.normal(size=len(codes))

    def value() -> float:
        return float((weights * made.evaluate(codes).divergence).sum())

    gradient = made.gradient(made.evaluate(codes), np.zeros(len(codes)), 0.0, weights)
    numeric, step = np.empty(made.parameters.size), 1e-5
    for i in range(len(numeric)):
        kept = made.parameters[i]
        made.parameters[i] = kept + step
        above = value()
        made.parameters[i] = kept - step
        numeric[i] = (above - value()) / (2 * step)
        made.parameters[i] = kept
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)
    assert (np.abs(gradient).max() > 0.01) == any(len(space.named[name].options) > 1 for name in prior)


def test_the_divergence_is_that_of_kullback_and_leibler() -> None:
    choices = Space((Choice("a", (False, True)), Choice("b", (1, 2, 3))))
    made = network(choices, prior={"b": (0.2, 0.3, 0.5), "a": (0.6, 0.4)})
    made.parameters[:] = 0
    expected = np.log(1 / 2 / np.array([0.6, 0.4])).mean() + np.log(1 / 3 / np.array([0.2, 0.3, 0.5])).mean()
    np.testing.assert_allclose(made.evaluate(codes_of(choices)).divergence, expected, rtol=1e-12)
    assert (network(choices).evaluate(codes_of(choices)).divergence == 0).all()


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"skp": (1.0,)}, "Expected a prior for choices of the space, got 'skp'"),
        ({"kind": (0.5, 0.5)}, "Expected the prior of 'kind' to be 3 positive probabilities"),
        ({"kind": (0.5, 0.6, 0.1)}, "that sum to 1"),
        ({"kind": (1.0, 0.0, 0.0)}, "positive probabilities"),
    ],
)
def test_priors_that_are_no_distributions_are_refused(prior: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(CONDITIONAL, prior=prior)


def test_the_score_function_has_mean_zero() -> None:
    made, codes = network(CONDITIONAL), codes_of(CONDITIONAL)
    rollout = made.evaluate(codes)
    assert np.abs(made.gradient(rollout, np.exp(rollout.log_prob))).max() < 1e-12


def test_inactive_decisions_leave_no_trace() -> None:
    made = network(CONDITIONAL)
    plain = {"kind": "plain", "rate": 0.1}
    before = made.evaluate(CONDITIONAL.encode(plain)[None]).log_prob
    names = list(CONDITIONAL.named)
    head = made._view(made.parameters, "head")
    for name in ("depth", "drop", "skip", "width"):
        choice = names.index(name)
        head[made.ends[choice] - made.sizes[choice] : made.ends[choice]] += 7.0
    assert made.evaluate(CONDITIONAL.encode(plain)[None]).log_prob == before
    assert made.evaluate(CONDITIONAL.encode({**plain, "kind": "wide", "width": 16})[None]).steps[
        1
    ].choice == names.index("width")


def test_a_choice_in_two_places_is_decided_after_both() -> None:
    order, _ = decision_order(LATE)
    assert [list(LATE.named)[i] for i in order] == ["a", "c", "x"]
    order, _ = decision_order(CONDITIONAL)
    assert order == list(range(len(CONDITIONAL.named)))


def test_the_option_taken_is_the_next_input() -> None:
    made = network(FLAT)
    first = made.evaluate(np.array([[0, 0, 0], [1, 0, 0]]))
    assert first.steps[1].log_p[0] != pytest.approx(first.steps[1].log_p[1])


def test_the_tanh_constant_bounds_the_odds() -> None:
    made = network(FLAT, tanh_constant=0.5)
    made.parameters *= 100
    log_p = made.sample(np.random.default_rng(0), 100).steps[0].log_p
    assert np.ptp(log_p, axis=1).max() <= 1.0 + 1e-9


def test_a_high_temperature_is_nearly_uniform() -> None:
    sharp, flat = network(FLAT), network(FLAT, temperature=1e6)
    codes = codes_of(FLAT)
    assert np.ptp(sharp.evaluate(codes).log_prob) > 0.5
    assert np.ptp(flat.evaluate(codes).log_prob) < 1e-4


def test_a_new_network_starts_within_the_scale_and_near_uniform() -> None:
    made = ControllerNetwork(CellSpace.nasbench201(), 100, rng=np.random.default_rng(0))
    assert np.abs(made.parameters).max() <= 0.1
    assert made.parameters.std() == pytest.approx(0.2 / np.sqrt(12), rel=0.02)
    log_prob = made.sample(np.random.default_rng(0), 100).log_prob
    np.testing.assert_allclose(log_prob, -np.log(15_625), atol=0.5)


@pytest.mark.parametrize("rows", [0, 1, 5, 64])
def test_a_product_in_blocks_is_the_product(rows: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, 300)), rng.normal(size=(300, 200))
    assert 64 * b.size > SINGLE
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-12, atol=1e-12)


def test_extreme_parameters_do_not_overflow() -> None:
    made = ControllerNetwork(CONDITIONAL, 4, rng=np.random.default_rng(0))
    made.parameters *= 1e6
    rollout = made.sample(np.random.default_rng(0), 20)
    with np.errstate(under="ignore"):
        assert np.isfinite(made.gradient(rollout, np.ones(20), 0.1)).all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"units": 0}, "units"),
        ({"units": 2.5}, "units"),
        ({"temperature": 0}, "temperature"),
        ({"tanh_constant": -1.0}, "tanh_constant"),
        ({"scale": float("nan")}, "scale"),
    ],
)
def test_nonsense_arguments_are_refused(arguments: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=f"Expected {expected} .*, got"):
        ControllerNetwork(FLAT, **arguments, rng=np.random.default_rng(0))
