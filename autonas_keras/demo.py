"""The digits of scikit-learn: what a search finds, beside two baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import autonas_keras as ank


@dataclass(frozen=True)
class Digits:
    """1,437 training and 360 test images, float32 (n, 8, 8, 1) in 0..1, with labels 0..9."""

    x_train: np.ndarray
    x_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray

    @classmethod
    def load(cls, seed: int) -> Digits:
        """Four fifths to train on, one fifth to test, the digits in equal shares."""
        digits = load_digits()
        images = (digits.images[..., None] / 16.0).astype("float32")
        return cls(*train_test_split(images, digits.target, test_size=0.2, stratify=digits.target, random_state=seed))


@dataclass(frozen=True)
class Result:
    """What one method reached on the test images."""

    method: str
    accuracy: float
    params: int
    seconds: float


def logistic_regression(digits: Digits, seed: int) -> tuple[np.ndarray, int]:
    """Predicted labels and number of parameters of a linear model of the pixels."""
    model = LogisticRegression(max_iter=2000, random_state=seed)
    model.fit(digits.x_train.reshape(len(digits.x_train), -1), digits.y_train)
    predicted = model.predict(digits.x_test.reshape(len(digits.x_test), -1))
    return predicted, model.coef_.size + model.intercept_.size


def hand_made_cnn(digits: Digits, seed: int, epochs: int = 30) -> tuple[np.ndarray, int]:
    """Predicted labels and number of parameters of two convolutions and two dense layers, as one writes them first."""
    # Every layer its own seed: the same one twice would give two layers related weights.
    seeds = iter(np.random.SeedSequence(seed).generate_state(8) % 2**31)

    def initial() -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=int(next(seeds)))

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer=initial()),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu", kernel_initializer=initial()),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu", kernel_initializer=initial()),
            keras.layers.Dropout(0.3, seed=int(next(seeds))),
            keras.layers.Dense(10, activation="softmax", kernel_initializer=initial()),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    batches = tf.data.Dataset.from_tensor_slices((digits.x_train, digits.y_train))
    model.fit(batches.shuffle(len(digits.x_train), seed=seed).batch(32), epochs=epochs, shuffle=False, verbose=0)
    return model.predict(digits.x_test, verbose=0).argmax(-1), model.count_params()


def searched(digits: Digits, seed: int, folder: Path, verbose: int = 0, quick: bool = False) -> tuple[np.ndarray, int]:
    """Predicted labels and number of parameters of what ``ImageClassifier`` finds; all of it is left in ``folder``.

    A search that was broken off goes on where it was. A quick one has a smaller space and fewer epochs.
    """
    space = ank.spaces.CellSpace(nodes=1, cells=3, channels=8) if quick else None
    method = ank.tuners.Darts(search_epochs=1 if quick else None)
    clf = ank.ImageClassifier(tuner=method, space=space, directory=folder, project_name="search", seed=seed)
    clf.fit(digits.x_train, digits.y_train, batch_size=64, epochs=10 if quick else 30, verbose=verbose)
    model = clf.export_model()
    model.save(folder / "found.keras")
    clf.plot_architecture(folder / "cell.svg")
    clf.plot_architecture(folder / "cell.png")
    clf.leaderboard().to_csv(folder / "leaderboard.csv", index=False)
    return np.asarray(clf.predict(digits.x_test, verbose=0)).ravel(), model.count_params()


def compare(seed: int, folder: str | Path, verbose: int = 0, quick: bool = False) -> Iterator[Result]:
    """Train and test the baselines and then the search, on one split and seed."""
    digits, folder = Digits.load(seed), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    methods: dict[str, Callable[[], tuple[np.ndarray, int]]] = {
        "logistic regression": lambda: logistic_regression(digits, seed),
        "hand-made CNN": lambda: hand_made_cnn(digits, seed, epochs=5 if quick else 30),
        "found by darts": lambda: searched(digits, seed, folder, verbose, quick),
    }
    for method, train in methods.items():
        start = time.perf_counter()
        predicted, params = train()
        yield Result(method, float(np.mean(predicted == digits.y_test)), params, time.perf_counter() - start)


def run(seeds: Iterable[int], directory: str | Path, verbose: int = 1, quick: bool = False) -> None:
    """Compare on each seed, print the table of each and of all, and say where the found networks are."""
    console, results = Console(), []
    for seed in seeds:
        folder = Path(directory) / f"seed_{seed}"
        console.print(f"Digits of scikit-learn, seed {seed}: 1,437 images to train on, 360 to test.")
        results += (one := list(compare(seed, folder, verbose, quick)))
        console.print(table(one, f"seed {seed}"))
        console.print(f"In {folder}: found.keras, cell.svg, cell.png, leaderboard.csv\n", soft_wrap=True)
    if len(results) > 3:
        console.print(table(results, f"mean of {len(results) // 3} seeds"))


def table(results: Sequence[Result], title: str) -> Table:
    """A line a method, means where a method stands more than once."""
    printed = Table("method", title=title, title_justify="left")
    for column in ("test accuracy", "parameters", "seconds"):
        printed.add_column(column, justify="right")
    for method in dict.fromkeys(result.method for result in results):
        of_method = [result for result in results if result.method == method]
        accuracy, params, seconds = (
            float(np.mean([getattr(result, name) for result in of_method]))
            for name in ("accuracy", "params", "seconds")
        )
        printed.add_row(method, f"{accuracy:.4f}", f"{params:,.0f}", f"{seconds:.1f}")
    return printed
