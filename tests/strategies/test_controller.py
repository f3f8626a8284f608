from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, CellSpace, Choice, Space
from autonas_keras.strategies.controller import Reinforce
from autonas_keras.strategies.random import RandomSearch
from tests.spaces.cases import CONDITIONAL, FLAT, ONE_OPTION, SMALL

TWO = Space((Choice("bit", ("low", "high")),))
WIDE = Space(tuple(Choice(f"layer_{i}", (0, 1, 2, 3)) for i in range(8)))

algorithms = pytest.mark.parametrize("algorithm", ["reinforce", "ppo"])
small = pytest.mark.parametrize("space", [space for space, _ in SMALL.values()], ids=SMALL)


def worth(architecture: Architecture) -> float:
    """A reward that depends on every decision, with neighbours that interact; the most on WIDE is 8 * 3 + 7."""
    options = [architecture.space.named[name].options.index(o) for name, o in architecture.items()]  # type: ignore[union-attr]
    return float(sum(options) + sum(a == b for a, b in zip(options, options[1:], strict=False)))


def drive(strategy: Any, steps: int, reward: Callable[[Architecture], float | None] = worth) -> list[Architecture]:
    found = []
    for _ in range(steps):
        architecture = strategy.propose()
        if architecture is None:
            break
        strategy.observe(architecture, reward(architecture))
        found.append(architecture)
    return found


# The update


def test_one_reinforce_update_is_what_hand_work_gives() -> None:
    strategy = Reinforce(
        TWO, units=1, batch_size=2, normalize=None, entropy_weight=0, baseline_decay=0, tanh_constant=None, seed=0
    )
    strategy.network.parameters[:] = 0
    moved: list[np.ndarray] = []
    strategy.optimizer.ascend = lambda parameters, gradient: moved.append(gradient)  # type: ignore[method-assign]
    strategy.observe({"bit": "high"}, 3.0)
    assert moved == []
    strategy.observe({"bit": "low"}, 1.0)
    # Both probabilities are 1/2. The baseline without memory is the last reward, 1, so the advantages are 2 and 0,
    # and the gradient of the biases is half of 2 * (-1/2, 1/2).
    np.testing.assert_allclose(strategy.network._view(moved[0], "head_bias"), [-0.5, 0.5], atol=1e-7)


@algorithms
def test_an_update_makes_the_better_option_likelier(algorithm: str) -> None:
    strategy = Reinforce(TWO, algorithm, batch_size=2, seed=0)
    before = strategy.log_prob({"bit": "high"})
    strategy.observe({"bit": "high"}, 0.9)
    strategy.observe({"bit": "low"}, 0.5)
    assert strategy.log_prob({"bit": "high"}) > before


def test_ppo_stops_near_the_clip_where_reinforce_runs_on() -> None:
    def shift(**options: Any) -> float:
        # Small steps without momentum, which would go on past the clip.
        strategy = Reinforce(
            TWO, "ppo", batch_size=2, entropy_weight=0, epochs=60, learning_rate=1e-3, beta_1=0, seed=0, **options
        )
        before = strategy.log_prob({"bit": "high"})
        strategy.observe({"bit": "high"}, 1.0)
        strategy.observe({"bit": "low"}, 0.0)
        return float(np.exp(strategy.log_prob({"bit": "high"}) - before))

    assert shift(clip=0.1) < shift(clip=0.4) < shift(clip=10.0)
    assert shift(clip=0.1) < 1.15


def test_the_old_probability_of_ppo_is_that_of_the_draw() -> None:
    strategy = Reinforce(WIDE, "ppo", seed=0)
    architecture = strategy.propose()
    assert architecture is not None
    drawn = strategy.log_prob(architecture)
    strategy.network.parameters[:] *= 3
    strategy.observe(architecture, 1.0)
    assert strategy._batch[0].log_prob == pytest.approx(drawn, abs=1e-5)
    assert abs(strategy.log_prob(architecture) - drawn) > 1e-3


def test_entropy_grows_by_its_bonus_when_rewards_say_nothing() -> None:
    strategy = Reinforce(WIDE, entropy_weight=1.0, unique=False, seed=0)
    strategy.network.parameters[:] *= 12
    before = strategy.entropy()
    drive(strategy, 60, lambda _: 0.5)
    assert strategy.entropy() > before + 0.1


def test_decisions_go_to_their_prior_when_rewards_say_nothing() -> None:
    space = Space((Choice("op", ("a", "b")), *(Choice(f"skip_{i}", (False, True)) for i in range(4))))
    prior = {f"skip_{i}": (0.8, 0.2) for i in range(4)}

    def rate(**options: Any) -> float:
        strategy = Reinforce(space, entropy_weight=0, batch_size=4, unique=False, seed=0, **options)
        drive(strategy, 400, lambda architecture: 1.0)
        drawn = strategy.network.sample(np.random.default_rng(0), 2000).codes
        return float(drawn[:, 1:].mean())

    assert rate(prior=prior, prior_weight=1.0) == pytest.approx(0.2, abs=0.03)
    assert rate(prior=prior) == rate() == pytest.approx(0.5, abs=0.1)


def test_without_bonus_equal_rewards_change_nothing() -> None:
    strategy = Reinforce(WIDE, entropy_weight=0, seed=0)
    before = strategy.network.parameters.copy()
    drive(strategy, 40, lambda _: 0.5)
    np.testing.assert_array_equal(strategy.network.parameters, before)


# Advantages


def test_the_baseline_takes_a_reward_in_before_its_advantage_is_taken() -> None:
    strategy = Reinforce(TWO, normalize=None, baseline_decay=0.99, batch_size=1)
    assert strategy._advantages([5.0]).tolist() == [0.0]
    # (0.99 * 5 + 7) / (0.99 + 1)
    assert strategy._advantages([7.0])[0] == pytest.approx(7 - (0.99 * 5 + 7) / 1.99)


@algorithms
@pytest.mark.parametrize("normalize", ["rank", "deviation"])
def test_scale_and_shift_of_rewards_leave_the_proposals_the_same(algorithm: str, normalize: str) -> None:
    plain = Reinforce(WIDE, algorithm, normalize=normalize, seed=0)
    scaled = Reinforce(WIDE, algorithm, normalize=normalize, seed=0)
    expected = drive(plain, 100)
    assert drive(scaled, 100, lambda a: 100 * worth(a) - 7) == expected


def test_an_increasing_function_of_rewards_leaves_the_proposals_the_same() -> None:
    expected = drive(Reinforce(WIDE, seed=0), 60)
    assert drive(Reinforce(WIDE, seed=0), 60, lambda a: float(np.exp(worth(a)))) == expected


# The search


@algorithms
@pytest.mark.parametrize("normalize", ["rank", "deviation", None])
def test_it_beats_random_search_where_the_optimum_is_known(algorithm: str, normalize: str | None) -> None:
    def mean_of_best(make: Callable[[int], Any]) -> float:
        return float(np.mean([max(map(worth, drive(make(seed), 150))) for seed in range(4)]))

    random = mean_of_best(lambda seed: RandomSearch(WIDE, seed=seed))
    learned = mean_of_best(lambda seed: Reinforce(WIDE, algorithm, normalize=normalize, seed=seed))
    assert learned >= random + 2


def test_it_learns_which_branch_of_a_conditional_space_is_best() -> None:
    strategy = Reinforce(CONDITIONAL, learning_rate=0.005, unique=False, seed=0)
    best = {"kind": "deep", "depth": 3, "drop": 0.5, "skip": True, "rate": 0.1}
    before = strategy.log_prob(best)
    drive(strategy, 250, lambda a: float(sum(best.get(name) == option for name, option in a.items())))
    assert before < np.log(0.03) and strategy.log_prob(best) > np.log(0.5)


@algorithms
@small
def test_every_architecture_is_proposed_once_and_then_none(space: Space, algorithm: str) -> None:
    strategy = Reinforce(space, algorithm, batch_size=3, seed=0)
    found = drive(strategy, 100)
    assert len(found) == len(set(found)) == space.size
    assert strategy.propose() is None


def settled(space: Space, **options: Any) -> Reinforce:
    """A controller that draws the first option everywhere, all but surely."""
    strategy = Reinforce(space, tanh_constant=None, seed=0, **options)
    first = strategy.network.ends - np.array(strategy.network.sizes)
    strategy.network._view(strategy.network.parameters, "head_bias")[first] = 40.0
    assert strategy.log_prob(space.default()) == pytest.approx(0, abs=1e-6)
    return strategy


def test_a_settled_controller_still_finds_what_is_new() -> None:
    strategy = settled(CellSpace.darts())
    found = [strategy.propose() for _ in range(30)]
    assert None not in found and len(set(found)) == 30


def test_known_rewards_that_are_drawn_again_are_learned_from() -> None:
    strategy = settled(WIDE, batch_size=3)
    strategy.observe(WIDE.default(), 1.0)
    assert strategy.optimizer.updates == 0
    assert strategy.propose() != WIDE.default()
    assert strategy.optimizer.updates == 1
    assert len(strategy._window) == 1, "only evaluations are ranked among"


@pytest.mark.parametrize("reward", [None, float("nan")])
def test_repeats_that_failed_are_not_learned_from(reward: float | None) -> None:
    strategy = settled(WIDE, batch_size=1)
    strategy.observe(WIDE.default(), reward)
    assert strategy.propose() != WIDE.default()
    assert strategy.optimizer.updates == 0 and strategy._batch == []


def test_repeats_under_way_are_not_learned_from() -> None:
    strategy = settled(WIDE, batch_size=1)
    assert strategy.propose() == WIDE.default() != strategy.propose()
    assert strategy.optimizer.updates == 0 and strategy._batch == []


@algorithms
def test_what_was_never_proposed_comes_twice_or_failed_is_survived(algorithm: str) -> None:
    strategy = Reinforce(CONDITIONAL, algorithm, batch_size=2, seed=0)
    points = list(CONDITIONAL.enumerate())
    for reward in (0.5, float("nan"), None, 0.7, float("inf"), 0.1):
        for point in points[:3]:
            strategy.observe(point, reward)
    assert strategy.optimizer.updates > 0
    assert strategy.propose() is not None


@algorithms
def test_results_out_of_order_are_survived(algorithm: str) -> None:
    strategy = Reinforce(WIDE, algorithm, batch_size=4, seed=0)
    rng, under_way = np.random.default_rng(0), []
    for _ in range(100):
        under_way.append(strategy.propose())
        if len(under_way) > 5:
            architecture = under_way.pop(int(rng.integers(len(under_way))))
            assert architecture is not None
            strategy.observe(architecture, worth(architecture))
    assert len(strategy._under_way) == 5
    assert strategy.optimizer.updates


def test_a_single_option_is_certain() -> None:
    strategy = Reinforce(ONE_OPTION, seed=0)
    assert strategy.log_prob({"only": "this"}) == 0 and strategy.entropy() == 0
    assert drive(strategy, 5, lambda _: 1.0) == [ONE_OPTION.default()]


def test_limits_are_met_and_a_settled_controller_leaves_what_is_beyond_them() -> None:
    strategy = Reinforce(WIDE, seed=0, limits={"sum": 12}, costs=lambda a: {"sum": sum(a.values())})  # type: ignore[arg-type]
    found = drive(strategy, 120)
    assert len(found) == 120
    assert max(sum(a.values()) for a in found) <= 12  # type: ignore[arg-type]


# Seeds and state


@algorithms
def test_a_seed_gives_the_same_search(algorithm: str) -> None:
    one, same, other = (drive(Reinforce(WIDE, algorithm, seed=seed), 60) for seed in (0, 0, 1))
    assert one == same != other


@algorithms
@pytest.mark.parametrize("space", [WIDE, CONDITIONAL], ids=["flat", "conditional"])
@pytest.mark.parametrize("cut", [0, 1, 7, 10, 14, 33])
def test_it_goes_on_from_its_state_as_if_never_stopped(algorithm: str, space: Space, cut: int) -> None:
    made = Reinforce(space, algorithm, unique=space is WIDE, batch_size=4, seed=0)
    drive(made, cut)
    under_way = made.propose()
    assert under_way is not None
    state = json.loads(json.dumps(made.get_state()))
    other = Reinforce(space, algorithm, unique=space is WIDE, batch_size=4, seed=9)
    other.set_state(state)
    assert json.loads(json.dumps(other.get_state())) == state
    for strategy in (made, other):
        strategy.observe(under_way, worth(under_way))
    assert drive(made, 30) == drive(other, 30)
    assert made.network.parameters.tobytes() == other.network.parameters.tobytes()
    assert made.get_state() == other.get_state()


@pytest.mark.parametrize(
    "broken",
    [
        {"parameters": "AAAA"},
        {"parameters": None},
        {"optimizer": {"updates": 1, "mean": "AAAA", "square": "AAAA"}},
        {"baseline": [1.0]},
        {"drawn": [[[9] * 8, 0.0]]},
        {"batch": [[[0] * 7, 1.0, None]]},
        {"window": ["x"]},
        {"heat": None},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_a_broken_state_is_refused_and_changes_nothing(broken: dict[str, Any]) -> None:
    strategy = Reinforce(WIDE, seed=0)
    drive(strategy, 15)
    before = strategy.get_state()
    with pytest.raises(ValueError, match="Expected the state of a Reinforce"):
        strategy.set_state({**before, **broken})
    assert strategy.get_state() == before


def test_fresh_keeps_the_settings() -> None:
    strategy = Reinforce(
        FLAT,
        "ppo",
        units=7,
        learning_rate=0.5,
        batch_size=3,
        entropy_weight=0,
        clip=0.1,
        epochs=2,
        beta_1=0,
        unique=False,
    )
    assert Reinforce(FLAT, prior={"c": (0.2, 0.8)}, prior_weight=2).settings()["prior"] == {"c": [0.2, 0.8]}
    fresh = strategy.fresh(WIDE, 5)
    assert fresh.space is WIDE and fresh.settings() == {**strategy.settings(), "seed": 5}


@pytest.mark.parametrize(
    "arguments",
    [
        {"algorithm": "a2c"},
        {"normalize": "scale"},
        {"units": 0},
        {"learning_rate": -1},
        {"learning_rate": float("nan")},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"epochs": 0},
        {"entropy_weight": -0.1},
        {"entropy_weight": "much"},
        {"baseline_decay": 1.5},
        {"baseline_decay": 1},
        {"clip": 0},
        {"temperature": 0},
        {"tanh_constant": 0},
        {"prior_weight": -1.0},
        {"beta_1": 1.0},
        {"beta_2": -0.1},
        {"epsilon": 0},
        {"seed": -1},
    ],
    ids=lambda arguments: "{}={}".format(*next(iter(arguments.items()))),
)
def test_nonsense_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"Expected {next(iter(arguments))} .*, got"):
        Reinforce(FLAT, **arguments)
