"""Trainings that end in time."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from autonas_keras.spaces import CellSpace
from autonas_keras.supernets import CellSupernet, PathCell
from autonas_keras.training import (
    BilevelModel,
    Pace,
    PathModel,
    UniformSampling,
    count_epochs,
    fit_bilevel,
    fit_paths,
    fit_resumable,
    path_seconds,
    step_seconds,
)

SPACE = CellSpace(("max_pool_3x3", "skip_connect"), nodes=1, cells=2, channels=2)
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((32, 6, 6, 1)).astype("float32"), RNG.integers(0, 2, 32)


class Time:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def paced(limit: float, steps: int) -> tuple[Pace, Time]:
    clock = Time()
    return Pace(lambda: limit - clock(), now=clock).over(1.0, steps), clock


def run(pace: Pace, clock: Time, seconds: float, until: float = math.inf) -> list[float]:
    """Rates of the steps that end before ``until``, each of so many seconds."""
    rates = []
    while pace.progress < 1 and clock.seconds < until:
        rates.append(pace.rate())
        clock.seconds += seconds
        pace.step()
    return rates


def test_at_an_even_speed_the_rate_is_a_cosine_that_ends_with_the_time() -> None:
    pace, clock = paced(limit=100.0, steps=10**6)
    rates = run(pace, clock, 0.1)
    assert 99 <= clock.seconds <= 100
    shares = np.arange(len(rates)) / len(rates)
    wanted = np.where(shares < 0.05, 0.1 + 0.9 * shares / 0.05, 0.5 * (1 + np.cos(np.pi * (shares - 0.05) / 0.95)))
    # The first step tells nothing about the speed.
    np.testing.assert_allclose(rates, wanted, atol=0.02)


def test_steps_that_run_out_before_the_time_end_the_cosine() -> None:
    pace, clock = paced(limit=1e9, steps=200)
    rates = run(pace, clock, 1.0)
    assert pace.done == len(rates) == 200
    assert rates[-1] < 1e-3


@pytest.mark.parametrize("factor", [0.2, 3.0, 30.0])
def test_a_machine_that_changes_its_speed_makes_the_rate_fall_sooner_or_later_but_to_zero_and_in_time(
    factor: float,
) -> None:
    pace, clock = paced(limit=100.0, steps=10**6)
    before = run(pace, clock, 0.1, until=50.0)
    after = run(pace, clock, 0.1 * factor)
    assert clock.seconds <= 100 + 0.1 * factor
    assert clock.seconds >= 95 - 0.1 * factor
    assert after[-1] < 0.25 * before[-1]
    assert max(np.diff([*before[20 + len(before) // 5 :], *after])) <= 1e-12, "It only falls."


def test_no_time_at_all_is_one_step() -> None:
    pace, clock = paced(limit=0.01, steps=100)
    assert len(run(pace, clock, 5.0)) == 1


def test_the_last_evaluation_has_its_time() -> None:
    pace, clock = paced(limit=100.0, steps=10**6)
    run(pace, clock, 0.1, until=20.0)
    pace.on_test_begin()
    clock.seconds += 10.0
    pace.on_test_end()
    run(pace, clock, 0.1)
    assert 88 <= clock.seconds <= 91


@pytest.mark.parametrize("seconds", [0.0, 0.5, 3.0, 20.0, 1e4])
@pytest.mark.parametrize("whole", [1, 7, 300])
@pytest.mark.parametrize("wanted", [1, 25])
def test_epochs_and_their_steps_fit_into_the_time(seconds: float, whole: int, wanted: int) -> None:
    epochs, steps = count_epochs(seconds, 0.1, whole, wanted)
    assert 1 <= epochs <= wanted and 1 <= steps <= whole
    assert epochs * steps * 0.1 <= max(seconds, 0.1) + 1e-9
    # Half of what fits is used at least, unless all is done.
    assert (epochs, steps) == (wanted, whole) or epochs * steps >= 0.5 * seconds / 0.1 or steps == whole


def network() -> keras.Model:
    inputs = keras.Input((6, 6, 1))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def test_a_paced_training_stops_within_an_epoch_with_a_rate_of_nearly_zero_and_is_finished(tmp_path) -> None:
    clock, model = Time(), network()

    class Tick(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            clock.seconds += 1.0

    def fit(limit: float, gone: float = 0.0) -> keras.callbacks.History:
        pace = Pace(lambda: limit - clock(), gone, now=clock).over(0.1, 80)
        return fit_resumable(
            model, (X, Y), epochs=10, batch_size=4, seed=0, directory=tmp_path, callbacks=[Tick(), pace], verbose=0
        )

    history = fit(limit=20.0)
    assert int(model.optimizer.iterations) == 20
    assert len(history.epoch) == 3, "Two whole ones and half of one."
    assert float(model.optimizer.learning_rate) < 1e-6
    fit(limit=1000.0)
    assert int(model.optimizer.iterations) == 20, "It had ended."


def test_a_training_that_goes_on_begins_with_the_rate_of_what_is_gone() -> None:
    model = network()
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(30)
    pace = Pace(lambda: math.inf, gone=0.5).over(0.1, 1000)
    pace.set_model(model)
    pace.on_train_begin()
    assert pace.progress == 0.5
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.5 * (1 + math.cos(math.pi * 0.45 / 0.95)))


def supernet(kind: type, traced: list) -> keras.Model:
    class Traced(kind):
        def train_step(self, data):
            traced.append(1)
            return super().train_step(data)

    layer = {BilevelModel: CellSupernet, PathModel: PathCell}[kind](SPACE, seed=0, name="net")
    inputs = keras.Input((6, 6, 1))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(layer(inputs)))
    model = Traced(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
    return model


def test_a_supernet_that_was_measured_is_not_traced_again() -> None:
    traced: list = []
    model, data = supernet(BilevelModel, traced), (X, Y)
    assert 0 < step_seconds(model, data, data, batch_size=8, left=lambda: math.inf) < 5
    fit_bilevel(model, data, data, epochs=2, steps=3, batch_size=8, seed=0, verbose=0)
    assert len(traced) == 1
    model = supernet(PathModel, traced)
    sampling = UniformSampling(model.space, 0)
    path_seconds(model, data, sampling, 8, lambda: 0.0)
    assert int(model.optimizer.iterations) == 1, "Without time there is one step."
    fit_paths(model, data, sampling, epochs=2, steps=2, batch_size=8, seed=0, learning_rate=lambda share: 1 - share)
    assert len(traced) == 2
    assert int(model.optimizer.iterations) == 5
    assert float(model.optimizer.learning_rate) == 0.5
