"""What is particular about the macro space; what it shares with all path supernets is in test_conformance."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.spaces import MacroSpace
from autonas_keras.supernets import PathMacro

SIZE = (8, 6, 3)
SPACE = MacroSpace(("conv_3x3", "max_pool_3x3"), layers=4, channels=2)


@pytest.fixture(scope="module")
def supernet() -> PathMacro:
    made = PathMacro(SPACE)
    made.build((None, *SIZE))
    return made


def test_the_route_is_the_arc(supernet: PathMacro) -> None:
    arc = [0, 1, 1, 0, 0, 1, 1, 1, 0, 1]
    assert supernet.route(SPACE.parse(arc)).tolist() == arc


def test_a_join_holds_the_rows_of_its_skip_inputs_and_then_its_own(supernet: PathMacro) -> None:
    model = supernet.extract(SPACE.parse("0 1 1 0 0 1 1 1 0 1"), SIZE)
    kernel = model.get_layer("layer_4_join_conv").kernel
    rows = [supernet._model(f"layer_4_from_{source}").weights[0] for source in (1, 3, 4)]
    np.testing.assert_array_equal(kernel, np.concatenate(rows, axis=2))


@pytest.mark.parametrize(
    ("arc", "used"),
    [
        ("0 0 0 0 0 0 0 0 0 0", set()),
        ("0 0 1 0 0 0 0 0 0 0", {"layer_2_from_1"}),
        # Layer 4 reads layer 1, whose output the second reduction halves for it.
        ("0 0 0 0 0 0 0 1 0 0", {"layer_4_from_1", "layer_1_reduction_2"}),
        ("0 0 0 0 0 0 0 0 1 1", {"layer_4_from_2", "layer_4_from_3"}),
    ],
)
def test_skip_inputs_use_their_rows_and_the_reductions_before_them(
    arc: str, used: set[str], supernet: PathMacro
) -> None:
    route = tf.constant(supernet.route(SPACE.parse(arc)))
    paths = {variable.path for usage in supernet.usage() if usage.used(route) for variable in usage.variables}
    names = {name for name in supernet._numbers if any(f"{name}_" in path for path in paths)}
    assert {name for name in names if "from" in name or "reduction" in name} == used


def test_an_input_without_known_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="a known number of channels, got None"):
        PathMacro(SPACE).build((None, 8, 6, None))
