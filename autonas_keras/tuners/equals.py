"""Which of the architectures that a supernet cannot tell apart is taken: that of which zero-cost proxies promise most.

The accuracy on n samples is known to within its standard error. What lies within two of them below the best is taken for
equal to it, and a short training of shared weights prefers what learns soonest there, not what learns most.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from autonas_keras.blocks.isolation import forgotten_gradients, fresh_names, own_randomness
from autonas_keras.evaluation import SharedWeights
from autonas_keras.evaluation.zero_cost import voters
from autonas_keras.layers import initialize_weights
from autonas_keras.spaces import Architecture
from autonas_keras.strategies.vote import rank_vote
from autonas_keras.training import discrete_network
from autonas_keras.tuners.network import copy_adapted
from autonas_keras.tuners.split import drawn_samples
from autonas_keras.tuners.zero_cost import SAMPLES

ERRORS = 2.0  # standard errors within which accuracies are equal
MOST = 400  # architectures that vote, a quarter of a second each


def equals(judged: Sequence[tuple[Architecture, float]], samples: int) -> list[tuple[Architecture, float]]:
    """Those whose accuracy is less than two standard errors below the best, the best first.

    Args:
        judged: Architectures and their accuracies.
        samples: Samples that these are accuracies on.
    """
    ranked = sorted(judged, key=lambda pair: pair[1], reverse=True)
    best = ranked[0][1]
    least = best - ERRORS * math.sqrt(max(0.0, best * (1 - best)) / max(1, samples))
    return [pair for pair in ranked if pair[1] >= least]


def by_vote(
    shared: SharedWeights,
    found: Sequence[tuple[Architecture, float]],
    x: Any,
    seed: int,
    left: Callable[[], float] = lambda: math.inf,
    verbose: bool = False,
) -> list[Architecture]:
    """The same architectures, those first of which synflow, nwot and jacob_cov promise most together.

    What they say is of networks as large as the supernet's, with fresh weights. Those for which there is no time come
    last, in the order that they were given in.

    Args:
        shared: The supernet.
        found: Architectures and scores, the best first.
        x: Samples, of which a minibatch is shown to the networks.
        seed: Seed of the weights.
        left: Gives the seconds that are left.
        verbose: Whether to show how many were voted on.
    """
    few = drawn_samples(x, SAMPLES, seed, 14)
    said: list[list[float]] = []
    progress = keras.utils.Progbar(len(found[:MOST]), verbose=1 if verbose else 0, unit_name="architecture")
    with forgotten_gradients():
        for architecture, _ in found[:MOST]:
            if said and left() <= 0:
                break
            said.append(_said(shared, architecture, few, seed))
            progress.update(len(said))
    order = np.argsort(-rank_vote(np.array(said)), kind="stable")
    return [found[place][0] for place in order] + [architecture for architecture, _ in found[len(said) :]]


def _said(shared: SharedWeights, architecture: Architecture, x: Any, seed: int) -> list[float]:
    """What the proxies say of the network of an architecture; of one without rectifiers the code is worth nothing."""
    own = seed + zlib.crc32(architecture.to_json().encode())
    with own_randomness(own), fresh_names():
        network = discrete_network(shared.model, architecture)
    copy_adapted(shared.model, network)
    initialize_weights(network, own)
    return voters(network, x)
