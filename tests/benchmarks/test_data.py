from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import data


@pytest.fixture
def here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTONAS_DATA", str(data_dir))
    return data_dir


def test_cifar10_is_decoded_as_pillow_does_it(here: Path) -> None:
    found = data.cifar10(30, 20)
    assert found.x_train.shape == (30, 32, 32, 3)
    assert found.x_train.dtype == np.uint8
    assert found.x_test.shape == (20, 32, 32, 3)
    with np.load(here / "cifar10_train_jpeg.npz") as file:
        jpeg, offsets, labels = file["jpeg"], file["offsets"], file["labels"]
    for i in (0, 29):
        image = Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes()))
        assert np.abs(np.asarray(image).astype(int) - found.x_train[i]).max() <= 1
    assert found.y_train.tolist() == labels[:30].tolist()


def test_mnist_is_split_in_order(here: Path) -> None:
    found = data.mnist(80, 20)
    with np.load(here / "mnist_10k.npz") as file:
        assert found.x_train[..., 0].tolist() == file["x"][:80].tolist()
        assert found.y_test.tolist() == file["y"][80:100].tolist()
    assert found.x_test.shape == (20, 28, 28, 1)


def test_a_missing_folder_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AUTONAS_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="Expected AUTONAS_DATA to name the folder that holds mnist_10k.npz"):
        data.mnist()
    monkeypatch.setenv("AUTONAS_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Expected mnist_10k.npz in the folder that AUTONAS_DATA names"):
        data.mnist()
