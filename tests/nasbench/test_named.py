from __future__ import annotations

import pytest

from autonas_keras.nasbench.named import named_strategies, named_strategy, parse_settings
from autonas_keras.strategies import RandomSearch, RegularizedEvolution
from tests.nasbench.small import small_table

SPACE = small_table().space


def test_a_name_makes_its_strategy_with_its_settings() -> None:
    evolution = named_strategy("evolution:population_size=10,sample_size=3", SPACE)(SPACE, seed=4)
    assert type(evolution) is RegularizedEvolution
    assert (evolution.population_size, evolution.sample_size, evolution.seed) == (10, 3, 4)
    assert type(named_strategy("random:unique=False", SPACE)(SPACE, seed=0)) is RandomSearch


def test_strategies_keep_the_order_and_the_text_they_were_named_by() -> None:
    texts = ["random", "evolution:population_size=5,sample_size=2", "evolution"]
    assert list(named_strategies(texts, SPACE)) == texts
    assert list(named_strategies("random", SPACE)) == ["random"]


def test_settings_are_read_as_python_writes_them() -> None:
    assert parse_settings("a=1,b=0.5,c=True,d=None,e=ei, f=(1, 2),g='x'") == {
        "a": 1,
        "b": 0.5,
        "c": True,
        "d": None,
        "e": "ei",
        "f": (1, 2),
        "g": "x",
    }
    assert parse_settings("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evolutoin", "Expected the name of a strategy, got 'evolutoin'; did you mean 'evolution'"),
        (
            "evolution:population=10",
            "Expected a setting of 'evolution', got 'population'; did you mean 'population_size'",
        ),
        ("evolution:seed=3", "Expected a setting of 'evolution', got 'seed'"),
        ("evolution:population_size=0,sample_size=1", "population_size to be an integer of 1 or more, got 0"),
        ("evolution:population_size=3,sample_size=10", "sample_size to be at most population_size, got 10 of 3"),
        ("evolution:population_size", "Expected settings such as population_size=10,sample_size=3"),
        ("evolution:=3", "Expected settings such as"),
    ],
)
def test_what_is_no_strategy_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        named_strategy(text, SPACE)


def test_the_same_strategy_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected every strategy once, got 'random' twice"):
        named_strategies(["random", "random"], SPACE)
