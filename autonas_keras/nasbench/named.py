"""Strategies by name and settings, as the command line writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autonas_keras.spaces import Space, close_names
from autonas_keras.strategies import STRATEGIES, Strategy

Factory = Callable[..., Strategy]  # of a space, and the keyword seed


def named_strategies(texts: Sequence[str], space: Space) -> dict[str, Factory]:
    """By its own text, what makes each strategy; every one is made once, so that a wrong setting shows now.

    Raises:
        ValueError: When a name or a setting is unknown, or a strategy stands twice.
    """
    if isinstance(texts, str):
        texts = [texts]
    found: dict[str, Factory] = {}
    for text in texts:
        if text in found:
            raise ValueError(f"Expected every strategy once, got {text!r} twice.")
        found[text] = named_strategy(text, space)
    return found


def named_strategy(text: str, space: Space) -> Factory:
    """What makes the strategy of a text such as "evolution" or "evolution:population_size=10,sample_size=3".

    Raises:
        ValueError: When the name or a setting is unknown, or a value is refused.
    """
    name, _, settings = text.partition(":")
    if name not in STRATEGIES:
        raise ValueError(f"Expected the name of a strategy, got {name!r}{close_names(name, STRATEGIES)}.")
    factory: Any = partial(STRATEGIES[name], **parse_settings(settings))
    known = sorted(set(factory.func(space).settings()) - {"seed", "costs", "limits"})
    for setting in factory.keywords:
        if setting not in known:
            raise ValueError(f"Expected a setting of {name!r}, got {setting!r}{close_names(setting, known)}.")
    factory(space)
    return factory


def parse_settings(text: str) -> dict[str, Any]:
    """The settings of "name=value,name=value"; a value is read as Python writes it, and is text otherwise.

    Raises:
        ValueError: When a part has no name and value.
    """
    found = {}
    # A comma parts settings only where a name follows, so that a value may be (1, 2).
    for part in re.split(r",(?=\s*\w+\s*=)", text) if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ValueError(f"Expected settings such as population_size=10,sample_size=3, got {text!r}.")
        try:
            found[name.strip()] = ast.literal_eval(value.strip())
        except (SyntaxError, ValueError):
            found[name.strip()] = value.strip()
    return found
