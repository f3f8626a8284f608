"""Classifiers of texts beside TF-IDF and logistic regression."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import autonas_keras as ank
from benchmarks.data import data_file

# What is searched with, and for how long: a run takes some minutes on two cores.
TUNERS: dict[str, dict[str, Any]] = {
    "greedy": {"max_trials": 6},
    "darts": {"search_epochs": 4},
}

Measure = Callable[[np.ndarray, np.ndarray], float]


class Texts(NamedTuple):
    """Texts and labels to learn from and to test on."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def sst2() -> Texts:
    """The official split of SST-2, train and dev together."""
    table = pd.read_csv(data_file("sst2.csv.gz"), keep_default_na=False)
    test = table["split"] == "test"
    return Texts(*_columns(table[~test]), *_columns(table[test]))


def sms(seed: int) -> Texts:
    """80 % and 20 % of the SMS Spam Collection with as much spam in both; texts that are repeated are there once."""
    x, y = _columns(pd.read_csv(data_file("sms_spam.csv.gz"), keep_default_na=False).drop_duplicates("text"))
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=seed)
    return Texts(x, y, x_test, y_test)


def searched(texts: Texts, seed: int, tuner: str, measure: Measure) -> dict[str, float]:
    """The measure, in per cent, of the network that a tuner finds, and how long that took."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        clf = ank.TextClassifier(
            tuner=tuner, objective="val_accuracy", directory=folder, project_name=tuner, seed=seed, **TUNERS[tuner]
        )
        clf.fit(texts.x, texts.y, batch_size=64, verbose=0)
        print(f"{tuner}: {clf.best_architecture}", flush=True)
        found = clf.predict(texts.x_test, batch_size=256, verbose=0)
    return {tuner: 100 * measure(texts.y_test, found), f"{tuner}_seconds": time.perf_counter() - start}


def baseline(texts: Texts, measure: Measure, c: float = 4.0, ngrams: tuple[int, int] = (1, 1)) -> float:
    """The measure, in per cent, of sublinear TF-IDF and logistic regression."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=ngrams)
    model = LogisticRegression(C=c, max_iter=1000).fit(vectorizer.fit_transform(texts.x), texts.y)
    return 100 * measure(texts.y_test, model.predict(vectorizer.transform(texts.x_test)))


def _columns(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["text"].to_numpy(object), table["label"].to_numpy()
