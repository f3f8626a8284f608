"""Networks for three devices from their latency tables: the same search, each within the milliseconds that it may take.

    python examples/three_devices.py [--quick]

The devices here are this machine with Keras, with TFLite, and with Keras on eight images at once; on a device of yours
call ``LatencyTable.measure(...).save("mine.csv")`` and load that file here.
Here, one image at a time, a network of 0.73 ms of 0.81 allowed with Keras and one of 0.01 of 0.01 with TFLite: 99.8
and 99.6 % of the digits right.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import autonas_keras as ank

DEVICES: dict[str, dict[str, Any]] = {
    "keras": {"runtime": "keras", "batch_size": 1},
    "tflite": {"runtime": "tflite", "batch_size": 1},
    "keras, 8 images": {"runtime": "keras", "batch_size": 8},
}


def main(quick: bool) -> None:
    digits = load_digits()
    count = 60 if quick else len(digits.target)
    x, y = digits.images[:count].astype("float32"), digits.target[:count]
    operations = ("max_pool_3x3", "skip_connect", "sep_conv_3x3")
    space = ank.spaces.CellSpace(operations, nodes=1 if quick else 2, cells=1 if quick else 3, channels=8)
    rounds: dict[str, Any] = {"repeats": 1, "calibrate": 0, "compare": 0} if quick else {}

    for device, conditions in list(DEVICES.items())[: 1 if quick else None]:
        table = ank.LatencyTable.measure(space, (8, 8, 1), classes=10, **conditions, **rounds, verbose=0)
        table.save(f"{device}.csv")
        drawn = [space.sample(np.random.default_rng(seed)) for seed in range(50)]
        limit = float(np.median([table.latency_ms(architecture) for architecture in drawn]))
        clf = ank.ImageClassifier(
            tuner="evolution",
            space=space,
            limits={"latency_ms": limit},
            latency=ank.LatencyTable.load(f"{device}.csv", space),
            max_trials=1 if quick else 8,
            directory="runs",
            project_name=f"device_{device}",
            seed=0,
            overwrite=True,  # a table that is measured again is another limit
        )
        clf.fit(x, y, epochs=1 if quick else 10, verbose=0)
        took = table.latency_ms(clf.best_architecture)
        print(f"{device}: {took:.2f} ms of {limit:.2f}, accuracy {clf.evaluate(x, y, verbose=0)[1]:.3f}")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
