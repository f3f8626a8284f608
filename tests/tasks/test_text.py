"""From texts to a found network, end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import autonas_keras as ank
from autonas_keras.spaces import RecurrentSpace, TextSpace
from autonas_keras.tasks import TextClassifier, TextRegressor, convert

SPACE = TextSpace(
    operations=("conv_3", "max_pool_3", "none"), nodes=1, channels=8, width=8, embeddings=(8,), dropouts=(0.2,)
)
GOOD = ["a good film", "wonderful and moving", "I loved it!", "great fun 😀", "good, good"]
BAD = ["a bad film", "boring and slow", "I hated it!", "no fun at all", "bad, bad"]
X, Y = (GOOD + BAD) * 8, (["yes"] * 5 + ["no"] * 5) * 8


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextClassifier, Path]:
    folder = tmp_path_factory.mktemp("found")
    clf = TextClassifier(tuner="random", max_trials=2, space=SPACE, seed=1, directory=folder)
    clf.fit(X, Y, epochs=12, batch_size=8, verbose=0)
    return clf, folder


def test_a_network_is_found_that_predicts_labels_in_the_dtype_given(found: tuple[TextClassifier, Path]) -> None:
    clf, _ = found
    predicted = clf.predict(X, verbose=0)
    assert predicted.dtype == np.array(Y).dtype and (predicted == np.array(Y)).mean() > 0.9
    _, accuracy = clf.evaluate(pd.Series(X), Y, verbose=0)
    assert accuracy == pytest.approx((predicted == np.array(Y)).mean())
    assert clf.best_architecture in SPACE and len(clf.leaderboard()) == 2


def test_texts_unlike_those_of_the_training_are_predicted(found: tuple[TextClassifier, Path]) -> None:
    clf, _ = found
    odd = ["", "qwertz uiop", "👍👍", "good " * 200_000, "!?", "a"]
    assert set(clf.predict(odd, verbose=0)) <= {"yes", "no"}
    assert clf.predict(tf.data.Dataset.from_tensor_slices(odd).batch(4), verbose=0).shape == (6,)
    with pytest.raises(ValueError, match="Expected a text for every sample in x, got 1 missing"):
        clf.predict(["good", None])


def test_another_process_goes_on_from_the_folder(found: tuple[TextClassifier, Path]) -> None:
    clf, folder = found
    again = TextClassifier(tuner="random", max_trials=2, space=SPACE, seed=1, directory=folder)
    np.testing.assert_array_equal(again.predict(X, verbose=0), clf.predict(X, verbose=0))


def test_the_exported_model_takes_raw_texts_and_needs_nothing_but_keras(
    found: tuple[TextClassifier, Path], tmp_path: Path
) -> None:
    clf, _ = found
    model = clf.export_model()
    model.save(tmp_path / "found.keras")
    expected = model.predict(np.array(X, object), verbose=0)
    labels = np.array(["no", "yes"])[(expected[:, 0] > 0.5).astype(int)]
    np.testing.assert_array_equal(labels, clf.predict(X, verbose=0))
    np.save(tmp_path / "y.npy", expected)
    np.save(tmp_path / "x.npy", np.array(X))
    program = (
        "import sys; sys.modules.update({n: None for n in ('autonas_keras', 'autokeras', 'keras_tuner')});"
        "import keras, numpy as np; x = np.load(sys.argv[1] + '/x.npy').astype(object);"
        "y = keras.saving.load_model(sys.argv[1] + '/found.keras').predict(x, verbose=0);"
        "assert np.abs(y - np.load(sys.argv[1] + '/y.npy')).max() < 1e-6"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=tmp_path)


def test_the_vocabulary_is_of_the_training_texts_alone(tmp_path: Path) -> None:
    clf = TextClassifier(tuner="random", max_trials=1, space=SPACE, seed=0, directory=tmp_path)
    convert.training_data(clf, ["a b", "c d"], ["x", "y"], 0.0, (["only here", "a"], ["x", "y"]))
    assert set(clf.encoders[0].words) == {"a", "b", "c", "d"}  # type: ignore[union-attr]


def test_a_regressor_and_a_block_in_a_graph_read_texts(tmp_path: Path) -> None:
    numbers = np.array([len(text) for text in X], float)
    regressor = TextRegressor(tuner="random", max_trials=1, space=SPACE, seed=0, directory=tmp_path)
    regressor.fit(X, numbers, epochs=1, verbose=0)
    assert regressor.predict(X[:3], verbose=0).dtype == np.float64
    text, image = ank.TextInput(), ank.ImageInput()
    joined = ank.Merge()([ank.SentenceBlock(SPACE)(text), ank.Flatten()(image)])
    model = ank.AutoModel(
        [text, image], ank.ClassificationHead()(joined), tuner="random", max_trials=1, seed=0, directory=tmp_path
    )
    images = np.zeros((len(X), 4, 4), "uint8")
    model.fit([X, images], Y, epochs=1, verbose=0)
    assert model.predict([X, images], verbose=0).shape == (len(X),)


@pytest.mark.parametrize(
    ("tuner", "settings"),
    [
        ("darts", {}),
        ("spos", {"evaluations": 4, "population_size": 2}),
    ],
)
@pytest.mark.slow(seconds=10)
def test_shared_weights_search_texts(tuner: str, settings: dict[str, Any], tmp_path: Path) -> None:
    clf = TextClassifier(tuner=tuner, space=SPACE, seed=0, directory=tmp_path, search_epochs=1, **settings)
    clf.fit(X, Y, epochs=1, verbose=0)
    assert clf.best_architecture in SPACE and clf.leaderboard()["params"][0] > 0
    assert set(clf.predict(["good"], verbose=0)) <= {"yes", "no"}


@pytest.mark.parametrize(
    ("tuner", "settings"),
    [
        ("random", {"max_trials": 1}),
        pytest.param("darts", {"search_epochs": 1}, marks=pytest.mark.slow(seconds=5)),
    ],
)
def test_recurrent_cells_are_searched(tuner: str, settings: dict[str, Any], tmp_path: Path) -> None:
    space = RecurrentSpace(nodes=2, units=4, steps=3)
    clf = TextClassifier(tuner=tuner, space=space, seed=0, directory=tmp_path, **settings)
    clf.fit(X, Y, epochs=1, verbose=0)
    assert clf.best_architecture in space and set(clf.predict(["good"], verbose=0)) <= {"yes", "no"}
