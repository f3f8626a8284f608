"""Any method by its name on one data set: ``--tuner`` of enas, spos, bignas, ofa, evolution, reinforce, hyperband, ...

    python examples/image_classification.py --tuner evolution [--quick]

Here evolution found a network with 98.9 % of the test images right, in two and a half minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import autonas_keras as ank

CELLS = ank.spaces.CellSpace(operations=("sep_conv_3x3", "max_pool_3x3", "skip_connect"), nodes=2, cells=3, channels=8)
MOBILE = ank.spaces.MobileSpace(((8, 16), (16, 24)), depths=(1, 2), kernels=(3, 5), expansions=(2, 4), head=64)
ELASTIC = ("bignas", "ofa")
SHARED = ("darts", "enas", "spos", *ELASTIC)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tuner", choices=list(ank.tuners.TUNERS), default="evolution")
    parser.add_argument("--quick", action="store_true", help="an epoch or two, to see that it runs")
    options = parser.parse_args()

    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images.astype("float32"), digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    if options.quick:
        x_train, y_train = x_train[:200], y_train[:200]

    cells = CELLS.resized(cells=1) if options.quick else CELLS
    # Methods that share weights train one supernet for some epochs; the others train one network a trial.
    if options.tuner in SHARED:
        budget: dict[str, Any] = {"search_epochs": 2 if options.quick else 30}
    elif options.tuner == "hyperband":
        budget = {"max_trials": 2 if options.quick else 12, "max_epochs": 3 if options.quick else 9}
    else:
        budget = {"max_trials": 2 if options.quick else 12}
    clf = ank.ImageClassifier(
        tuner=options.tuner,
        space=MOBILE if options.tuner in ELASTIC else cells,
        directory="runs",
        project_name=f"digits_{options.tuner}",
        seed=0,
        **budget,
    )
    clf.fit(x_train, y_train, epochs=1 if options.quick else 15, batch_size=32, verbose=0)

    print(clf.leaderboard().head())
    print(f"{options.tuner} found:\n{clf.best_architecture}")
    print("test loss and accuracy:", clf.evaluate(x_test, y_test, verbose=0))


if __name__ == "__main__":
    main()
