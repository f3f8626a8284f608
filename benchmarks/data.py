"""Images of the benchmarks; the files are in the folder that the variable AUTONAS_DATA names."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Data(NamedTuple):
    """Images (n, height, width, channels) and whole-number labels (n,)."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def data_file(name: str) -> Path:
    """The path of a data file.

    Raises:
        FileNotFoundError: When AUTONAS_DATA is not set or its folder lacks the file.
    """
    folder = os.environ.get("AUTONAS_DATA")
    if not folder:
        raise FileNotFoundError(f"Expected AUTONAS_DATA to name the folder that holds {name}, got nothing; set it.")
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"Expected {name} in the folder that AUTONAS_DATA names, got {folder} without it.")
    return path


def mnist(n_train: int = 8000, n_test: int = 2000) -> Data:
    """The first ``n_train`` and the following ``n_test`` of 10,000 MNIST images, uint8 (n, 28, 28, 1)."""
    with np.load(data_file("mnist_10k.npz")) as file:
        x, y = file["x"][..., None], file["y"].astype("int64")
    end = n_train + n_test
    return Data(x[:n_train], y[:n_train], x[n_train:end], y[n_train:end])


def cifar10(n_train: int = 10_000, n_test: int = 2000) -> Data:
    """The first ``n_train`` training and ``n_test`` test images of CIFAR-10, uint8 (n, 32, 32, 3)."""
    return Data(*decoded("cifar10_train_jpeg.npz", n_train), *decoded("cifar10_test_jpeg.npz", n_test))


@cache
def decoded(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``count`` images and labels of a file of JPEGs laid end to end."""
    with np.load(data_file(name)) as file:
        offsets, labels = file["offsets"], file["labels"][:count].astype("int64")
        content = file["jpeg"][: offsets[count]].tobytes()
    jpegs = [content[start:end] for start, end in zip(offsets[:count], offsets[1 : count + 1], strict=True)]
    # The decoder of TensorFlow is the one dependency that is there without extras; this method is Pillow's to the bit.
    images = [tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE").numpy() for jpeg in jpegs]
    return np.stack(images), labels
