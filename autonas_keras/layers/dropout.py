"""Dropout that is off where a model is run as in training for its statistics alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def without_dropout(model: keras.Model) -> Iterator[None]:
    """While a model is called or traced: no layer of dropout drops anything, nor moves its generator."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dropout)]
    before = [layer.rate for layer in layers]
    for layer in layers:
        layer.rate = 0
    try:
        yield
    finally:
        for layer, rate in zip(layers, before, strict=True):
            layer.rate = rate
