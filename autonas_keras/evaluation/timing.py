"""How long models take to infer, by TensorFlow or TFLite, on a machine that is never quite still."""

from __future__ import annotations

import gc
import logging
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

RUNTIMES = ("keras", "tflite")
SLICE = 0.004  # seconds of a round that one call gets, but three runs at least
QUANTILE = 0.1  # of the rounds: what others do on the machine only ever adds time

Call = Callable[[], object]


def strengthen(model: keras.Model) -> keras.Model:
    """Make fresh kernels so large that signals keep their size through any depth.

    Fresh networks let signals die out, and processors take long for numbers close to zero.

    Reference: He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 10; kernels start with a variance of
        1 / (3 fan in) here.
    """
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(6**0.5 * weight)
    return model


def keras_call(models: Sequence[keras.Model], batch_size: int) -> Call:
    """A function that runs the models in one graph, one after another, each on its own input."""
    graph, rng = _graph(models, batch_size), np.random.default_rng(0)
    inputs = [tf.constant(rng.standard_normal(spec.shape, np.float32)) for spec in graph.structured_input_signature[0]]
    return lambda: graph(*inputs)


def tflite_call(models: Sequence[keras.Model], batch_size: int, threads: int) -> Call:
    """A function that runs the models as one TFLite model with that many threads, each on its own input."""
    graph = _graph(models, batch_size, in_order=False)
    with _quiet():
        # Without the models themselves TensorFlow freezes the graph, which takes a tenth of the time of saving them.
        content = tf.lite.TFLiteConverter.from_concrete_functions([graph]).convert()
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], rng.standard_normal(detail["shape"], np.float32))
    return interpreter.invoke


def low_medians(
    calls: Mapping[str, Call], repeats: int, counted: Callable[[int], object] | None = None
) -> dict[str, float]:
    """Milliseconds of each call: a low quantile over rounds of the median in a round.

    A round runs all calls, so that what else the machine does meets all of them alike.

    Args:
        calls: What is to be timed, by name.
        repeats: Rounds.
        counted: Told after each round how many there were.
    """
    runs = {name: max(3, int(SLICE / min(_seconds(call, 3)))) for name, call in calls.items()}
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    with _no_garbage_collection():
        for done in range(1, repeats + 1):
            for name, call in calls.items():
                rounds[name].append(float(np.median(_seconds(call, runs[name]))))
            if counted is not None:
                counted(done)
    return {name: 1e3 * float(np.quantile(medians, QUANTILE)) for name, medians in rounds.items()}


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tensorflow_threads() -> int:
    """Threads that TensorFlow shares one operation between."""
    return tf.config.threading.get_intra_op_parallelism_threads() or int(
        os.environ.get("TF_NUM_INTRAOP_THREADS") or cores()
    )


def processor() -> str:
    """The model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _graph(models: Sequence[keras.Model], batch_size: int, in_order: bool = True) -> Any:
    """The concrete function of the inputs of all models, laid end to end, that gives a number of each output.

    As in a network, the memory of an output is free for what comes next: keeping outputs would take up to a fifth more
    time.
    """
    counts = [len(model.inputs) for model in models]

    def run(*inputs: tf.Tensor) -> list[tf.Tensor]:
        waiting = iter(inputs)
        outputs: list[tf.Tensor] = []
        for model, count in zip(models, counts, strict=True):
            given = list(islice(waiting, count))
            if in_order and outputs:
                with tf.control_dependencies(outputs[-1:]):
                    given = [tf.identity(x) for x in given]
            maps = tf.nest.flatten(model(given if count > 1 else given[0], training=False))
            first = [tf.reshape(y, [-1])[:1] for y in maps]
            outputs.append(tf.add_n(first) if len(first) > 1 else first[0])
        return outputs

    specs = [tf.TensorSpec((batch_size, *x.shape[1:]), tf.float32) for model in models for x in model.inputs]
    return tf.function(run, autograph=False).get_concrete_function(*specs)


def _seconds(call: Call, runs: int) -> list[float]:
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow 2.18 to 2.21 announce that TFLite is to move into a package of its own, once for each model."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
