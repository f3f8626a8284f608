"""Conformance suites, for whoever adds a strategy or a layer. They need pytest."""

import pytest

pytest.register_assert_rewrite(*(f"autonas_keras.testing.{suite}" for suite in ("layers", "oracles", "strategies")))
