"""What every KerasTuner oracle has to keep, as tests to inherit.

An oracle is tested by a few lines::

    class TestMine(OracleTestCase):
        oracle_class = Mine
        settings = {"population_size": 8}

The rows hold for oracles of any make. What is known to fail in one is named in ``known_failures`` and has to fail.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine import trial as trial_module

from autonas_keras.oracles import StrategyOracle
from autonas_keras.spaces import Space
from autonas_keras.testing.process import other_process
from autonas_keras.testing.spaces import CONDITIONAL, FLAT, ONE_OPTION, SIXTEEN

STATUS = trial_module.TrialStatus
SPACES = {"flat": FLAT, "conditional": CONDITIONAL, "one_option": ONE_OPTION, "16_points": SIXTEEN}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
Values = dict[str, Any]


def declared(space: Space) -> Any:
    """The space as hyperparameters."""
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    return hp


def numbers() -> Any:
    """Hyperparameters of every kind, some under conditions."""
    hp = keras_tuner.HyperParameters()
    kind = hp.Choice("kind", ["mlp", "cnn"])
    hp.Boolean("bias")
    hp.Int("units", 8, 64, step=8)
    hp.Float("dropout", 0, 0.5, step=0.1)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Float("late", 0.1, 0.9, sampling="reverse_log")
    hp.Fixed("version", 3)
    assert kind == "mlp"
    with hp.conditional_scope("kind", ["cnn"]):
        hp.Int("filters", 4, 1024, sampling="log")
        hp.Float("stretch", 1.0, 2.0)
    return hp


def allowed(entry: Any, value: Any) -> bool:
    """Whether a hyperparameter may take a value."""
    if not hasattr(entry, "step"):
        return value in tuple(entry.values)
    if not entry.min_value <= value <= entry.max_value or isinstance(entry.min_value, int) != isinstance(value, int):
        return False
    steps = (value - entry.min_value) / entry.step if entry.step and entry.sampling == "linear" else 0.0
    return abs(steps - round(steps)) < 1e-6


def worth(values: Mapping[str, Any], places: int = 16) -> float:
    """What values are worth: arbitrary, exact in 32 bits, and the same in every process."""
    plain = sorted((name, int(value) if isinstance(value, bool) else value) for name, value in values.items())
    return (zlib.crc32(repr(plain).encode()) >> (32 - places)) / 2**places


class OracleTestCase:
    """Inherit it as ``class TestMine(OracleTestCase)`` and name the class under test.

    Attributes:
        oracle_class: The oracle.
        settings: Its own arguments.
        max_trials: Trials of most rows; None for an oracle that counts them itself.
        objectives: Numbers that a trial reports.
        known_failures: Reasons by name of the rows that are known to fail.
    """

    oracle_class: ClassVar[Any]
    settings: ClassVar[dict[str, Any]] = {}
    max_trials: ClassVar[int | None] = 12
    objectives: ClassVar[int] = 1
    known_failures: ClassVar[dict[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _known(self, request: pytest.FixtureRequest) -> None:
        reason = self.known_failures.get(request.node.originalname)
        if reason is not None:
            request.node.add_marker(pytest.mark.xfail(strict=True, reason=reason))

    def oracle(self, folder: Path, hp: Any, direction: str = "max", **kwargs: Any) -> Any:
        """The oracle under test, in a project of its own."""
        given = {"max_trials": self.max_trials, "seed": 1, **self.settings, **kwargs}
        return make_oracle(self.oracle_class, folder, hp, direction, self.objectives, given)

    # What is proposed

    @pytest.mark.parametrize("kind", ["numbers", *SPACES])
    def test_values_are_those_of_the_active_hyperparameters(self, kind: str, tmp_path: Path) -> None:
        hp = numbers() if kind == "numbers" else declared(SPACES[kind])
        for values in run(self.oracle(tmp_path, hp), 12):
            assert values is not None
            hp.values = values
            active = {entry.name: entry for entry in hp.space if hp.is_active(entry)}
            assert [name for name in sorted(values) if not name.startswith("tuner/")] == sorted(active)
            for name, entry in active.items():
                assert allowed(entry, values[name]), (name, values[name])

    def test_every_point_comes_once_and_then_it_stops(self, tmp_path: Path) -> None:
        for name in ("flat", "16_points"):
            space = SPACES[name]
            trials = space.size + 4
            found = run(self.oracle(tmp_path / name, declared(space), max_trials=trials), trials)
            assert {space.architecture(values) for values in found} == set(space.enumerate())
            assert len(found) == space.size

    def test_conditional_numbers_take_many_values(self, tmp_path: Path) -> None:
        found = run(self.oracle(tmp_path, numbers(), max_trials=30), 30)
        assert len({values["filters"] for values in found if values["kind"] == "cnn"}) > 2

    def test_the_largest_value_of_a_step_is_tried(self, tmp_path: Path) -> None:
        hp = keras_tuner.HyperParameters()
        hp.Float("dropout", 0, 1, step=0.1)
        found = [values["dropout"] for values in run(self.oracle(tmp_path, hp, max_trials=20), 20)]
        assert max(found) == pytest.approx(1.0)

    def test_hyperparameters_that_appear_in_a_trial_are_searched_from_then_on(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN))
        trial = oracle.create_trial("tuner0")
        trial.hyperparameters.Choice("late", [5, 6, 7])
        end(oracle, trial)
        found = run(oracle, 11)
        assert trial.hyperparameters.values["late"] == 5
        assert {values["late"] for values in found} == {5, 6, 7}

    def test_one_name_under_two_conditions_keeps_its_values(self, tmp_path: Path) -> None:
        hp = keras_tuner.HyperParameters()
        hp.Choice("kind", ["a", "b"])
        hp.values["kind"] = "b"
        for kind, low in (("a", 1), ("b", 10)):
            with hp.conditional_scope("kind", [kind]):
                hp.Int("units", low, low + 3)
        oracle = self.oracle(tmp_path, hp)
        while (trial := oracle.create_trial("tuner0")).status == STATUS.RUNNING:
            before = dict(trial.hyperparameters.values)
            assert before["units"] in range(1, 5) if before["kind"] == "a" else before["units"] in range(10, 14)
            end(oracle, trial)
            assert oracle.trials[trial.trial_id].hyperparameters.values == before

    # Seeds and processes

    @every_space
    def test_a_seed_gives_one_search_and_moves_no_global_generator(self, space: Space, tmp_path: Path) -> None:
        self._check_seed(space, 7, tmp_path)

    def test_seed_0_is_as_good_as_any(self, tmp_path: Path) -> None:
        self._check_seed(CONDITIONAL, 0, tmp_path)

    def _check_seed(self, space: Space, seed: int, folder: Path) -> None:
        before = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
        found = [run(self.oracle(folder / str(i), declared(space), seed=seed), 9) for i in range(2)]
        assert (random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()) == before
        assert found[0] == found[1]

    def test_a_spawned_process_searches_the_same(self, tmp_path: Path) -> None:
        here = run(self.oracle(tmp_path / "here", numbers()), 9)
        settings = {"max_trials": self.max_trials, "seed": 1, **self.settings}
        there = other_process().submit(
            _run_there, self.oracle_class, str(tmp_path / "there"), self.objectives, settings
        )
        assert there.result() == here

    def test_the_direction_of_the_objective_changes_nothing(self, tmp_path: Path) -> None:
        found = []
        for direction, sign in (("max", 1), ("min", -1)):
            oracle = self.oracle(tmp_path / direction, declared(CONDITIONAL), direction)
            found.append(run(oracle, 9, lambda values, sign=sign: sign * worth(values)))  # type: ignore[misc]
        assert found[0] == found[1]

    # Files

    def test_a_reloaded_oracle_goes_on_from_every_cut(self, tmp_path: Path) -> None:
        whole = self.oracle(tmp_path / "whole", declared(CONDITIONAL))
        found = run(whole, 10)
        for cut in (1, 2, 5, 9):
            folder = tmp_path / str(cut)
            start = self.oracle(folder, declared(CONDITIONAL))
            assert run(start, cut) == found[:cut]
            start.create_trial("tuner0")  # a trial that dies
            again = self.oracle(folder, keras_tuner.HyperParameters(), seed=5)
            again.reload()
            assert run(again, 10 - cut) == found[cut:]
            assert again.end_order == whole.end_order

    @pytest.mark.parametrize("text", ["", '{"ongoing_trials": {', "[]", "{}", '{"ongoing_trials": {}}'])
    def test_a_broken_or_foreign_state_is_refused_and_kept(self, text: str, tmp_path: Path) -> None:
        run(self.oracle(tmp_path, declared(FLAT)), 3)
        (tmp_path / "project" / "oracle.json").write_text(text)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with pytest.raises(ValueError, match=r"Expected .*oracle\.json to be .*; .*overwrite=True"):
            self.oracle(tmp_path, declared(FLAT)).reload()
        assert {path: path.read_bytes() for path in before} == before

    # Failures

    def test_what_is_no_finite_number_fails_and_never_wins(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN), max_consecutive_failed_trials=3)
        bad = [math.nan, math.inf, -math.inf]
        for number in range(9):
            trial = oracle.create_trial("tuner0")
            end(oracle, trial, worth(trial.hyperparameters.values) if number % 3 == 1 else bad[number % 4 % 3])
        statuses = [trial.status for trial in oracle.trials.values()]
        assert statuses == [STATUS.COMPLETED if number % 3 == 1 else STATUS.FAILED for number in range(9)]
        assert math.isfinite(oracle.get_best_trials(1)[0].score)

    def test_failures_in_a_row_end_the_search_without_an_error(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN), max_consecutive_failed_trials=3)
        for _ in range(3):
            end(oracle, oracle.create_trial("tuner0"), None)
        assert oracle.create_trial("tuner0").status == STATUS.STOPPED
        state = json.loads((tmp_path / "project" / "oracle.json").read_text())
        assert len(state["end_order"]) == 3 and not state["ongoing_trials"]

    def test_a_trial_that_is_retried_starts_with_nothing_reported(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN), max_retries_per_trial=1)
        first = oracle.create_trial("tuner0")
        values = dict(first.hyperparameters.values)
        end(oracle, first, math.nan)
        again = oracle.create_trial("tuner0")
        assert again.trial_id == first.trial_id and dict(again.hyperparameters.values) == values
        end(oracle, again, 0.5)
        assert oracle.trials[first.trial_id].status == STATUS.COMPLETED

    # Several workers

    def test_a_search_with_several_workers_ends_every_trial_once(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN))
        workers: dict[str, Any] = {}
        rng = np.random.default_rng(0)
        for _ in range(60):
            worker = f"tuner{rng.integers(3)}"
            if worker in workers:
                end(oracle, workers.pop(worker))
            elif len(oracle.trials) < 9:
                trial = oracle.create_trial(worker)
                if trial.status == STATUS.RUNNING:
                    workers[worker] = trial
        assert sorted(oracle.end_order) == sorted(oracle.start_order)[: len(oracle.end_order)]
        values = [tuple(sorted(trial.hyperparameters.values.items())) for trial in oracle.trials.values()]
        assert len(set(values)) == len(values) == 9

    def test_a_tuner_waits_while_another_still_runs_a_trial(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(ONE_OPTION))
        trial = oracle.create_trial("tuner0")
        start = time.monotonic()
        assert oracle.create_trial("tuner1").status == STATUS.IDLE
        assert time.monotonic() - start > 0.1, "a tuner that waits asks thousands of times a second"
        end(oracle, trial)
        while (
            trial := oracle.create_trial("tuner1")
        ).status == STATUS.RUNNING:  # of successive halving the higher rungs
            end(oracle, trial)
        assert trial.status == STATUS.STOPPED

    def test_a_trial_that_ends_twice_ends_once(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN))
        trial = oracle.create_trial("tuner0")
        end(oracle, trial)
        oracle.end_trial(trial)
        assert oracle.end_order == [trial.trial_id]

    def test_an_error_lets_the_lock_go(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN))
        with monkeypatch.context() as patch:
            patch.setattr(oracle, "populate_space", _fail)
            _elsewhere(lambda: _raises(lambda: oracle.create_trial("tuner0")))
        assert _elsewhere(lambda: oracle.create_trial("tuner1")) is not None


class StrategyOracleTestCase(OracleTestCase):
    """For oracles that a strategy stands behind."""

    oracle_class: ClassVar[type[StrategyOracle]]

    @every_space
    @pytest.mark.parametrize("direction", ["max", "min"])
    def test_it_proposes_what_its_strategy_proposes_alone(self, space: Space, direction: str, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(space), direction, max_trials=25)
        # KerasTuner makes 1 and 0 of booleans.
        plain = Space.from_hyperparameters(declared(space))
        strategy = self.oracle_class.strategy_class(plain, seed=1, **self.settings)
        sign = 1 if direction == "max" else -1
        for values in run(oracle, 25, lambda values: sign * worth(values)):
            architecture = strategy.propose()
            assert architecture is not None and dict(architecture) == values
            rewards = tuple(worth({**architecture, "objective": i}) for i in range(self.objectives))
            strategy.observe(architecture, worth(architecture) if self.objectives == 1 else rewards)

    def test_what_is_not_accepted_is_not_proposed(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path, declared(SIXTEEN), max_trials=20)
        oracle.excess = lambda values: values["bit_2"] != 1
        found = run(oracle, 20)
        assert len(found) == 8 and all(values["bit_2"] == 1 for values in found)
        oracle = self.oracle(tmp_path / "none", declared(SIXTEEN))
        oracle.excess = lambda values: 1.0
        assert run(oracle, 3) == []

    def test_unknown_arguments_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="Expected arguments of .*, got 'max_trial'; did you mean 'max_trials'"):
            self.oracle(tmp_path, declared(FLAT), max_trial=3)
        for arguments in (
            {"max_trials": 0},
            {"max_trials": 2.5},
            {"max_retries_per_trial": -1},
            {"max_consecutive_failed_trials": 0},
            {"seed": -1},
            {"limits": {"params": 3}},
        ):
            with pytest.raises(ValueError, match="Expected .*, got "):
                self.oracle(tmp_path, declared(FLAT), **arguments)
        with pytest.raises(TypeError, match="Expected a Space"):
            self.oracle(tmp_path, declared(FLAT), space="darts")


def make_oracle(cls: Any, folder: Path, hp: Any, direction: str, objectives: int, settings: dict[str, Any]) -> Any:
    """An oracle that says nothing, in the folder ``project``."""
    names = ["score"] if objectives == 1 else [f"score_{i}" for i in range(objectives)]
    objective = [keras_tuner.Objective(name, direction) for name in names]
    given = {name: value for name, value in settings.items() if value is not None}
    oracle = cls(objective=objective[0] if objectives == 1 else objective, hyperparameters=hp.copy(), **given)
    oracle.verbose = 0
    folder.mkdir(parents=True, exist_ok=True)
    oracle._set_project_dir(str(folder), "project")
    return oracle


def end(oracle: Any, trial: Any, value: float | None = 0.0) -> None:
    """End a trial with a value for every objective; None: it failed."""
    trial.status = STATUS.COMPLETED if value is not None else STATUS.INVALID
    if value is not None:
        objectives = getattr(oracle.objective, "objectives", [oracle.objective])
        metrics = {objective.name: value for objective in objectives}
        if len(objectives) > 1:
            sign = 1 if objectives[0].direction == "max" else -1
            values = trial.hyperparameters.values
            metrics = {o.name: sign * worth({**values, "objective": i}) for i, o in enumerate(objectives)}
            metrics = metrics if math.isfinite(value) else dict.fromkeys(metrics, value)
            metrics[oracle.objective.name] = oracle.objective.get_value(metrics)
        oracle.update_trial(trial.trial_id, metrics)
    oracle.end_trial(trial)


def run(oracle: Any, trials: int, value: Callable[[Values], float] = worth) -> list[Values]:
    """The values of so many trials one after another, fewer when it stops before."""
    found = []
    for _ in range(trials):
        trial = oracle.create_trial("tuner0")
        if trial.status != STATUS.RUNNING:
            break
        found.append(dict(trial.hyperparameters.values))
        end(oracle, trial, value(trial.hyperparameters.values))
    return found


def _fail(*args: Any) -> None:
    raise RuntimeError("on purpose")


def _raises(call: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        call()


def _elsewhere(call: Callable[[], Any], patience: float = 1.0) -> Any:
    """What a call gives in another thread; None when it hangs."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None


def _run_there(cls: Any, folder: str, objectives: int, settings: dict[str, Any]) -> list[Values]:
    return run(make_oracle(cls, Path(folder), numbers(), "max", objectives, settings), 9)
