"""Asynchronous successive halving: who is promoted, when, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pandas as pd
import pytest

from autonas_keras import oracles
from autonas_keras.oracles.asha import geometric_rungs
from autonas_keras.strategies import RegularizedEvolution
from autonas_keras.testing.oracles import SIXTEEN, STATUS, declared, end

SCORE = keras_tuner.Objective("score", "max")


def asha(folder: Path, hp: Any = None, objective: Any = SCORE, **kwargs: Any) -> oracles.Asha:
    given = {"max_trials": 9, "max_epochs": 9, "min_epochs": 1, "seed": 0, **kwargs}
    oracle = oracles.Asha(objective, hyperparameters=declared(SIXTEEN) if hp is None else hp, **given)
    oracle.verbose, oracle.pause = 0, 0.0
    oracle._set_project_dir(str(folder), "project")
    return oracle


def job(trial: Any) -> tuple[str | None, int, int]:
    """What a trial goes on from, and its first and last epoch."""
    values = trial.hyperparameters.values
    return values.get("tuner/trial_id"), values["tuner/initial_epoch"], values["tuner/epochs"]


def test_rungs_are_counted_down_from_the_full_training() -> None:
    assert geometric_rungs(27, 3, 1) == geometric_rungs(27, 3) == (1, 3, 9, 27)
    assert geometric_rungs(27, 3, candidates=60) == (1, 3, 9, 27)
    assert geometric_rungs(27, 3, candidates=9) == (3, 9, 27)
    assert geometric_rungs(60, 3, 2) == (3, 7, 20, 60)
    assert geometric_rungs(60, 3, 3) == (7, 20, 60)
    assert geometric_rungs(4, 2, 4) == geometric_rungs(4, 2, candidates=1) == (4,)


@pytest.mark.parametrize("sign", [1, -1])
def test_promotions_worked_by_hand(sign: int, tmp_path: Path) -> None:
    scores = [0.1, 0.5, 0.3, 0.9, 0.2, 0.8, 0.4, 0.7, 0.6]
    oracle = asha(tmp_path, objective=keras_tuner.Objective("score", "max" if sign == 1 else "min"))
    expected = [
        (None, 0, 1), (None, 0, 1), (None, 0, 1),  # .1 .5 .3
        ("0001", 1, 3),  # the best of three
        (None, 0, 1), ("0004", 1, 3),  # .9 is the best of four
        (None, 0, 1), (None, 0, 1), ("0007", 1, 3),  # .2 .8: two of six may go on
        ("0005", 3, 9),  # .9 is the best of the three that had 3 epochs; the highest rung comes first
        (None, 0, 1), (None, 0, 1), (None, 0, 1),  # .4 .7 .6
        ("0011", 1, 3),  # three of nine
    ]  # fmt: skip
    worth: dict[str, float] = {}
    fresh = iter(scores)
    for wanted in expected:
        trial = oracle.create_trial("tuner0")
        assert job(trial) == wanted
        worth[trial.trial_id] = next(fresh) if wanted[0] is None else worth[wanted[0]]
        end(oracle, trial, sign * worth[trial.trial_id])
    assert oracle.create_trial("tuner0").status == STATUS.STOPPED
    assert oracle.epochs_trained == 9 * 1 + 4 * 2 + 1 * 6
    for trial in oracle.trials.values():
        if (before := job(trial)[0]) is not None:
            own = [
                {n: v for n, v in t.hyperparameters.values.items() if "/" not in n}
                for t in (trial, oracle.trials[before])
            ]
            assert own[0] == own[1]


def test_no_worker_waits_for_a_rung_to_fill(tmp_path: Path) -> None:
    oracle = asha(tmp_path, max_trials=12, factor=2, max_epochs=4)
    trials = {worker: oracle.create_trial(worker) for worker in ("a", "b", "c")}
    end(oracle, trials["a"], 0.3)
    end(oracle, trials["b"], 0.6)
    # Two of three have ended, so that the better one goes on, and the other worker gets a new architecture.
    assert job(oracle.create_trial("a")) == ("0001", 1, 2)
    assert job(oracle.create_trial("b")) == (None, 0, 1)
    end(oracle, trials["c"], 0.1)
    assert job(oracle.create_trial("c")) == (None, 0, 1)  # one of three may go on, and one did
    end(oracle, oracle.trials["0004"], 0.9)
    assert job(oracle.create_trial("b")) == ("0004", 1, 2)  # the best two of four are .9 and .6


def test_delayed_promotions_worked_by_hand(tmp_path: Path) -> None:
    oracle = asha(tmp_path, delayed=True)
    expected = [
        (None, 0, 1), (None, 0, 1), (None, 0, 1),  # .1 .5 .3
        ("0001", 1, 3),  # the best of three
        (None, 0, 1), (None, 0, 1), (None, 0, 1),  # .9 .2 .8: the best of four would go on, and waits for six
        ("0004", 1, 3),
        (None, 0, 1), (None, 0, 1), (None, 0, 1),  # .4 .7 .6
        ("0006", 1, 3),  # .8 is among the best three of nine
        ("0007", 3, 9),  # .9, the best of three
    ]  # fmt: skip
    worth: dict[str, float] = {}
    fresh = iter([0.1, 0.5, 0.3, 0.9, 0.2, 0.8, 0.4, 0.7, 0.6])
    for wanted in expected:
        trial = oracle.create_trial("tuner0")
        assert job(trial) == wanted
        worth[trial.trial_id] = next(fresh) if wanted[0] is None else worth[wanted[0]]
        end(oracle, trial, worth[trial.trial_id])
    assert oracle.create_trial("tuner0").status == STATUS.STOPPED
    assert oracle.epochs_trained == 9 * 1 + 3 * 2 + 1 * 6


def test_delayed_promotions_after_a_failure_and_a_reload(tmp_path: Path) -> None:
    oracle = asha(tmp_path, delayed=True, factor=2, max_epochs=2, max_consecutive_failed_trials=9)
    for value in (0.1, None):
        end(oracle, oracle.create_trial("tuner0"), value)
    promoted = oracle.create_trial("tuner0")
    assert job(promoted) == ("0000", 1, 2)  # one of two, of which one failed
    oracle.save()
    again = asha(tmp_path, keras_tuner.HyperParameters(), delayed=True, factor=2, max_epochs=2)
    again.reload()
    assert job(again.create_trial("other")) == ("0000", 1, 2)  # under way when the process died
    end(again, again.trials[promoted.trial_id], None)
    for value in (0.9, 0.8):
        trial = again.create_trial("tuner0")
        assert job(trial) == (None, 0, 1)
        end(again, trial, value)
    assert job(again.create_trial("tuner0")) == (trial.trial_id[:-1] + "3", 1, 2)


@pytest.mark.parametrize("seed", range(5))
def test_delayed_promotions_are_never_more_than_their_share(seed: int, tmp_path: Path) -> None:
    rng, trained = np.random.default_rng(seed), {}
    for delayed in (False, True):
        oracle = asha(tmp_path / str(delayed), max_trials=16, max_epochs=8, factor=2, delayed=delayed)
        running: dict[str, Any] = {}
        while True:
            worker = f"worker{rng.integers(3)}"
            if worker in running:
                end(oracle, running.pop(worker), float(rng.random()))
                continue
            trial = oracle.create_trial(worker)
            if trial.status == STATUS.RUNNING:
                running[worker] = trial
            elif not running:
                break
            if delayed:
                on = [int(t.hyperparameters.values["tuner/round"]) for t in oracle.trials.values()]
                assert all(2 * on.count(rung + 1) <= on.count(rung) for rung in range(3))
        trained[delayed] = oracle.epochs_trained
    assert trained[True] == 16 + 8 + 4 * 2 + 2 * 4 <= trained[False]


@pytest.mark.parametrize("last", [0.1, float("nan")])
def test_the_last_epoch_of_a_rung_decides_and_not_a_lucky_one_before(last: float, tmp_path: Path) -> None:
    oracle = asha(tmp_path, max_epochs=9, min_epochs=3, factor=2)
    for curve in ([0.9, 0.2, last], [0.4, 0.5, 0.6]):
        trial = oracle.create_trial("tuner0")
        for epoch, value in enumerate(curve[:-1]):
            oracle.update_trial(trial.trial_id, {"score": value}, step=epoch)
        oracle.update_trial(trial.trial_id, {"score": curve[-1]}, step=2)
        ended = oracle.get_trial(trial.trial_id)
        ended.status = STATUS.COMPLETED
        oracle.end_trial(ended)
    assert oracle.get_trial("0000").score == 0.9
    assert job(oracle.create_trial("tuner0"))[0] == "0001"


def test_what_failed_counts_as_worst_and_never_goes_on(tmp_path: Path) -> None:
    oracle = asha(tmp_path, factor=2, max_epochs=2, max_consecutive_failed_trials=9)
    for value in (None, None, None):
        end(oracle, oracle.create_trial("tuner0"), value)
    trial = oracle.create_trial("tuner0")
    end(oracle, trial, 0.1)
    promoted = oracle.create_trial("tuner0")
    assert job(promoted) == (trial.trial_id, 1, 2)
    end(oracle, promoted, None)
    assert job(oracle.create_trial("tuner0")) == (None, 0, 1)


def test_max_trials_are_architectures(tmp_path: Path) -> None:
    oracle = asha(tmp_path, max_trials=16, max_epochs=8, factor=2)
    while (trial := oracle.create_trial("tuner0")).status == STATUS.RUNNING:
        end(oracle, trial)
    first = [trial for trial in oracle.trials.values() if job(trial)[0] is None]
    assert len(first) == 16 == len({tuple(t.hyperparameters.values[n] for n in SIXTEEN.named) for t in first})
    assert len(oracle.trials) > 16 and oracle.max_trials == 16


def test_the_strategy_learns_from_the_lowest_rung(tmp_path: Path) -> None:
    oracle = asha(tmp_path, strategy="evolution", population_size=4, sample_size=2, factor=2)
    while (trial := oracle.create_trial("tuner0")).status == STATUS.RUNNING:
        end(oracle, trial, 0.5 if job(trial)[1] else 0.25)
    assert isinstance(oracle.strategy, RegularizedEvolution)
    assert [reward for _, reward in oracle.strategy.history] == [0.25] * 9


def test_rungs_stay_when_a_search_goes_on_with_more_trials(tmp_path: Path) -> None:
    oracle = asha(tmp_path, min_epochs=None, max_trials=3)
    end(oracle, oracle.create_trial("tuner0"))
    again = asha(tmp_path, keras_tuner.HyperParameters(), min_epochs=None, max_trials=9)
    assert again.rungs == (1, 3, 9)
    again.reload()
    assert again.rungs == (3, 9)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"rungs": (2, 9)}, r"its rungs are \[1, 3, 9\], not \[2, 9\]"),
        ({"rungs": (1, 3, 9), "factor": 2}, "its factor is 3, not 2"),
        ({"max_epochs": 27}, "its max_epochs is 9, not 27"),
        ({"min_epochs": 3}, "its min_epochs is 1, not 3"),
    ],
)
def test_a_search_does_not_go_on_with_other_rungs(other: dict[str, Any], words: str, tmp_path: Path) -> None:
    oracle = asha(tmp_path)
    end(oracle, oracle.create_trial("tuner0"))
    same = asha(tmp_path, keras_tuner.HyperParameters(), max_trials=20)
    same.reload()
    same.save()  # with what it was given, not with what it goes on with
    again = asha(tmp_path, keras_tuner.HyperParameters(), **other)
    with pytest.raises(ValueError, match=words):
        again.reload()
    asha(tmp_path, keras_tuner.HyperParameters(), rungs=(1, 3, 9)).reload()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strategy": "evolutoin"}, "did you mean 'evolution'"),
        ({"factor": 1}, "factor to be an integer of 2 or more, got 1"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"min_epochs": 10}, "min_epochs of at most max_epochs = 9, got 10"),
        ({"rungs": (3, 3)}, "each of more than the one before"),
        ({"delayed": "no"}, "delayed to be True or False, got 'no'"),
        ({"delay": True}, "did you mean 'delayed'"),
        ({"strategy": dict}, "name or a class of strategies"),
        ({"strategy": None}, "name or a class of strategies"),
        ({"rungs": 3}, "rungs of positive epochs"),
        ({"seed": -1}, "seed"),
        ({"rungs": ()}, "rungs of positive epochs"),
    ],
)
def test_wrong_arguments_are_refused(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        asha(tmp_path, **settings)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_best_of_a_space_too_small_to_fill_the_rungs_is_trained_in_full(workers: int, tmp_path: Path) -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("width", [1, 2, 3])
    oracle = asha(tmp_path, hp, max_trials=20, max_epochs=27, min_epochs=None, rungs=(3, 9, 27))
    running: dict[str, Any] = {}
    for turn in range(40):
        worker = f"worker{turn % workers}"
        if worker in running:
            trial = running.pop(worker)
            end(oracle, trial, float(trial.hyperparameters.values["width"]))
        trial = oracle.create_trial(worker)
        if trial.status == STATUS.RUNNING:
            running[worker] = trial
    jobs = [(trial.hyperparameters.values["width"], *job(trial)[1:]) for trial in oracle.trials.values()]
    assert sorted(jobs) == [(1, 0, 3), (2, 0, 3), (3, 0, 3), (3, 3, 9), (3, 9, 27)]


def test_numbers_of_numpy_are_kept_as_others_are(tmp_path: Path) -> None:
    count = np.int64
    oracle = asha(
        tmp_path, max_epochs=count(9), min_epochs=count(1), factor=count(3), max_trials=count(9), seed=count(3)
    )
    end(oracle, oracle.create_trial("tuner0"))
    oracle.save()
    again = asha(tmp_path, keras_tuner.HyperParameters(), seed=3)
    again.reload()
    assert again.rungs == (1, 3, 9) and oracle.seed == again.seed == 3


def test_a_budget_on_a_published_table(data_dir: Path, tmp_path: Path) -> None:
    """60 cells of NAS-Bench-201: what is known after 12 epochs, and after 200."""
    edges = [f"edge_{node}_{state}" for node in (1, 2, 3) for state in range(node)]
    columns = [*edges, "cifar10_val_acc_12ep", "cifar10_test_acc_200ep"]
    table = pd.read_csv(data_dir / "nas_bench_201.csv.gz", usecols=columns).set_index(edges)
    hp = keras_tuner.HyperParameters()
    for edge in edges:
        hp.Choice(edge, [0, 1, 2, 3, 4])
    oracle = asha(tmp_path, hp, max_trials=60, rungs=(12, 200), factor=6)
    while (trial := oracle.create_trial("tuner0")).status == STATUS.RUNNING:
        values = trial.hyperparameters.values
        row = table.loc[tuple(values[edge] for edge in edges)]
        end(oracle, trial, float(row["cifar10_test_acc_200ep" if values["tuner/round"] else "cifar10_val_acc_12ep"]))
    tried = {tuple(t.hyperparameters.values[edge] for edge in edges) for t in oracle.trials.values()}
    promoted = [trial for trial in oracle.trials.values() if job(trial)[0] is not None]
    assert len(tried) == 60
    assert oracle.epochs_trained == 60 * 12 + len(promoted) * 188 < 0.35 * 60 * 200
    best = float(np.max([trial.score for trial in promoted]))
    assert best >= table.loc[list(tried)]["cifar10_test_acc_200ep"].max() - 0.5
