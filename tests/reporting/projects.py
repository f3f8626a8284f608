"""Folders of searches as tuners and oracles leave them, written without a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import trial as trial_module

from autonas_keras.spaces import CellSpace, JoinedSpace

HOSTILE = "<script>document.title='stolen'</script><img src=x onerror=alert(1)>\"'&"
EPOCHS = 27
TRACEBACK = f"""Traceback (most recent call last):
  File "tuner.py", line 1, in run_trial
    model.fit(x)
ValueError: Expected enough memory, got {HOSTILE}
"""


def write_project(folder: Path, count: int, hostile: bool = False, finished: bool = True) -> Path:
    """The files of a search of ``count`` trials in the space of DARTS; every twentieth failed.

    Args:
        folder: Folder of the project.
        count: Number of trials.
        hostile: Whether names, labels and messages hold markup.
        finished: Whether the final network is there.
    """
    rng = np.random.default_rng(0)
    block = f"block{HOSTILE}" if hostile else "cell_block_1"
    space = CellSpace.darts(cells=5)
    joined = JoinedSpace({block: space})
    hp = keras_tuner.HyperParameters()
    joined.declare(hp)
    folder.mkdir(parents=True, exist_ok=True)
    order = []
    for number in range(count):
        hp.values = dict(joined.sample(rng))
        trial = trial_module.Trial(hp.copy(), trial_id=str(number), status="COMPLETED")
        params = int(10 ** rng.uniform(4.5, 6.5))
        level = 0.5 + 0.07 * (np.log10(params) - 4.5) + 0.15 * (1 - np.exp(-number / 300)) + rng.normal(0, 0.02)
        curves = {
            "accuracy": (level * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 6))).round(5).tolist(),
            "val_accuracy": (level * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 5)) - 0.02).round(5).tolist(),
            "loss": (2.3 * np.exp(-np.arange(1, EPOCHS + 1) / 9)).round(5).tolist(),
        }
        order.append(str(number))
        trial_folder = folder / f"trial_{number}"
        trial_folder.mkdir(exist_ok=True)
        if number % 20 == 7:
            trial.status, trial.message = "FAILED", TRACEBACK if hostile or number % 40 == 7 else "loss was nan"
        else:
            for name, values in curves.items():
                trial.metrics.register(name, "min" if name == "loss" else "max")
                trial.metrics.update(name, values[-1], EPOCHS - 1)
            trial.score, trial.best_step = curves["val_accuracy"][-1], EPOCHS - 1
            (trial_folder / "result.json").write_text(
                json.dumps({"seconds": float(rng.uniform(20, 60)), "params": params, "flops": params * 97})
            )
            (trial_folder / "curves.json").write_text(json.dumps(curves))
        (trial_folder / "trial.json").write_text(json.dumps({**trial.get_state(), "runs": 1}))
    oracle = {"end_order": order, "start_order": order, "hyperparameters": hp.get_config(), "ongoing_trials": {}}
    facts: dict[str, Any] = {
        "tuner": {"name": "evolution", "population_size": 50, "sample_size": 10, "augment": None},
        "limits": {"params": 4_000_000},
        "objective": "val_accuracy",
        "seed": 0,
        "data": {
            "inputs": [[32, 32, 3]],
            "targets": [{"type": "labels", "classes": [HOSTILE if hostile else "cat", "dog"]}],
            "samples": [8000, 2000],
        },
        "fit": {"epochs": EPOCHS, "batch_size": 32, "validation_split": 0.2},
    }
    layers = [{"name": HOSTILE if hostile else "stem", "type": "Conv2D", "shape": [[32, 32, 16]], "params": 448}]
    notes = {
        "phases": {"declare": 4.2, "search": 76_543.0, "final": 1_234.0},
        "versions": {"python": "3.11.7", "keras": "3.15.1"},
        "max_trials": count,
        "spaces": {block: {"class": "CellSpace", "config": space.get_config()}},
        "open": None,
    }
    pairs = [{"network": f"trial {i}", "cheap": i + rng.normal(0, 2), "full": i / 50} for i in range(20)]
    final = {"epoch": list(range(15)), "history": {"loss": np.geomspace(2, 0.1, 15).tolist()}, "seconds": 1234.0}
    files = {
        "oracle.json": oracle,
        "project.json": facts,
        "story.json": notes,
        "layers.json": layers,
        "trust.json": {"measure": "training for 3 epochs", "pairs": pairs},
        "tuner0.json": {"finished": finished},
        "final.json": final,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder
