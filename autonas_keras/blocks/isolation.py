"""Building models apart from what else happens in the process: names, random draws, TensorFlow's gradient registry."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from keras.src.backend.common import global_state

from autonas_keras.oracles.gradients import forget_gradients, gradient_registry

MOST_SEEDS = 20_000  # of one model
_UIDS = "object_name_uids"  # where Keras counts the names it gives


@contextmanager
def fresh_names() -> Iterator[None]:
    """Let Keras and AutoKeras count names from the start inside, and go on as before afterwards.

    AutoKeras clears the whole session for this, which also forgets the dtype policy and the seed that the user set.
    """
    before = global_state.get_global_attribute(_UIDS)
    global_state.set_global_attribute(_UIDS, defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute(_UIDS, before)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Let layers that are given no seed draw theirs from ``seed``, and leave the global generators as they were.

    Keras 3 takes those seeds from Python's global generator when a layer is made; AutoKeras uses NumPy's.
    """
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def drawn_seeds(seed: int) -> list[int] | None:
    """The seeds that layers made inside ``own_randomness(seed)`` took so far; None when something else drew as well."""
    generator = random.Random(seed)
    seeds: list[int] = []
    while generator.getstate() != random.getstate():
        if len(seeds) == MOST_SEEDS:
            return None
        seeds.append(generator.randint(1, int(1e9)))  # as Keras draws them
    return seeds


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Remove afterwards what TensorFlow registered inside for custom gradients, about 8 MB for a traced network.

    TensorFlow keeps these entries, and through them the graphs, for ever. They are looked up while a gradient is
    traced, so no model that is still to be traced may be left over from inside.
    """
    before = set(gradient_registry())
    try:
        yield
    finally:
        forget_gradients(before)
