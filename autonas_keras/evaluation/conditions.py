"""What measured latencies hold for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from autonas_keras.checks import check_count
from autonas_keras.evaluation.parts import Size
from autonas_keras.evaluation.timing import RUNTIMES, cores, processor, tensorflow_threads


@dataclass(frozen=True)
class Conditions:
    """What latencies hold for.

    Attributes:
        input_shape: (height, width, channels) of the images.
        classes: Outputs of the classifier.
        batch_size: Images at once.
        runtime: "keras", a compiled call of the Keras model, or "tflite".
        threads: Threads that one operation may use.
        processor: Model of the processor.
        tensorflow: Version.
        scale: What the sum of parts is multiplied with, fitted on whole networks.
        networks: Other whole networks that the sums were compared with.
        median_error: Of the sums for those networks, as a share of what the whole took; None for no networks.
        rank_correlation: Spearman's, of the sums and the whole networks.
    """

    input_shape: Size
    classes: int
    batch_size: int
    runtime: str
    threads: int
    processor: str
    tensorflow: str
    scale: float = 1.0
    networks: int = 0
    median_error: float | None = None
    rank_correlation: float | None = None


def conditions_here(
    input_shape: Sequence[int], classes: int, batch_size: int, runtime: str, threads: int | None
) -> Conditions:
    """The conditions of a measurement in this process.

    Raises:
        ValueError: When one is out of range.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f"Expected a runtime of {RUNTIMES}, got {runtime!r}.")
    shape = tuple(input_shape) if isinstance(input_shape, Sequence) else (input_shape,)
    if len(shape) != 3 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ValueError(f"Expected an input_shape of (height, width, channels), got {input_shape!r}.")
    check_count("classes", classes)
    check_count("batch_size", batch_size)
    if threads is not None:
        check_count("threads", threads)
        if runtime != "tflite":
            raise ValueError(
                f"Expected threads with runtime='tflite' only, got {threads} with {runtime!r}; TensorFlow's are set by "
                "tf.config.threading before it starts."
            )
    elif runtime == "tflite":
        threads = cores()
    return Conditions(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        int(classes),
        int(batch_size),
        runtime,
        int(threads or tensorflow_threads()),
        processor(),
        tf.__version__,
    )


def check_counts(most: int, **counts: Any) -> None:
    """Refuse what are no numbers of different networks, of which there are ``most``.

    Raises:
        ValueError: With a sentence about the one that is wrong.
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
            raise ValueError(f"Expected {name} to be a number of networks, 0 or more, got {count!r}.")
    if sum(counts.values()) > most:
        raise ValueError(
            f"Expected to time at most the {most} networks there are, got {sum(counts.values())}; pass smaller "
            f"{' and '.join(counts)}."
        )
