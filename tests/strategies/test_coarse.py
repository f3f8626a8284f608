"""From coarse to fine, and evolution of what is predicted."""

from __future__ import annotations

import numpy as np
import pytest

from autonas_keras.spaces import Architecture, Choice, MobileSpace, Space
from autonas_keras.strategies import CoarseToFine, PredictedWorth, coarse_grid, evolve_predicted

SPACE = Space.join({"block": MobileSpace.small(32)})
RANKS = {name: {option: rank for rank, option in enumerate(choice.options)} for name, choice in SPACE.named.items()}


def worth(architecture: Architecture) -> float:
    """Larger networks are better, kernels do not matter."""
    return sum(RANKS[name][option] for name, option in architecture.items() if not name.endswith("kernel"))


def cost(architecture: Architecture) -> dict[str, float]:
    return {"ranks": 1.0 + worth(architecture)}


def test_the_grid_lets_choices_of_a_kind_go_together() -> None:
    grid = coarse_grid(SPACE, 1000, np.random.default_rng(0))
    # 4 resolutions, 3 widths, 3 depths, 2 kernels, 3 expansions
    assert len(grid) == len(set(grid)) == 216 and all(architecture in SPACE for architecture in grid)
    for architecture in grid:
        kernels = {option for name, option in architecture.items() if name.endswith("kernel")}
        widths = {RANKS[name][option] for name, option in architecture.items() if name.endswith("width")}
        assert len(kernels) == 1 and len(widths) == 1


@pytest.mark.parametrize("most", [2, 20, 150, 215])
def test_of_a_larger_grid_so_many_are_drawn_with_its_corners(most: int) -> None:
    whole = coarse_grid(SPACE, 1000, np.random.default_rng(0))
    drawn = coarse_grid(SPACE, most, np.random.default_rng(0))
    assert len(drawn) == most and set(drawn) <= set(whole)
    assert min(map(worth, drawn)) == min(map(worth, whole)) and max(map(worth, drawn)) == max(map(worth, whole))


def test_a_grid_too_large_to_count_in_64_bits_is_drawn_from() -> None:
    many = Space([Choice(f"kind_{number}", tuple(range(10))) for number in range(30)])
    drawn = coarse_grid(many, 50, np.random.default_rng(0))
    assert len(set(drawn)) == 50 and {9, 0} == {drawn[-1]["kind_29"], drawn[0]["kind_0"]}


def test_every_choice_of_a_grid_too_large_to_count_varies() -> None:
    space = Space(tuple(Choice(f"choice_{number}", (0, 1, 2, 3)) for number in range(32)))
    points = coarse_grid(space, 200, np.random.default_rng(0))
    shares = [np.mean([point[f"choice_{number}"] == 0 for point in points]) for number in range(32)]
    assert 0.1 < min(shares) and max(shares) < 0.4, shares


def test_mutations_of_the_best_follow_the_grid() -> None:
    limits = {"ranks": 22.0}
    strategy = CoarseToFine(SPACE, most=300, seed=0, limits=limits, costs=cost)
    scores = []
    for _ in range(250):
        architecture = strategy.propose()
        assert architecture is not None and cost(architecture)["ranks"] <= 22.0
        scores.append(worth(architecture))
        strategy.observe(architecture, scores[-1])
    inside = sum(cost(architecture)["ranks"] <= 22.0 for architecture in coarse_grid(SPACE, 300, strategy.rng))
    assert max(scores[inside:]) == 21.0 >= max(scores[:inside])


def test_a_state_goes_on_where_it_was() -> None:
    def run(strategy: CoarseToFine, count: int) -> list[Architecture]:
        found = []
        for _ in range(count):
            found.append(strategy.propose())
            strategy.observe(found[-1], worth(found[-1]))
        return found

    first, second = CoarseToFine(SPACE, most=10, seed=3), CoarseToFine(SPACE, most=10, seed=3)
    run(first, 7)
    second.set_state(first.get_state())
    assert run(first, 10) == run(second, 10)


def test_evolution_of_predictions_finds_what_is_worth_most() -> None:
    rng = np.random.default_rng(0)
    seen = [SPACE.sample(rng) for _ in range(60)]
    model = PredictedWorth(SPACE, seen, [worth(architecture) for architecture in seen])
    others = [SPACE.sample(rng) for _ in range(40)]
    assert np.corrcoef(model(others), [worth(architecture) for architecture in others])[0, 1] > 0.9
    found = evolve_predicted(SPACE, model, 10, 20, keep=5, seed=0, limits={"ranks": 22.0}, costs=cost)
    assert len(found) == 5 and max(worth(architecture) for architecture in found) >= 20.0
    assert all(cost(architecture)["ranks"] <= 22.0 for architecture in found)
    with pytest.raises(ValueError, match="two architectures or more"):
        PredictedWorth(SPACE, seen[:1], [1.0])
