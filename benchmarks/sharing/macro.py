"""NAS-Bench-Macro: inherited accuracies of 300 networks against the published table; asked: Spearman >= 0.80 in 30 min."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from scipy.stats import spearmanr

from autonas_keras.evaluation import InheritedScore
from autonas_keras.nasbench import NasBenchMacro
from autonas_keras.spaces import ChainSpace
from autonas_keras.strategies import Genetic
from autonas_keras.supernets import PathChain
from autonas_keras.training import Augment, PathModel, UniformSampling, fit_paths
from benchmarks import data

EPOCHS = 60
NETWORKS = 300
LEARN = 8000  # images that train the shared weights; the other 2,000 judge architectures
SPACE = ChainSpace.nasbench_macro(channels=8)


def supernet(seed: int) -> PathModel:
    """The space with a quarter of the channels, on images of 16x16."""
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(PathChain(SPACE, seed=seed, name="chain")(inputs))
    model = PathModel(inputs, keras.layers.Dense(10, activation="softmax")(x))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=5.0)
    model.compile(
        optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False, weight_decay=1e-4
    )
    return model


def images() -> tuple[np.ndarray, np.ndarray]:
    """10,000 training images of CIFAR-10 of half their size, with mean 0 and deviation 1, and their labels."""
    found = data.cifar10(10_000, 1)
    x = found.x_train.astype("float32").reshape(-1, 16, 2, 16, 2, 3).mean((2, 4))
    return (x - x.mean((0, 1, 2))) / x.std((0, 1, 2)), found.y_train


def rate(model: PathModel, judge: InheritedScore, seed: int, seconds: float = 20.0) -> float:
    """Architectures that evolution proposes and judges in a second."""
    strategy, count = Genetic(model.space, 50, parents=10, seed=seed), 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        architecture = strategy.propose()
        if architecture is None:
            break
        strategy.observe(architecture, judge(architecture))
        count += 1
    return count / (time.perf_counter() - start)


def run(seeds: Sequence[int] = (0,)) -> Iterator[dict[str, Any]]:
    """One line a seed: rank correlation with the mean of the table's three trainings, and what the parts took."""
    published = NasBenchMacro(data.data_file("nas_bench_macro_cifar10.csv.gz")).test()
    x, y = images()
    for seed in seeds:
        start = time.perf_counter()
        model = supernet(seed)
        fit_paths(
            model,
            (x[:LEARN], y[:LEARN]),
            UniformSampling(model.space, seed),
            epochs=EPOCHS,
            batch_size=64,
            seed=seed,
            learning_rate=(0.1, 1e-4),
            verbose=0,
            augment=Augment.auto((16, 16, 3)),
        )
        trained = time.perf_counter()
        judge = InheritedScore(model, x[:500], (x[LEARN:], y[LEARN:]))
        rng = np.random.default_rng([seed, 1])
        tried = [model.space.sample(rng) for _ in range(NETWORKS)]
        inherited = [judge(point) for point in tried]
        truth = [published(point.scope("chain", SPACE)) for point in tried]
        quick = InheritedScore(model, x[:256], (x[LEARN : LEARN + 500], y[LEARN : LEARN + 500]))
        quick(tried[0])
        best = int(np.argmax(inherited))
        yield {
            "seed": seed,
            "epochs": EPOCHS,
            "networks": NETWORKS,
            "spearman": float(spearmanr(inherited, truth)[0]),
            "best_by_inherited": float(truth[best]),
            "best_of_networks": float(max(truth)),
            "train_seconds": trained - start,
            "judge_seconds": time.perf_counter() - trained,
            "architectures_per_second": rate(model, quick, seed),
        }
