"""A script that every process of a search runs as it is, and the story of a search; run as a program so that it can fork.

Forked children share the imports, which take some seconds; nothing of TensorFlow or gRPC runs before the fork.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from autonas_keras.tasks import ImageClassifier
from tests.oracles.processes import Cast
from tests.tasks.small import ONE_CELL, digits


class Fitting(Cast):
    """Processes that all fit the same classifier, without a seed."""

    longest = 280.0

    def _play(self, name: str, tuner: str, **options: Any) -> None:
        os.environ.update(self.variables(tuner), AUTONAS_KERAS_LEASE="5")
        x, y = digits(80)
        clf = ImageClassifier(
            tuner="random", space=ONE_CELL, directory=self.folder, project_name="search", max_trials=2
        )
        history = clf.fit(x, y, epochs=2, batch_size=16, verbose=2)
        weights = b"".join(weight.tobytes() for weight in clf.export_model().get_weights())
        told = {
            "architecture": clf.best_architecture.to_json(),
            "weights": hashlib.sha256(weights).hexdigest(),
            "trials": clf.leaderboard().to_dict("list"),
            "epochs": len(history.epoch),
            "labels": clf.predict(x[:5], verbose=0).tolist(),
        }
        (self.folder / f"{name}.json").write_text(json.dumps(told))


def main(folder: Path) -> dict[str, Any]:
    """A worker is killed in its trial, the chief in the final training, and only the chief is started again."""
    cast = Fitting(folder / "cast")
    project = cast.folder / "search"

    def dying_trains() -> bool:
        file = project / "oracle.json"
        trial = json.loads(file.read_text())["ongoing_trials"].get("dying") if file.exists() else None
        return trial is not None and (project / f"trial_{trial}" / "training").exists()

    first, dying = cast.start("first", "chief"), cast.start("dying")
    cast.until(dying_trains)
    cast.kill(dying)
    cast.start("one")
    cast.until((project / "final" / "state" / "checkpoint").exists)
    cast.kill(first)
    time.sleep(1)
    cast.start("chief")
    return cast.finish()


if __name__ == "__main__":
    gc.freeze()  # what is imported is no garbage, and stays shared with the children
    FOLDER = Path(sys.argv[1])
    (FOLDER / "found.json").write_text(json.dumps(main(FOLDER)))
