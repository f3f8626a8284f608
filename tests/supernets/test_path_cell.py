"""Cells of which one architecture runs at a time; what they share with all path supernets is in test_conformance."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import PathCell

SPACES = {
    "darts": CellSpace.darts(cells=2, channels=4, nodes=2),
    "nasnet": CellSpace.nasnet(cells=2, channels=4, nodes=2),
    "nasbench201": CellSpace.nasbench201(cells=2, channels=4),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_operation_computes_and_moves_what_it_does_in_the_network(name: str) -> None:
    supernet, rng = PathCell(SPACES[name], affine=True, seed=0), np.random.default_rng(0)
    supernet.build((None, 9, 8, 3))
    for variable in supernet.weights:
        # Scales, offsets and statistics are to differ between branches too.
        if variable.dtype == "float32" and len(variable.shape) == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    x = rng.normal(size=(4, 9, 8, 3)).astype("float32")
    missing = set(SPACES[name].candidates)
    while missing:
        architecture = SPACES[name].sample(rng)
        if not missing & set(architecture.values()):
            continue
        missing -= set(architecture.values())
        supernet.select(architecture)
        network = supernet.extract(architecture, (9, 8, 3))
        np.testing.assert_allclose(supernet(x), network(x), rtol=1e-4, atol=1e-5)
        before = [weight.numpy() for weight in supernet.non_trainable_weights]
        y = supernet(x, training=True)
        np.testing.assert_allclose(y, network(x, training=True), rtol=1e-3, atol=1e-4)
        moved = [not np.array_equal(a, b) for a, b in zip(before, supernet.non_trainable_weights, strict=True)]
        counted = sum(1 for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization))
        # States that no node reads are computed by the supernet, and left out of the network.
        assert 2 * counted <= sum(moved)
