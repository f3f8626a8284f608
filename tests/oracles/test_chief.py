"""A chief, its workers, and what happens when one of them is gone."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.src.distribute import oracle_chief, oracle_client

from autonas_keras import oracles
from autonas_keras.oracles.chief import LOSSES, Chief
from autonas_keras.oracles.distributed import role, write_end
from autonas_keras.oracles.leases import Leases, lease_seconds
from autonas_keras.oracles.server import serving
from autonas_keras.oracles.worker import Client

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def worker_one(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """KerasTuner's variables, as those of the worker "one"; call it to be another process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def be(tuner: str) -> None:
        monkeypatch.setenv("KERASTUNER_TUNER_ID", tuner)

    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    monkeypatch.setenv("AUTONAS_KERAS_LEASE", "20")
    be("one")
    return be


def space() -> Any:
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 9)
    hp.Choice("scale", [0.1, 0.7])
    with hp.conditional_scope("scale", [0.7]):
        hp.Float("rate", 0.0, 1.0, step=0.1)
    return hp


def made(folder: Path, **kwargs: Any) -> Any:
    objective = keras_tuner.Objective("score", "max")
    oracle = oracles.RandomSearch(objective=objective, seed=0, hyperparameters=space(), **{"max_trials": 3, **kwargs})
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "search")
    return oracle


@contextmanager
def served(folder: Path, **kwargs: Any) -> Iterator[Chief]:
    with serving(made(folder, **kwargs)) as chief:
        chief.open()
        yield chief
        chief._known.clear()  # nobody is left who is to be told


def run(oracle: Any, trial: Any, score: float) -> None:
    oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


# Leases


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_lease_ends_unless_its_worker_is_heard() -> None:
    clock = Clock()
    leases = Leases(10, clock)
    leases.grant("0", "one", "a"), leases.grant("1", "two", "b")
    clock.now = 6
    assert leases.renew("0", "one", "a") and leases.expired() == {}
    clock.now = 10
    assert leases.expired() == {"1": "two"}
    leases.extend(5)
    assert leases.expired() == {}


def test_only_its_worker_renews_a_lease() -> None:
    leases = Leases(10)
    leases.grant("0", "one", "a")
    assert not leases.renew("0", "two", "b") and not leases.renew("0", "one", "b") and not leases.renew("1", "one", "a")
    assert leases.renew("0", None, None)  # KerasTuner's own client does not say who it is
    leases.grant("1", "two")  # a chief that was started again knows no processes yet
    assert leases.renew("1", "two", "b") and not leases.renew("1", "two", "c")


def test_a_trial_that_was_taken_away_is_given_back_until_another_has_it() -> None:
    leases = Leases(10)
    for _ in range(2):
        leases.grant("0", "one", "a")
        leases.withdraw("0")
    assert not leases.restore("0", "two", "b") and leases.losses["0"] == 2
    assert leases.restore("0", "one", "a") and leases.renew("0", "one", "a") and leases.losses["0"] == 1
    leases.withdraw("0")
    leases.grant("0", "two", "b")
    assert not leases.restore("0", "one", "a")


def test_a_worker_that_is_replaced_under_its_id_counts_as_lost() -> None:
    leases = Leases(10)
    for process in "aabc":
        leases.grant("0", "one", process)
    assert leases.losses["0"] == 2


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_lease_that_is_no_time_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTONAS_KERAS_LEASE", text)
    with pytest.raises(ValueError, match=f"positive number of seconds, got '{text}'"):
        lease_seconds()


def test_the_role_is_what_kerastuners_variables_say(
    worker_one: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert role() == "worker"
    worker_one("chief")
    assert role() == "chief"
    monkeypatch.delenv("KERASTUNER_ORACLE_IP")
    assert role() == "alone"


# Between the processes


def test_a_worker_sees_the_chiefs_exact_numbers_in_the_chiefs_order(tmp_path: Path) -> None:
    with served(tmp_path) as chief:
        client = Client(made(tmp_path / "other"))
        assert client.get_space().get_config() == chief.oracle.get_space().get_config()
        trial = client.create_trial("one")
        assert trial.get_state() == chief.oracle.ongoing_trials["one"].get_state()
        trial.hyperparameters.Float("late", 0.1, 0.9, default=0.3)
        client.update_space(trial.hyperparameters)
        assert chief.oracle.hyperparameters.space[-1].default == 0.3
        run(client, trial, 1 / 3)
        assert client.get_trial(trial.trial_id).score == chief.oracle.trials[trial.trial_id].score == 1 / 3
        trial = client.create_trial("one")
        trial.status, trial.message = "FAILED", "ValueError: no such network"
        client.end_trial(trial)
        assert chief.oracle.failures() == {"ValueError: no such network": [trial.trial_id]}
        assert [found.score for found in client.get_best_trials(1)] == [1 / 3]


def test_what_is_long_arrives_too(tmp_path: Path) -> None:
    with served(tmp_path) as chief:
        client = Client(made(tmp_path / "other"))
        trial = client.create_trial("one")
        trial.status, trial.message = "FAILED", np.random.default_rng(0).bytes(200_000).hex()
        client.end_trial(trial)
        assert chief.oracle.trials[trial.trial_id].message == trial.message
        assert client.get_trial(trial.trial_id).message == trial.message


def test_what_a_worker_says_twice_counts_once(tmp_path: Path) -> None:
    with served(tmp_path) as chief:
        client = Client(made(tmp_path / "other"))
        first, again = client.create_trial("one"), client.create_trial("one")
        assert first.get_state() == again.get_state() and len(chief.oracle.trials) == 1
        for _ in range(2):
            client.update_trial(first.trial_id, {"score": 0.5})
        first.status = "COMPLETED"
        client.end_trial(first), client.end_trial(first)
        assert chief.oracle.end_order == [first.trial_id]
        assert chief.oracle.trials[first.trial_id].metrics.get_history("score")[0].value == [0.5]


def test_the_trial_of_a_silent_worker_goes_to_another_who_alone_can_end_it(
    tmp_path: Path, worker_one: Callable[..., None]
) -> None:
    with served(tmp_path) as chief:
        one = Client(made(tmp_path / "other"))
        trial = one.create_trial("one")
        one.rest()
        one.update_trial(trial.trial_id, {"score": 0.1})
        chief.leases.extend(-100)
        chief._reap()
        assert chief.oracle.ongoing_trials == {} and chief.oracle._retry_queue == [trial.trial_id]
        worker_one("two")
        two = Client(made(tmp_path / "other"))
        again = two.create_trial("two")
        assert again.trial_id == trial.trial_id and not again.metrics.metrics
        run(one, trial, 0.1)
        assert chief.oracle.end_order == []
        run(two, again, 0.2)
        assert chief.oracle.trials[trial.trial_id].score == 0.2 and chief.oracle.end_order == [trial.trial_id]


def test_a_worker_that_was_only_slow_keeps_its_trial(tmp_path: Path) -> None:
    with served(tmp_path) as chief:
        client = Client(made(tmp_path / "other"))
        trial = client.create_trial("one")
        client.rest()
        chief.leases.extend(-100)
        chief._reap()
        run(client, trial, 0.3)
        assert chief.oracle.end_order == [trial.trial_id] and chief.oracle._retry_queue == []


def test_a_trial_that_takes_its_workers_with_it_fails(tmp_path: Path) -> None:
    with served(tmp_path) as chief:
        ids = [Client(made(tmp_path / "other")).create_trial("one").trial_id for _ in range(LOSSES + 1)]
        assert ids == ["0"] * LOSSES + ["1"]
        assert chief.oracle.failures() == {f"{LOSSES} workers were lost in it": ["0"]}


def test_the_search_is_not_over_while_a_trial_may_have_to_run_again(
    tmp_path: Path, worker_one: Callable[..., None]
) -> None:
    with served(tmp_path, max_trials=1) as chief:
        one, two = Client(made(tmp_path / "other")), Client(made(tmp_path / "other"))
        trial = one.create_trial("one")
        assert two.create_trial("two").status == "IDLE"
        run(one, trial, 0.5)
        assert two.create_trial("two").status == one.create_trial("one").status == "STOPPED"
        chief.wait()


def test_after_the_end_a_worker_answers_from_the_files(tmp_path: Path) -> None:
    with served(tmp_path, max_trials=1):
        client = Client(made(tmp_path, max_trials=1))
        run(client, client.create_trial("one"), 1 / 3)
        assert client.create_trial("one").status == "STOPPED"
    assert client.get_best_trials(1)[0].score == 1 / 3 and client.get_trial("0").score == 1 / 3
    assert list(client.trials) == ["0"] and client.get_space().get_config() == space().get_config()
    assert client.create_trial("one").status == "STOPPED"  # the chief has gone, and the files say why
    elsewhere = Client(made(tmp_path / "elsewhere"))
    with pytest.raises(ValueError, match="give all processes the same directory"):
        elsewhere.detach()


def test_a_search_that_is_over_needs_no_worker_to_say_so(tmp_path: Path) -> None:
    oracle = made(tmp_path, max_trials=2)
    oracle.save()
    write_end(str(tmp_path / "search"), oracle, final=True)
    with serving(oracle) as chief:
        chief.open()
        chief.wait()
    with serving(made(tmp_path, max_trials=4)) as chief:
        chief.open()
        assert chief.create_trial("one").status == "RUNNING"
        chief._known.clear()


def test_a_chief_that_is_started_again_leaves_trials_with_their_workers(
    tmp_path: Path, worker_one: Callable[..., None]
) -> None:
    client = Client(made(tmp_path / "other"))
    worker_one("chief")
    with served(tmp_path):
        trial = client.create_trial("one")
        client.update_trial(trial.trial_id, {"score": 0.5})
    again = made(tmp_path)
    again.reload()
    assert list(again.ongoing_trials) == ["one"] and again._retry_queue == []
    with serving(again) as chief:
        trial.status = "COMPLETED"
        client.end_trial(trial)
        assert again.trials[trial.trial_id].score == 0.5 and not again.ongoing_trials
        chief._known.clear()


def test_what_the_oracle_raises_ends_the_search_and_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path) as chief:
        client, other = Client(made(tmp_path / "other")), Client(made(tmp_path / "other"))
        trial = client.create_trial("one")
        monkeypatch.setattr(chief.oracle, "populate_space", lambda trial_id: 1 / 0)
        assert other.create_trial("two").status == "IDLE"
        run(client, trial, 0.5)
        assert other.create_trial("two").status == client.create_trial("one").status == "STOPPED"
        chief.wait()
    assert "The oracle raised ZeroDivisionError: division by zero" in capsys.readouterr().out


def test_an_oracle_that_raises_before_any_trial_is_told_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made(tmp_path / "other"))
    with pytest.raises(RuntimeError, match="got one that raised ZeroDivisionError"), served(tmp_path) as chief:
        monkeypatch.setattr(chief.oracle, "populate_space", lambda trial_id: 1 / 0)
        assert client.create_trial("one").status == "STOPPED"
        chief._known.clear()
        chief.wait()
    with serving(made(tmp_path)) as chief:
        chief.fail(ValueError("no network"))
        with pytest.raises(RuntimeError, match="The chief ended with ValueError: no network"):
            client.create_trial("one")


def test_a_second_chief_at_the_same_address_is_refused(tmp_path: Path) -> None:
    with (
        served(tmp_path),
        pytest.raises(OSError, match="Expected an address of this machine with a free port, got 127"),
    ):
        with serving(made(tmp_path / "other")):
            pass


def test_a_worker_without_a_chief_ends_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTONAS_KERAS_LEASE", "0.2")
    client = Client(made(tmp_path))
    with pytest.raises(keras_tuner.errors.FatalError, match="Expected a chief that answers at 127.*, got none for 1 s"):
        client.create_trial("one")


def test_a_worker_of_kerastuners_own_is_served_too(tmp_path: Path) -> None:
    with served(tmp_path) as chief:
        client = oracle_client.OracleClient(made(tmp_path / "other"))
        assert {entry.name for entry in client.get_space().space} == {"units", "scale", "rate"}
        trial = client.create_trial("one")
        run(client, trial, 0.5)
        assert chief.oracle.end_order == [trial.trial_id] and client.get_best_trials(1)[0].score == 0.5


# What is worked around


def test_kerastuners_messages_still_round_reorder_and_drop(capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial(space(), "0", message="why")
    trial.score = 1 / 3
    again = Trial.from_proto(trial.to_proto())
    assert again.score != trial.score and again.message is None
    assert [entry.name for entry in again.hyperparameters.space] != [entry.name for entry in space().space]
    assert capsys.readouterr().out == "0.7\n"


def test_kerastuners_chief_still_waits_for_workers_that_are_gone(tmp_path: Path) -> None:
    oracle = keras_tuner.oracles.RandomSearchOracle(objective="val_loss", max_trials=1, hyperparameters=space())
    oracle._set_project_dir(str(tmp_path), "search")
    oracle.verbose = 0
    oracle.create_trial("gone")
    assert not oracle_chief.exit_chief(oracle) and not hasattr(oracle, "leases")
    assert oracle_client.TIMEOUT == 3600


# Real processes


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in the scenarios of ``processes.py``."""
    folder = tmp_path_factory.mktemp("stories")
    command = [sys.executable, "-W", "ignore", "-m", "tests.oracles.processes", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=900)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["peace", "loss", "same id", "other id", "chief", "killer", "late", "overwriting", "chaos"]
)
def test_every_trial_ends_once_and_all_processes_know_the_best(name: str, stories: dict[str, Any]) -> None:
    story = stories[name]
    assert set(story["codes"].values()) == {0}, story["logs"]
    assert sorted(story["ended"]) == sorted(story["trials"]) == [f"{i:02d}" for i in range(12)]
    assert story["left"] == [[], []]
    for trial_id, (status, score, message) in story["trials"].items():
        if status == "COMPLETED":
            assert score == story["values"][trial_id]["rate"] / 3  # to the last bit
        else:
            assert "no such network" in message or "workers were lost" in message
    best = max(
        (t for t, told in story["trials"].items() if told[0] == "COMPLETED"), key=lambda t: story["trials"][t][1]
    )
    for told in story["best"].values():
        assert told == {"id": best, "score": story["trials"][best][1], "values": story["values"][best]}
    assert set(story["codes"]) <= set(story["best"])  # one may be killed that has just told it


@pytest.mark.slow
def test_successive_halving_goes_on_through_the_deaths_of_chief_and_workers(stories: dict[str, Any]) -> None:
    story = stories["halving"]
    assert sorted(story["ended"]) == sorted(story["trials"]) and story["left"] == [[], []]
    values, rungs = story["values"], {1: 0, 2: 1, 4: 2}
    counts = [sum(one["tuner/round"] == rung for one in values.values()) for rung in range(3)]
    assert counts[0] == 12 and counts[1] >= 6 and counts[2] >= 3
    before = [one["tuner/trial_id"] for one in values.values() if "tuner/trial_id" in one]
    assert len(set(before)) == len(before) == counts[1] + counts[2]
    for one in values.values():
        assert rungs[one["tuner/epochs"]] == one["tuner/round"]
        if "tuner/trial_id" in one:
            assert {**values[one["tuner/trial_id"]], **one} == one
            assert values[one["tuner/trial_id"]]["tuner/epochs"] == one["tuner/initial_epoch"]


@pytest.mark.slow
def test_the_trial_of_a_killed_worker_runs_again_and_no_other(stories: dict[str, Any]) -> None:
    for name in ("loss", "same id", "other id"):
        story = stories[name]
        runs = [run[0] for run in story["runs"]]
        assert len(runs) == 13 and len(set(runs)) == 12
        assert ("was silent" in story["logs"]["chief"]) == (name != "same id")


@pytest.mark.slow
def test_a_restarted_chief_leaves_the_living_at_their_trials(stories: dict[str, Any]) -> None:
    story = stories["chief"]
    again = [run[0] for run in story["runs"] if run[1] == "slow"]
    runs = [run[0] for run in story["runs"]]
    assert len(again) == 1 and runs.count(again[0]) == 2 and len(runs) == 13


@pytest.mark.slow
def test_a_trial_that_kills_every_worker_fails(stories: dict[str, Any]) -> None:
    assert stories["killer"]["trials"]["01"] == ["FAILED", None, f"{LOSSES} workers were lost in it"]


@pytest.mark.slow
def test_workers_whose_chief_is_gone_end_with_a_sentence(stories: dict[str, Any]) -> None:
    story = stories["gone"]
    for name in ("one", "two"):
        assert story["codes"][name] == 1
        assert story["logs"][name].splitlines()[-1].startswith("keras_tuner.src.errors.FatalRuntimeError: Expected a ")
    assert sorted(story["ended"]) == sorted(set(story["ended"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["raising", "raising at the end"])
def test_an_oracle_that_raises_ends_the_search_and_the_best_is_known(name: str, stories: dict[str, Any]) -> None:
    story = stories[name]
    assert set(story["codes"].values()) == {0}, story["logs"]
    assert sorted(story["ended"]) == sorted(story["trials"]) and story["left"] == [[], []]
    assert len({json.dumps(told) for told in story["best"].values()}) == 1 and len(story["best"]) == 3
    assert "ArithmeticError" in story["logs"]["chief"]


# Time limits


def test_a_chief_waits_for_nobody_when_the_time_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    oracle = made(tmp_path)
    chief = Chief(oracle, 20)
    chief.open()
    run(oracle, chief.create_trial("one"), 0.5)
    under_way, lost = chief.create_trial("one"), chief.create_trial("two")
    oracle.ongoing_trials.pop("two")
    oracle._retry_queue.append(lost.trial_id)
    oracle.overdue = lambda: True
    chief.wait()
    assert [oracle.trials[one.trial_id].status for one in (under_way, lost)] == ["FAILED", "FAILED"]
    assert not oracle.ongoing_trials and not oracle._retry_queue and len(set(oracle.end_order)) == 3
    assert f"Trial {lost.trial_id} did not end in time" in capsys.readouterr().out
    # What comes afterwards changes nothing, and a chief that is started again is done.
    told = Trial.from_state(under_way.get_state())
    told.status = "COMPLETED"
    chief.end_trial(told, "one")
    assert oracle.trials[under_way.trial_id].status == "FAILED"
    assert chief.create_trial("one").status == "STOPPED"
    again = made(tmp_path)
    again.reload()
    assert again.get_best_trials(1)[0].status == "COMPLETED" and len(again.end_order) == 3


def test_a_limit_without_any_worker_ends_with_a_sentence(tmp_path: Path) -> None:
    oracle = made(tmp_path)
    oracle.overdue = lambda: True
    chief = Chief(oracle, 20)
    chief.open()
    with pytest.raises(RuntimeError, match="Expected a worker at 127.0.0.1:.* within the time limit, got none"):
        chief.wait()
