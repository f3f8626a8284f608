from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from autonas_keras import __main__ as command, demo


@pytest.fixture(scope="module")
def digits() -> demo.Digits:
    return demo.Digits.load(0)


def test_the_split_is_four_to_one_with_equal_shares_and_follows_the_seed(digits: demo.Digits) -> None:
    assert digits.x_train.shape == (1437, 8, 8, 1)
    assert digits.x_test.shape == (360, 8, 8, 1)
    assert digits.x_train.min() == 0.0
    assert digits.x_train.max() == 1.0
    assert np.bincount(digits.y_test).min() >= 34
    assert np.array_equal(demo.Digits.load(0).y_test, digits.y_test)
    assert not np.array_equal(demo.Digits.load(1).y_test, digits.y_test)


def test_baselines_learn_and_repeat_with_the_seed(digits: demo.Digits) -> None:
    linear, params = demo.logistic_regression(digits, 0)
    assert np.mean(linear == digits.y_test) > 0.94
    assert params == 650
    first, _ = demo.hand_made_cnn(digits, 0, epochs=2)
    second, _ = demo.hand_made_cnn(digits, 0, epochs=2)
    assert np.mean(first == digits.y_test) > 0.8
    assert np.array_equal(first, second)


def test_means_are_printed_over_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    results = [demo.Result("a", 0.98, 100, 1.0), demo.Result("b", 0.5, 7, 2.0), demo.Result("a", 1.0, 300, 3.0)]
    demo.Console(width=100).print(demo.table(results, "mean of 2 seeds"))
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "0." in line]
    assert [row[1:-1:2] for row in rows] == [["a", "0.9900", "200", "2.0"], ["b", "0.5000", "7", "2.0"]]


@pytest.mark.parametrize("arguments", [["demo", "--seeds", "0"], ["demo", "--seed", "x"], ["dem"], []])
def test_wrong_commands_end_before_any_work(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2


@pytest.mark.slow(seconds=30)
def test_the_demo_leaves_what_it_promises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["demo", "--quick", "--directory", str(tmp_path)])
    accuracy = {
        line.split("│")[1].strip(): float(line.split("│")[2])
        for line in capsys.readouterr().out.splitlines()
        if "│" in line
    }
    assert set(accuracy) == {"logistic regression", "hand-made CNN", "found by darts"}
    assert accuracy["found by darts"] > accuracy["logistic regression"]
    folder = tmp_path / "seed_0"
    assert {path.name for path in folder.iterdir()} >= {"found.keras", "cell.svg", "cell.png", "leaderboard.csv"}
    model, digits = keras.saving.load_model(folder / "found.keras"), demo.Digits.load(0)
    assert np.mean(model.predict(digits.x_test, verbose=0).argmax(-1) == digits.y_test) == pytest.approx(
        accuracy["found by darts"], abs=1e-3
    )
