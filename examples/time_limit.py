"""A clock instead of settings: say how many seconds you have, and get the best network of that time.

    python examples/time_limit.py        # a minute
    python examples/time_limit.py 300    # five

The images are the digits of scikit-learn, so nothing is downloaded. Broken off and started again, it goes on with the
seconds that are left.
Here the network of a minute, half a core, had 99.4 % of the test images right after 58 s.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import autonas_keras as ank

FOLDER = Path("runs")


def main(seconds: float) -> None:
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images[..., None].astype("float32"), digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )

    # No tuner is named: what is chosen, and why, is printed and kept in choice.json.
    name = f"digits_in_{seconds:g}_seconds"
    clf = ank.ImageClassifier(directory=FOLDER, project_name=name, seed=0)
    clf.fit(x_train, y_train, time_limit=seconds, verbose=2)

    print("test loss and accuracy:", clf.evaluate(x_test, y_test, verbose=0))
    print(clf.leaderboard())
    print("why this method:", json.loads((FOLDER / name / "choice.json").read_text())["why"])
    clock = json.loads((FOLDER / name / "clock.json").read_text())
    for part, (begin, end) in clock["phases"].items():
        print(f"{part}: {end - begin:.0f} s")
    print(f"in all: {clock['used']:.0f} of {clock['limit']:.0f} s")

    # With a method that is named the limit means the same; max_trials and epochs are then upper bounds.
    #     ank.ImageClassifier(tuner="evolution").fit(x_train, y_train, time_limit=seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
