"""Tasks on every kind of space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonas_keras.evaluation import model_costs
from autonas_keras.spaces import ChainSpace, MacroSpace, MobileSpace
from autonas_keras.tasks import ImageClassifier
from tests.tasks.small import digits

CHAIN = ChainSpace(("identity", "mbconv_k3_e2"), stages=((2, 8, 2),), stem=4)
MACRO = MacroSpace(("conv_3x3", "max_pool_3x3"), layers=3, channels=4)
MOBILE = MobileSpace(((2, 4),), depths=(1, 2), kernels=(3, 5), expansions=2, head=8, resolutions=(4, 8))


def fitted(folder: Path, **settings: Any) -> ImageClassifier:
    x, y = digits(80)
    clf = ImageClassifier(directory=folder, seed=0, **settings)
    clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
    return clf


@pytest.mark.parametrize(
    ("space", "tuner"),
    [(CHAIN, "random"), (MACRO, "random"), (MOBILE, "evolution")],
    ids=["chain", "macro", "mobile"],
)
def test_strategies_search_chains_and_mobile_networks(space: Any, tuner: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"space": space, "tuner": tuner, "max_trials": 2}
    clf = fitted(tmp_path, **settings)
    assert clf.best_architecture in clf.tuner.result_space
    assert len(clf.leaderboard()) == 2
    x, _ = digits(20)
    again = ImageClassifier(directory=tmp_path, seed=0, **settings)
    assert again.best_architecture == clf.best_architecture and again.best_architecture in again.tuner.result_space
    np.testing.assert_array_equal(again.predict(x, verbose=0), clf.predict(x, verbose=0))
    with pytest.raises(ValueError, match="Expected a space of cells to draw"):
        clf.plot_architecture(tmp_path / "network.svg")


SLOW = pytest.mark.slow(seconds=10)


@pytest.mark.parametrize(
    ("space", "tuner"),
    [
        pytest.param(CHAIN, "spos", id="chain-spos"),
        pytest.param(MOBILE, "spos", id="mobile-spos", marks=SLOW),
        pytest.param(MACRO, "enas", id="macro-enas", marks=SLOW),
    ],
)
def test_shared_weights_search_chains_and_mobile_networks(space: Any, tuner: str, tmp_path: Path) -> None:
    own = {"evaluations": 6, "population_size": 4} if tuner == "spos" else {"controller_steps": 3, "samples": 3}
    clf = fitted(tmp_path, space=space, tuner=tuner, search_epochs=2, search_batch_size=20, **own)
    assert clf.best_architecture in space
    assert clf.leaderboard()["params"][0] > 0
    # What is handed out is as wide as the supernet.
    limits = {"flops": 1.5 * clf.tuner.shared_weights().costs.least()["flops"]}
    model = clf.specialize(limits, verbose=0)
    assert model_costs(model)["flops"] <= limits["flops"] and clf.specialized is not None
    assert model_costs(model) == clf.specialized.costs and clf.specialized.architecture in space


def test_darts_refuses_what_it_cannot_mix(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a space of cells, or .*, for tuner 'darts', got ChainSpace in chain_block_1"):
        ImageClassifier(directory=tmp_path, space=CHAIN, tuner="darts")
