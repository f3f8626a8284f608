"""Search a classifier of short messages, test it, and take it away as a model that reads raw text.

    python examples/text_classification.py [--quick]

The messages are made up here, so nothing is downloaded. Broken off and started again, it goes on.
Here the best of three networks had all 100 test messages right, after a minute.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import keras
import numpy as np

import autonas_keras as ank

FOLDER = Path("runs")
DISHES = ("soup", "bread", "pasta", "salad", "fish", "cake", "coffee", "rice", "pizza", "tea")
PRAISE = ("was wonderful", "tasted great", "made me happy", "couldn't be better", "is the best in town")
BLAME = ("was cold", "tasted like cardboard", "made me ill", "couldn't be worse", "is not worth the money")
AROUND = ("the {} {}", "honestly, the {} {}!", "we all said: the {} {}", "their {} {}, as always", "my {} {} ...")


def messages(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Messages and what they are, "praise" or "blame"."""
    rng = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        label, words = rng.choice((("praise", PRAISE), ("blame", BLAME)))
        texts.append(rng.choice(AROUND).format(rng.choice(DISHES), rng.choice(words)))
        labels.append(label)
    return texts, labels


def main(quick: bool) -> None:
    x_train, y_train = messages(60 if quick else 400, seed=0)
    x_test, y_test = messages(100, seed=1)

    # Three networks, small ones: a bag of n-grams, with a cell of 1-D operations beside it or an average of words.
    space = ank.spaces.TextSpace(nodes=1, channels=16, embeddings=(16,), width=40)
    clf = ank.TextClassifier(
        tuner="random", max_trials=1 if quick else 3, space=space, directory=FOLDER, project_name="messages", seed=0
    )
    clf.fit(x_train, y_train, epochs=1 if quick else 8, verbose=2)

    print("test loss and accuracy:", clf.evaluate(x_test, y_test, verbose=0))
    print(clf.best_architecture)
    print(clf.leaderboard())
    print(clf.predict(["The tea was COLD!!", "Best pizza in town 🍕", ""], verbose=0))

    # What reads raw text are stock layers: the program that uses it needs keras, tensorflow and nothing of ours.
    clf.export_model().save(FOLDER / "messages.keras")
    model = keras.saving.load_model(FOLDER / "messages.keras")
    print("loaded again:", model.predict(np.array(["the tea was cold"], object), verbose=0))


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
