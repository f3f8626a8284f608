"""Settings before TensorFlow is imported, and the data that tests may read."""

from __future__ import annotations

import gc
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

# Tests are many small graphs: one thread each is faster than two that wait for one another, and pytest-xdist fills
# the cores. Processes that tests start inherit this, so what two of them compute can be compared.
for _name, _value in {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "agg",
}.items():
    os.environ.setdefault(_name, _value)

import pytest  # noqa: E402

DATA_FILES = ("nas_bench_201.csv.gz", "mnist_10k.npz", "cifar10_train_jpeg.npz", "cifar10_test_jpeg.npz")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that no process ends with one of them alone: ``slow(seconds=...)``, then ``slow``."""

    def seconds(item: pytest.Item) -> float:
        mark = item.get_closest_marker("slow")
        return 0 if mark is None else mark.kwargs.get("seconds", 10)

    items.sort(key=seconds, reverse=True)


def pytest_collection_finish() -> None:
    """Garbage is looked for among what tests make only: KerasTuner asks for it in every trial, and the imports of all
    test files leave a million objects, which take a third of a second each time. Traced graphs are many objects too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of offline data that the variable AUTONAS_DATA names; without the variable the test is skipped."""
    folder = os.environ.get("AUTONAS_DATA")
    if not folder:
        pytest.skip("AUTONAS_DATA does not name the folder of offline data")
    path = Path(folder)
    missing = [name for name in DATA_FILES if not (path / name).is_file()]
    if missing:
        pytest.fail(f"AUTONAS_DATA is {folder}, which lacks {', '.join(missing)}")
    return path


@pytest.fixture
def float64() -> Iterator[None]:
    """New layers compute in float64."""
    import keras

    # Keras keeps the policy that the first layer of the process got, whatever floatx says later.
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.fixture(autouse=True)
def seeds_of_a_test(request: pytest.FixtureRequest) -> None:
    """What a test leaves to the global generators (mostly first weights) is drawn alike whenever it runs."""
    import keras

    keras.utils.set_random_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def operations_of_a_test() -> Iterator[None]:
    """An operation that a test registers is not for the tests that follow."""
    from autonas_keras.layers import OPERATIONS
    from autonas_keras.spaces import operations

    names, kept = set(operations._names), dict(OPERATIONS)
    yield
    operations._names.intersection_update(names)
    for name in OPERATIONS.keys() - kept.keys():
        del OPERATIONS[name]
