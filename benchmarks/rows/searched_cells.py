"""Five searched cells against 20 random ones of the DARTS space, trained alike on 4,000 CIFAR-10 images of 16x16."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import keras
import numpy as np

import autonas_keras as ank
from autonas_keras.layers import cell_network, initialize_weights
from autonas_keras.training import Augment, fit_resumable
from benchmarks import data, record

RANDOM = 20
SEARCHES = 4  # of different seeds for each searched cell, the best kept: the protocol of the DARTS paper
EPOCHS = 40
TRAINING = f"{EPOCHS} epochs on 4,000, tested on 10,000"
SPACE = ank.spaces.CellSpace.darts(cells=3, channels=8)


def train(architecture: ank.spaces.Architecture, images: data.Data) -> tuple[float, int]:
    """Test accuracy and parameters of the network of an architecture after the same training for all, seed 0."""
    inputs = keras.Input(images.x_train.shape[1:])
    mean, variance = images.x_train.mean((0, 1, 2)), images.x_train.var((0, 1, 2))
    x = keras.layers.Normalization(mean=mean.tolist(), variance=variance.tolist())(inputs)
    x = cell_network(x, {kind: SPACE.cell(architecture, kind) for kind in SPACE.cell_types}, SPACE)
    x = keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    initialize_weights(model, 0)
    rate = keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * (len(images.x_train) // 64))
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=3e-3, global_clipnorm=5.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit_resumable(
        model,
        (images.x_train, images.y_train),
        epochs=EPOCHS,
        batch_size=64,
        seed=0,
        verbose=0,
        augment=Augment.auto(images.x_train.shape[1:]),
    )
    return model.evaluate(images.x_test, images.y_test, verbose=0)[1], model.count_params()


def search(images: data.Data, seed: int) -> ank.spaces.Architecture:
    """The cells that ``tuner="darts"`` finds in several searches, with its defaults otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        clf = ank.ImageClassifier(tuner="darts", searches=SEARCHES, space=SPACE, directory=folder, seed=seed)
        clf.fit(images.x_train, images.y_train, epochs=1, batch_size=64, verbose=0)
        return clf.best_architecture


def halved(images: data.Data) -> data.Data:
    """The images at half their size, four pixels averaged into one, as float32."""
    x_train, x_test = (
        x.astype("float32").reshape(len(x), 16, 2, 16, 2, 3).mean((2, 4)) for x in (images.x_train, images.x_test)
    )
    return data.Data(x_train, images.y_train, x_test, images.y_test)


def cell(kind: str, seed: int) -> dict[str, Any]:
    """What a searched or a random cell of a seed reaches."""
    images = halved(data.cifar10(4000, 10_000))
    start = time.perf_counter()
    random = kind == "random"
    architecture = SPACE.sample(np.random.default_rng(seed)) if random else search(images, seed)
    seconds = time.perf_counter() - start
    accuracy, params = train(architecture, images)
    return {
        "kind": kind,
        "training": TRAINING,
        "searches": 0 if random else SEARCHES,
        "seed": seed,
        "accuracy": accuracy,
        "params": params,
        "search_seconds": seconds,
        "architecture": str(architecture),
    }


def run(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Iterator[dict[str, Any]]:
    """A line for each random and each searched cell, then their means and by how many deviations they differ.

    Cells that the table holds already, of the same search and training, are taken from there.
    """
    asked = [("random", number) for number in range(RANDOM)] + [("searched", seed) for seed in seeds]
    known = {
        (line["kind"], int(line["seed"])): float(line["accuracy"])
        for line in record.lines("searched_cells")
        if line["training"] == TRAINING
        and (line["kind"] == "random" or (line["kind"] == "searched" and line.get("searches") == str(SEARCHES)))
    }
    found: dict[str, list[float]] = {"random": [], "searched": []}
    for kind, seed in asked:
        if (kind, seed) in known:
            found[kind].append(known[kind, seed])
    # Networks this small leave most of a second thread idle: a process for each processor, of one thread.
    os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(cell, kind, seed) for kind, seed in asked if (kind, seed) not in known]
        for job in as_completed(jobs):
            line = job.result()
            found[line["kind"]].append(line["accuracy"])
            yield line
    means = {kind: float(np.mean(values)) for kind, values in found.items()}
    deviation = float(np.std(found["random"], ddof=1))
    yield {
        "kind": "summary",
        "accuracy": means["searched"],
        "random_mean": means["random"],
        "random_deviation": deviation,
        "deviations_above": (means["searched"] - means["random"]) / deviation,
    }
