"""Conformance suites, for whoever adds a strategy or a layer. They need pytest."""

import pytest

pytest.register_assert_rewrite("autonas_keras.testing.strategies", "autonas_keras.testing.oracles")
