"""A search that is killed goes on where it was: the same call again, and nothing that was trained is trained again.

    python examples/resuming.py [--quick]

Here the search was killed after 4 of 8 trials, and ended with the same scores to the last bit as one that was not.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from pathlib import Path

from sklearn.datasets import load_digits

import autonas_keras as ank

QUICK = "--quick" in sys.argv[1:]
TRIALS = 2 if QUICK else 8


def search(project: str) -> ank.ImageClassifier:
    """The call; it does not say whether it is the first."""
    digits = load_digits()
    count = 60 if QUICK else len(digits.target)
    space = ank.spaces.CellSpace(
        ("sep_conv_3x3", "max_pool_3x3", "skip_connect"), nodes=1, cells=1 if QUICK else 2, channels=4
    )
    clf = ank.ImageClassifier(
        tuner="evolution", space=space, max_trials=TRIALS, directory="runs", project_name=project, seed=0
    )
    clf.fit(digits.images[:count].astype("float32"), digits.target[:count], epochs=2 if QUICK else 8, verbose=0)
    return clf


def ended(project: str) -> int:
    """How many trials have ended, as the file of the search says."""
    file = Path("runs") / project / "oracle.json"
    return len(json.loads(file.read_text())["end_order"]) if file.exists() else 0


def main() -> None:
    # A process of its own, which can be killed as a machine that fails would end it: without a word.
    process = multiprocessing.get_context("spawn").Process(target=search, args=("killed",))
    process.start()
    while ended("killed") < TRIALS // 2 and process.is_alive():
        time.sleep(0.05)
    process.kill()
    process.join()
    print(f"killed after {ended('killed')} of {TRIALS} trials")

    resumed, whole = search("killed"), search("whole")
    print(resumed.leaderboard()[["trial", "status", "score"]])
    print("the same as one that was never killed:", resumed.best_architecture == whole.best_architecture)
    scores = [clf.leaderboard()["score"].tolist() for clf in (resumed, whole)]
    print("with the same scores to the last bit:", scores[0] == scores[1])


if __name__ == "__main__":
    main()
