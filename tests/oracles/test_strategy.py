"""Strategies behind KerasTuner's interface: growth, limits, failures, workers, files that disagree."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pytest
from keras_tuner.errors import FailedTrialError

from autonas_keras import oracles
from autonas_keras.oracles.failures import UNKNOWN, reason
from autonas_keras.spaces import CellSpace, Choice, JoinedSpace, Space
from autonas_keras.strategies.mutation import cell_parts
from autonas_keras.testing.oracles import CONDITIONAL, SIXTEEN, declared, end, run, worth

SCORE = keras_tuner.Objective("score", "max")


class Quick(keras_tuner.Tuner):
    """A tuner whose trials are a function."""

    def __init__(self, oracle: Any, trial: Callable[[Any], Any], folder: Path, hypermodel: Any = None) -> None:
        self.trial = trial
        super().__init__(oracle, hypermodel, directory=str(folder), project_name="project")

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        return {"score": self.trial(trial.hyperparameters)}


def evolution(folder: Path | None = None, hp: Any = None, **kwargs: Any) -> oracles.RegularizedEvolution:
    given = {"objective": SCORE, "max_trials": 20, "population_size": 5, "sample_size": 2, "seed": 0, **kwargs}
    oracle = oracles.RegularizedEvolution(hyperparameters=hp, **given)
    oracle.verbose = 0
    if folder is not None:
        oracle._set_project_dir(str(folder), "project")
    return oracle


# Spaces that grow


def test_a_search_without_hyperparameters_runs_one_trial(tmp_path: Path) -> None:
    tuner = Quick(evolution(), lambda hp: 0.5, tmp_path)
    tuner.search(verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"]


def test_hyperparameters_that_only_trials_show_are_searched(tmp_path: Path) -> None:
    def trial(hp: Any) -> float:
        return hp.Int("a", 0, 3) + hp.Choice("b", [0, 10], default=10) + hp.Float("c", 0.0, 1.0)

    tuner = Quick(evolution(), trial, tmp_path)
    tuner.search(verbose=0)
    values = [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]
    assert values[0] == {"a": 0, "b": 10, "c": 0.0}
    assert len({tuple(v.values()) for v in values}) == len(values) == 20


def test_a_strategy_is_told_of_all_trials_when_the_space_grows(tmp_path: Path) -> None:
    oracle = evolution(tmp_path, declared(SIXTEEN))
    found = run(oracle, 6)
    trial = oracle.create_trial("tuner0")
    trial.hyperparameters.Choice("late", ["x", "y", "z"], default="y")
    end(oracle, trial, None)
    strategy = oracle.strategy
    assert strategy is not None and strategy.space.size == 48
    assert [dict(architecture) for architecture, _ in strategy.history] == [{**values, "late": "y"} for values in found]
    assert strategy.seed != 0 and len(strategy._known) == 7
    again = evolution(tmp_path)
    again.reload()
    assert run(again, 8) == run(oracle, 8)


def test_hyperparameters_that_a_given_space_names_do_not_make_it_grow(tmp_path: Path) -> None:
    oracle = evolution(tmp_path, space=SIXTEEN)
    trial = oracle.create_trial("tuner0")
    before = dict(trial.hyperparameters.values)
    SIXTEEN.declare(trial.hyperparameters)
    end(oracle, trial)
    assert trial.hyperparameters.values == before and sorted(before) == sorted(SIXTEEN.named)
    assert len(run(oracle, 30)) == 15 and oracle._growths == 0


# Given spaces


@pytest.mark.parametrize("prefix", ["block", None])
def test_cells_are_seen_through_the_oracle(prefix: str | None, tmp_path: Path) -> None:
    cells = CellSpace.darts(nodes=2)
    space = JoinedSpace({prefix: cells}) if prefix else cells
    hp = declared(space)
    hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
    with hp.conditional_scope("learning_rate", [1e-3]):
        hp.Boolean("slow")
    oracle = evolution(tmp_path, hp, space=space, max_trials=40)
    found = run(oracle, 40)
    assert oracle.strategy is not None
    assert cell_parts(oracle.strategy.space) == {prefix or "": cells}
    known = [name for name in found[0] if name in space.named]
    for values in found:
        assert space.contains({name: values[name] for name in known})
        assert ("slow" in values) == (values["learning_rate"] == 1e-3)
    # A mutation changes one edge of one cell: an operation, or an input and with it at most the order of two edges.
    assert any(sum(a.get(name) != b.get(name) for name in a) == 1 for a in found[5:] for b in found if a is not b)
    assert "learning_rate=" in str(oracle.strategy.best)


# Limits


def test_limits_of_the_strategy_are_obeyed(tmp_path: Path) -> None:
    def costs(architecture: Any) -> dict[str, float]:
        return {"ones": sum(architecture.values())}

    oracle = evolution(tmp_path, declared(SIXTEEN), limits={"ones": 1}, costs=costs)
    assert sorted(sum(values.values()) for values in run(oracle, 20)) == [0, 1, 1, 1, 1]


def test_limits_that_nothing_meets_are_told_and_let_the_lock_go(tmp_path: Path) -> None:
    oracle = evolution(tmp_path, declared(SIXTEEN), limits={"ones": 1}, costs=lambda architecture: {"ones": 7})
    for name in ("one", "another"):
        found: list[str] = []

        def ask(name: str = name, found: list[str] = found) -> None:
            with pytest.raises(
                ValueError, match="got ones <= 1; the nearest feasible value found is ones <= 7"
            ) as caught:
                oracle.create_trial(name)
            found.append(str(caught.value))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(10)
        assert found


def test_what_is_accepted_and_the_limits_are_obeyed_together(tmp_path: Path) -> None:
    oracle = evolution(tmp_path, declared(SIXTEEN), limits={"ones": 1}, costs=lambda a: {"ones": sum(a.values())})
    oracle.excess = lambda values: values["bit_0"] != 0
    assert sorted(sum(values.values()) for values in run(oracle, 20)) == [0, 1, 1, 1]


@pytest.mark.parametrize("oracle_class", [oracles.RandomSearch, oracles.RegularizedEvolution, oracles.LocalSearch])
def test_all_that_is_accepted_of_a_small_space_is_found(oracle_class: Any, tmp_path: Path) -> None:
    space = Space(tuple(Choice(f"c{i}", tuple(range(5))) for i in range(6)))  # 15,625, as NAS-Bench-201
    oracle = oracle_class(SCORE, 40, hyperparameters=declared(space), seed=0)
    oracle._set_project_dir(str(tmp_path), "search")
    wanted = {tuple(row) for row in np.random.default_rng(0).integers(0, 5, (13, 6)).tolist()}
    oracle.excess = lambda values: tuple(values[f"c{i}"] for i in range(6)) not in wanted
    oracle.asks = 20_000
    found = run(oracle, 40)
    assert {tuple(values.values()) for values in found} == wanted and len(found) == 13


def test_a_search_whose_questions_run_out_goes_on_as_it_would_have(tmp_path: Path) -> None:
    space = Space(tuple(Choice(f"c{i}", tuple(range(10))) for i in range(3)))
    wanted = {tuple(row) for row in np.random.default_rng(2).integers(0, 10, (10, 3)).tolist()}

    def made(folder: Path, seed: int = 2) -> Any:
        oracle = oracles.RandomSearch(SCORE, 40, hyperparameters=declared(space), seed=seed)
        oracle._set_project_dir(str(folder), "search")
        oracle.excess = lambda values: tuple(values[f"c{i}"] for i in range(3)) not in wanted
        oracle.asks = 500
        return oracle

    whole = run(made(tmp_path / "whole"), 40)
    for cut in (1, 3):
        first = made(tmp_path / f"cut{cut}")
        begun = run(first, cut)
        state = json.loads(json.dumps(first.get_state()))
        again = made(tmp_path / f"cut{cut}")
        again.set_state(state)
        again.trials, again.end_order, again.start_order = first.trials, first.end_order, first.start_order
        assert [*begun, *run(again, 40)] == whole


def test_a_warm_up_leaves_questions_for_what_follows(tmp_path: Path) -> None:
    space = Space(tuple(Choice(f"c{i}", tuple(range(10))) for i in range(6)))
    oracle = oracles.RandomSearch(
        SCORE, 4, hyperparameters=declared(space), seed=0, warmup=3, warmup_sample=6_000,
        scorer=lambda architectures: [sum(architecture.values()) for architecture in architectures],
    )  # fmt: skip
    oracle._set_project_dir(str(tmp_path), "search")
    oracle.excess = lambda values: values["c0"] > 4
    assert len(run(oracle, 4)) == 4


# Several objectives


def test_a_front_needs_a_list_of_objectives() -> None:
    with pytest.raises(ValueError, match="Expected a list of objectives for NSGA2, got Objective"):
        oracles.NSGA2(objective=SCORE)
    for objective, count, words in (
        ([SCORE], 0, "two or more objectives for NSGA2, got 1"),
        ([SCORE] * 2, 3, "3 .* got 2"),
    ):
        with pytest.raises(ValueError, match=words):
            oracles.NSGA2(objective=objective, objectives=count)


def test_every_objective_counts_in_its_direction(tmp_path: Path) -> None:
    objectives = [keras_tuner.Objective("gain", "max"), keras_tuner.Objective("cost", "min")]
    oracle = oracles.NSGA2(objectives, 16, hyperparameters=declared(SIXTEEN), seed=0)
    oracle.verbose = 0
    oracle._set_project_dir(str(tmp_path), "project")
    for _ in range(16):
        trial = oracle.create_trial("tuner0")
        bits = list(trial.hyperparameters.values.values())
        oracle.update_trial(trial.trial_id, {"gain": bits[0] + bits[1], "cost": bits[1] + bits[2]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    front = {rewards for _, rewards in oracle.strategy.front}  # type: ignore[union-attr]
    assert front == {(1.0, -0.0), (2.0, -1.0)}


# Failures


def test_a_search_goes_on_over_failures_and_tells_them_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def trial(hp: Any) -> float:
        number = hp.get("bit_0") + 2 * hp.get("bit_1")
        if number == 0:
            raise ValueError("no such network\nand more of it")
        if number == 1:
            raise FailedTrialError("too large")
        return float("nan") if number == 2 else worth(hp.values)

    tuner = Quick(evolution(max_consecutive_failed_trials=20), trial, tmp_path, SIXTEEN.declare)
    tuner.search(verbose=0)
    statuses = [trial.status for trial in tuner.oracle.trials.values()]
    assert len(statuses) == 16 and statuses.count("COMPLETED") == 4
    told = capsys.readouterr().out
    assert "12 of 16 trials failed:" in told
    for why in ("ValueError: no such network", "FailedTrialError: too large", "score was nan"):
        assert f"  4 x {why}" in told.replace("keras_tuner.src.errors.", "")
    assert sorted(map(len, tuner.oracle.failures().values())) == [4, 4, 4]


def test_a_search_that_gave_up_goes_on_when_it_is_started_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(hp: Any) -> float:
        raise ValueError("a mistake")

    tuner = Quick(evolution(), broken, tmp_path, SIXTEEN.declare)
    tuner.search(verbose=0)
    assert "The search ends: the last 3 trials failed in a row." in capsys.readouterr().out
    assert len(tuner.oracle.trials) == 3
    mended = Quick(evolution(), lambda hp: worth(hp.values), tmp_path, SIXTEEN.declare)
    mended.search(verbose=0)
    assert [trial.status for trial in mended.oracle.trials.values()] == ["FAILED"] * 3 + ["COMPLETED"] * 13


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, UNKNOWN),
        ("score was nan", "score was nan"),
        ('Traceback (most recent call last):\n  File "a.py", line 1\n    f()\nKeyError: 3\n', "KeyError: 3"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: one\n\nDuring handling:\n\n'
            'Traceback (most recent call last):\n  File "b.py", line 2\n    g()\n    ^^^\nOSError: two\n\nArguments:\n  x',
            "OSError: two",
        ),
    ],
)
def test_the_reason_is_the_first_line_of_the_last_error(message: str | None, expected: str) -> None:
    assert reason(message) == expected


# Workers


def test_threads_share_an_oracle(tmp_path: Path) -> None:
    oracle = evolution(max_trials=30)
    hp = declared(CONDITIONAL)
    oracle.update_space(hp)
    tuners = []
    for number in range(3):
        tuner = Quick(oracle, lambda hp: worth(hp.values), tmp_path)
        tuner.tuner_id = f"tuner{number}"
        tuners.append(tuner)
    threads = [threading.Thread(target=tuner.search, name="worker", daemon=True) for tuner in tuners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert sorted(oracle.end_order) == oracle.start_order and len(oracle.end_order) == CONDITIONAL.size
    assert not oracle.ongoing_trials and not oracle.tuner_ids
    values = [tuple(sorted(trial.hyperparameters.values.items())) for trial in oracle.trials.values()]
    assert len(set(values)) == CONDITIONAL.size


def test_numbers_that_were_rounded_between_processes_do_not_count(tmp_path: Path) -> None:
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    oracle = evolution(tmp_path, hp)
    for _ in range(3):
        trial = oracle.create_trial("tuner0")
        exact = trial.hyperparameters.values["rate"]
        other = keras_tuner.engine.trial.Trial(trial.hyperparameters.copy(), trial.trial_id)
        other.hyperparameters.values["rate"] = float(np.float32(exact))
        end(oracle, other, 0.5)
        assert oracle.trials[trial.trial_id].hyperparameters.values == {"rate": exact}


# Files


def copied(folder: Path) -> bytes:
    return (folder / "project" / "oracle.json").read_bytes()


@pytest.mark.parametrize("cut", range(1, 13))
@pytest.mark.parametrize("late", ["create", "end"])
def test_a_kill_between_two_files_changes_nothing(cut: int, late: str, tmp_path: Path) -> None:
    """The file of a trial is written before that of the oracle; the space grows in the fifth trial."""

    def step(oracle: Any) -> dict[str, Any] | None:
        trial = oracle.create_trial("tuner0")
        if trial.status != "RUNNING":
            return None
        if len(oracle.trials) > 5:
            trial.hyperparameters.Choice("late", [1, 2], default=2)
        values = dict(trial.hyperparameters.values)
        end(oracle, trial, None if worth(values) < 0.2 else worth(values))
        return values

    hp = declared(CONDITIONAL)
    kept = {"max_trials": 12, "max_retries_per_trial": 1, "max_consecutive_failed_trials": 9}
    whole = evolution(tmp_path / "whole", hp.copy(), **kept)
    while step(whole) is not None:
        pass
    folder = tmp_path / "cut"
    oracle = evolution(folder, hp.copy(), **kept)
    for _ in range(cut):
        step(oracle)
    if late == "create":
        before = copied(folder)
        oracle.create_trial("tuner0")
    else:
        trial = oracle.create_trial("tuner0")
        before = copied(folder)
        if trial.status == "RUNNING":
            if len(oracle.trials) > 5:
                trial.hyperparameters.Choice("late", [1, 2], default=2)
            values = dict(trial.hyperparameters.values)
            end(oracle, trial, None if worth(values) < 0.2 else worth(values))
    (folder / "project" / "oracle.json").write_bytes(before)
    again = evolution(folder, **kept)
    again.reload()
    while step(again) is not None:
        pass
    assert told(again) == told(whole)


def told(oracle: Any) -> list[Any]:
    trials = [
        (name, trial.hyperparameters.values, trial.status, trial.score, oracle._run_times[name])
        for name, trial in oracle.trials.items()
    ]
    return [trials, oracle.start_order, oracle.end_order, oracle.strategy.get_state(), oracle._growths]


def test_a_project_is_loaded_though_the_file_of_its_tuner_is_torn_or_missing(tmp_path: Path) -> None:
    for number, text in enumerate((None, "", '{"a')):
        folder = tmp_path / str(number)
        tuner = Quick(evolution(max_trials=4), lambda hp: worth(hp.values), folder, SIXTEEN.declare)
        tuner.search(verbose=0)
        file = folder / "project" / "tuner0.json"
        file.unlink()
        if text is not None:
            file.write_text(text)
        again = Quick(evolution(max_trials=9), lambda hp: worth(hp.values), folder, SIXTEEN.declare)
        assert len(again.oracle.trials) == 4
        again.search(verbose=0)
        assert len(again.oracle.trials) == 9 and json.loads(file.read_text()) == {}


def test_the_project_of_another_strategy_is_refused(tmp_path: Path) -> None:
    run(evolution(tmp_path, declared(SIXTEEN)), 3)
    file = tmp_path / "project" / "oracle.json"
    before = file.read_bytes()
    other = oracles.RandomSearch(SCORE, 20, seed=0)
    with pytest.raises(ValueError, match=r"oracle\.json to be a whole file of a RandomSearch search, got .*Evolution"):
        Quick(other, worth, tmp_path)
    assert file.read_bytes() == before
    smaller = evolution(population_size=4)
    Quick(smaller, worth, tmp_path)  # settings may change, the space may not
    with pytest.raises(ValueError, match="on another space"):
        Quick(evolution(space=JoinedSpace({"bit_0": CONDITIONAL})), worth, tmp_path)


def test_a_torn_trial_is_refused_by_name(tmp_path: Path) -> None:
    run(evolution(tmp_path, declared(SIXTEEN)), 3)
    file = tmp_path / "project" / "trial_01" / "trial.json"
    file.write_text(file.read_text()[:50])
    with pytest.raises(ValueError, match=r"Expected .*trial_01.*trial\.json to be a whole file"):
        evolution(tmp_path).reload()


def test_a_larger_number_of_trials_goes_on_in_their_order(tmp_path: Path) -> None:
    run(evolution(tmp_path, declared(SIXTEEN), max_trials=9), 9)
    more = evolution(tmp_path, max_trials=100)
    more.reload()
    assert len(run(more, 100)) == 7
    shutil.copytree(tmp_path, tmp_path / "copy")
    again = evolution(tmp_path / "copy", max_trials=100)
    again.reload()
    assert list(again.trials) == again.start_order == again.end_order
