"""Targets of every kind, there and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autonas_keras.tasks.targets import Labels, Numbers, find_labels, find_numbers, target_from_config

COUNT = 12


def three(values: Any) -> Any:
    return [values[i % 3] for i in range(COUNT)]


GIVEN = {
    "ints": np.array(three([0, 1, 2])),
    "uint8": np.array(three([3, 7, 9]), np.uint8),
    "strings": np.array(three(["cat", "dog", "owl"])),
    "objects": np.array(three(["cat", "dog", "owl"]), dtype=object),
    "bytes": np.array(three([b"cat", b"dog", b"owl"])),
    "floats of ints": np.array(three([0.0, 1.0, 5.0]), np.float32),
    "object ints": np.array(three([1, 2, 3]), dtype=object),
    "column": np.array(three([0, 1, 2]))[:, None],
    "list": three(["a", "b", "c"]),
    "series": pd.Series(three(["a", "b", "c"])),
    "index of series": pd.Series(three([4, 5, 6]), index=range(100, 100 + COUNT)),
    "nullable": pd.Series(three([4, 5, 6]), dtype="Int16"),
    "category": pd.Series(three(["a", "b", "c"]), dtype="category"),
    "frame": pd.DataFrame({"label": three(["a", "b", "c"])}),
}


@pytest.mark.parametrize("y", GIVEN.values(), ids=GIVEN)
def test_labels_come_back_as_they_were_given(y: Any) -> None:
    labels = find_labels(y)
    encoded = labels.encode(y)
    assert encoded.shape == (COUNT, 3) and encoded.dtype == np.float32
    assert encoded.sum(axis=1).tolist() == [1.0] * COUNT
    given = np.array(y)
    decoded = labels.decode(encoded * 0.6 + 0.1)
    assert decoded.shape == given.shape
    assert decoded.tolist() == given.tolist()
    if isinstance(y, np.ndarray) and y.dtype != object:
        assert decoded.dtype == y.dtype


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1] * 6),
        np.array([True, False] * 6),
        np.array(["no", "yes"] * 6),
        np.array([-1.0, 1.0] * 6),
        np.array([[0], [1]] * 6),
        pd.Series([True, False] * 6),
    ],
)
def test_two_classes_are_one_output(y: Any) -> None:
    labels = find_labels(y)
    assert labels.binary and labels.width == 1
    encoded = labels.encode(y)
    assert encoded.shape == (12, 1) and set(encoded.ravel()) == {0.0, 1.0}
    decoded = labels.decode(encoded)
    assert decoded.tolist() == np.array(y).tolist() and decoded.dtype == np.array(y).dtype


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
@pytest.mark.parametrize("classes", [2, 4])
def test_one_hot_comes_back_as_one_hot(dtype: str, classes: int) -> None:
    y = np.eye(classes, dtype=dtype)[np.arange(COUNT) % classes]
    labels = find_labels(y)
    assert labels.width == (1 if classes == 2 else classes)
    decoded = labels.decode(labels.encode(y))
    assert decoded.dtype == y.dtype and decoded.tolist() == y.tolist()


@pytest.mark.parametrize("columns", [2, 5])
def test_multi_label_comes_back_as_zeros_and_ones(columns: int) -> None:
    y = np.random.default_rng(0).integers(0, 2, (COUNT, columns))
    labels = find_labels(y, multi_label=True)
    assert labels.width == columns and not labels.binary
    decoded = labels.decode(labels.encode(y) * 0.8 + 0.1)
    assert decoded.tolist() == y.tolist() and decoded.dtype == y.dtype


def test_a_class_without_samples_may_be_announced() -> None:
    labels = find_labels(np.array([0, 2, 2]), num_classes=4)
    assert labels.classes == (0, 1, 2, 3)
    with pytest.raises(ValueError, match="Expected 4 classes"):
        find_labels(np.array(["a", "b"]), num_classes=4)
    with pytest.raises(ValueError, match="Expected 2 classes"):
        find_labels(np.array([0, 1, 2]), num_classes=2)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros(5), "at least two classes in y, got only 0.0"),
        (np.zeros(0), "got no sample"),
        (np.array([0, 1, np.nan]), "got 1 missing"),
        (np.array([0, 1, np.inf]), "finite labels"),
        (["a", None, "b"], "got 1 missing"),
        (pd.Series([1, 2, None], dtype="Int64"), "got 1 missing"),
        (np.zeros((4, 2, 2)), r"got shape \(4, 2, 2\)"),
        (np.array([[1, 1], [0, 1]]), "pass multi_label=True"),
        (np.array([[0.5, 0.5], [0, 1]]), "zeros and ones"),
        (np.random.default_rng(0).normal(size=100), "a regressor predicts numbers"),
        (np.array([[1, 0], [1, 0]]), "samples of 1 only"),
    ],
)
def test_wrong_labels_are_refused_in_one_sentence(y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_labels(y)


@pytest.mark.parametrize("y", [[1, "a"], np.array([object(), object()]), np.array([1j, 2j]), 3])
def test_labels_of_no_or_several_types_are_refused(y: Any) -> None:
    with pytest.raises(TypeError):
        find_labels(y)


def test_labels_that_training_did_not_have_are_refused() -> None:
    labels = find_labels(np.array(["a", "b", "c"]))
    with pytest.raises(ValueError, match="got 'd' and 1 others"):
        labels.encode(np.array(["a", "d", "e"]), "validation y")
    with pytest.raises(ValueError, match="convert them to one type"):
        labels.encode(np.array([0, 1]))
    with pytest.raises(ValueError, match="shape"):
        labels.encode(np.eye(3))
    with pytest.raises(ValueError, match="multi_label"):
        find_labels(np.eye(3)).encode(np.ones((2, 3)))


def test_labels_may_change_their_integer_type() -> None:
    labels = find_labels(np.array([0, 1, 2], np.uint8))
    np.testing.assert_array_equal(labels.encode(np.array([2.0, 0.0])), labels.encode(np.array([2, 0])))


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        (np.linspace(-5, 5, COUNT), "float64"),
        (np.linspace(-5, 5, COUNT, dtype="float32")[:, None], "float32"),
        (np.arange(COUNT), "float32"),
        (np.arange(2 * COUNT).reshape(COUNT, 2) / 3, "float64"),
        (list(range(COUNT)), "float32"),
        (pd.Series(np.arange(COUNT) / 2), "float64"),
    ],
)
def test_numbers_come_back_in_their_form(y: Any, dtype: str) -> None:
    numbers = find_numbers(y)
    encoded = numbers.encode(y)
    assert encoded.shape == (COUNT, numbers.width) and encoded.dtype == np.float32
    decoded = numbers.decode(encoded)
    assert decoded.dtype == dtype and decoded.shape == np.shape(y)
    np.testing.assert_allclose(decoded, np.asarray(y), rtol=1e-6)
    np.testing.assert_allclose(numbers.mean, np.asarray(y).reshape(COUNT, -1).mean(axis=0))


def test_constant_targets_have_scale_one() -> None:
    assert find_numbers(np.full(5, 3.7)).scale == (1.0,)


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (np.array([1.0, np.nan]), ValueError, "finite targets"),
        (np.array([1.0, 1e300]), ValueError, "finite targets"),
        (np.array(["a", "b"]), TypeError, "use a classifier"),
        (np.array(["a", None], dtype=object), TypeError, "got str"),
        (np.zeros((3, 2, 2)), ValueError, "shape"),
    ],
)
def test_wrong_numbers_are_refused_in_one_sentence(y: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        find_numbers(y)


def test_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="output_dim"):
        find_numbers(np.zeros((3, 2)), output_dim=1)
    with pytest.raises(ValueError, match="2 numbers per sample as in the training data"):
        find_numbers(np.zeros((3, 2))).encode(np.zeros(3))


@pytest.mark.parametrize(
    "target",
    [
        Labels(("a", "b"), "<U1", "vector"),
        Labels((False, True), "|b1", "column"),
        Labels((0, 1, 2), "<i8", "multi_label"),
        Numbers("float32", "vector", (1.5,), (2.5,)),
    ],
)
def test_targets_survive_json(target: Labels | Numbers) -> None:
    assert target_from_config(json.loads(json.dumps(target.get_config()))) == target
    assert target.describe()
