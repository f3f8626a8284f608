from __future__ import annotations

import json

import numpy as np
import pytest

from autonas_keras.strategies.adam import Adam, pack, unpack


def test_adam_moves_by_hand() -> None:
    adam = Adam(1, learning_rate=0.1, beta_1=0.5, beta_2=0.75, epsilon=1e-3, dtype=np.float64)
    at = np.zeros(1)
    adam.ascend(at, np.array([2.0]))
    assert at[0] == pytest.approx(0.1 * 2 / (2 + 1e-3))
    adam.ascend(at, np.array([-1.0]))
    # mean = 0.5 * 1 - 0.5 = 0, so the second step stands still
    assert at[0] == pytest.approx(0.1 * 2 / (2 + 1e-3))
    adam.ascend(at, np.array([1.0]))
    # mean = 0.5; square = ((0.25 * 4) * 0.75 + 0.25) * 0.75 + 0.25 = 1
    expected = 0.1 * (0.5 / (1 - 0.5**3)) / (np.sqrt(1 / (1 - 0.75**3)) + 1e-3)
    assert at[0] == pytest.approx(0.1 * 2 / (2 + 1e-3) + expected)


def test_adam_goes_on_from_its_state() -> None:
    rng = np.random.default_rng(0)
    one, other = Adam(7), Adam(7)
    a = rng.normal(size=7).astype(np.float32)
    for _ in range(3):
        one.ascend(a, rng.normal(size=7).astype(np.float32))
    other.set_state(json.loads(json.dumps(one.get_state())))
    b, gradient = a.copy(), rng.normal(size=7).astype(np.float32)
    one.ascend(a, gradient)
    other.ascend(b, gradient)
    assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_packed_vector_comes_back_to_the_bit(dtype: type) -> None:
    vector = np.array([0.1, -0.0, 1e-30, 3.0], dtype)
    back = unpack(json.loads(json.dumps(pack(vector))), vector)
    assert back.dtype == vector.dtype and back.tobytes() == vector.tobytes()
    back += 1  # it can be written to
    with pytest.raises(ValueError, match="bytes"):
        unpack(pack(vector[1:]), vector)


@pytest.mark.parametrize(
    "arguments",
    [{"learning_rate": -1}, {"learning_rate": True}, {"beta_1": 1.0}, {"beta_2": -0.1}, {"epsilon": 0}],
)
def test_nonsense_arguments_of_adam_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match=f"Expected {next(iter(arguments))} .*, got"):
        Adam(3, **arguments)
