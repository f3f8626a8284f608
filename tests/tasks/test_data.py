"""What people pass as images and samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autonas_keras.tasks import data, sources


def images(count: int = 6, shape: tuple[int, ...] = (8, 8, 3), dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(dtype)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (9, 7, 3), (224, 224, 3), (1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_images_of_every_dtype_keep_their_values(shape: tuple[int, ...], dtype: str) -> None:
    x = images(2, shape, dtype)
    found = data.as_images(x)
    assert found.shape == x.shape
    assert found.dtype == (np.uint8 if dtype in ("uint8", "int64") else np.float32)
    np.testing.assert_array_equal(found, x.astype(np.float32))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)])
def test_channels_that_come_first_are_warned_of(shape: tuple[int, ...]) -> None:
    with pytest.warns(UserWarning, match=r"in x of shape \(height, width, channels\), got .*np.moveaxis\(x, 1, -1\)"):
        assert data.as_images(images(2, shape)).shape == (2, *shape)


@pytest.mark.parametrize("shape", [(32, 32, 3), (3, 32, 3), (3, 32), (1, 1, 8), (28, 28, 1), (2, 8, 8)])
def test_other_images_are_taken_without_a_warning(shape: tuple[int, ...], recwarn: pytest.WarningsRecorder) -> None:
    data.as_images(images(2, shape))
    assert not recwarn.list


def test_integers_beyond_a_byte_and_booleans_are_images_too() -> None:
    x = np.full((2, 8, 8), -3)
    assert data.as_images(x).dtype == np.float32
    np.testing.assert_array_equal(data.as_images(x > 0), np.zeros((2, 8, 8)))


def test_a_list_of_images_is_an_array() -> None:
    x = images()
    for given in (list(x), tuple(x), x.tolist()):
        np.testing.assert_array_equal(data.as_images(given), x)


def test_a_series_of_arrays_is_an_array() -> None:
    x = images()
    np.testing.assert_array_equal(data.as_images(pd.Series(list(x))), x)


def test_a_missing_or_needless_channel_axis_is_mended_for_prediction() -> None:
    x = images(shape=(8, 8))
    assert data.as_images(x, shape=(8, 8, 1)).shape == (6, 8, 8, 1)
    assert data.as_images(x[..., None], shape=(8, 8)).shape == (6, 8, 8)


def nan_image() -> np.ndarray:
    x = images(dtype="float32")
    x[3, 0, 0, 0] = np.nan
    return x


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (nan_image(), "finite pixels in x, got NaN or infinity in 1 of 6"),
        (np.where(np.isnan(nan_image()), np.inf, 0.0), "NaN or infinity in 1 of 6"),
        (np.full((2, 8, 8), 1e300), "NaN or infinity in 2 of 2"),
        (np.zeros((4, 8)), r"got shape \(4, 8\)"),
        (np.zeros((4, 8, 8, 3, 1)), r"got shape \(4, 8, 8, 3, 1\)"),
        (np.zeros((4, 0, 8)), "images with pixels"),
        ([np.zeros((8, 8)), np.zeros((9, 8))], r"one shape, got \(8, 8\) and \(9, 8\)"),
    ],
)
def test_wrong_images_are_refused_in_one_sentence(x: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        data.as_images(x)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.full((2, 8, 8), "a"), "numbers in x, got dtype <U1"),
        (np.full((2, 8, 8), "a", dtype=object), "numbers in x, got str"),
        (np.zeros((2, 8, 8), complex), "got dtype complex128"),
        ("images/", "got str"),
        (None, "got NoneType"),
        (iter([1]), "got list_iterator"),
        (np.ma.zeros((2, 8, 8)), "mask"),
    ],
)
def test_what_holds_no_numbers_is_refused(x: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        data.as_images(x)


def test_another_size_than_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(8, 8, 3\) as in the training data, got \(9, 8, 3\)"):
        data.as_images(images(shape=(9, 8, 3)), shape=(8, 8, 3))


def test_objects_that_hold_numbers_are_numbers() -> None:
    x = images().astype(object)
    assert data.as_images(x).dtype == np.float32


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pd.Series([1, 2], dtype="Int64"), "i"),
        (pd.Series([1, None], dtype="Int64"), "f"),
        (pd.Series([1.5, 2.5], dtype="Float32"), "f"),
        (pd.Series([True, False], dtype="boolean"), "b"),
        (pd.Series(["a", "b"]), "O"),
        (pd.Series(["a", "b"], dtype="category"), "O"),
        (pd.Series([3, 4], dtype="category"), "i"),
    ],
)
def test_pandas_dtypes_become_those_of_numpy(series: pd.Series, kind: str) -> None:
    found = sources.as_array(series, "y")
    assert found.dtype.kind == kind
    if kind != "f" or not series.isna().any():
        assert found.tolist() == series.tolist()


def test_a_frame_keeps_its_rows() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    np.testing.assert_array_equal(sources.as_array(frame, "x"), [[1, 0.5], [2, 1.5]])


def test_parts_of_several_inputs() -> None:
    a, b = images(), np.zeros((6, 2))
    assert [part.shape for part in data.as_parts([a, b], 2, "x")] == [a.shape, b.shape]
    assert data.as_parts({"a": a}, 1, "x")[0] is a
    named = data.by_name({"b": b, "a": a}, ["a", "b"], "x")
    assert named[0] is a and named[1] is b and data.by_name(a, ["a", "b"], "x") is a
    with pytest.raises(ValueError, match=r"Expected x with the keys \['a', 'b'\].*got \['a', 'c'\]"):
        data.by_name({"a": a, "c": b}, ["a", "b"], "x")
    assert data.as_parts(a, 1, "x")[0] is a
    for wrong, got in ((a, "one ndarray"), ([a], "got 1"), ([a, b, b], "got 3")):
        with pytest.raises(ValueError, match=got):
            data.as_parts(wrong, 2, "x")


def test_the_only_input_may_stand_in_a_list() -> None:
    for x in (images(), images(shape=(8, 8))):
        np.testing.assert_array_equal(data.as_images([x]), x)
    np.testing.assert_array_equal(data.as_images([images()[0]]), images()[:1])


def test_lengths_that_differ_or_too_few_samples_are_refused() -> None:
    assert data.check_lengths({"x": np.zeros(3), "y": np.zeros(3)}, 2) == 3
    with pytest.raises(ValueError, match="got 3 in x, 4 in y"):
        data.check_lengths({"x": np.zeros(3), "y": np.zeros(4)})
    for count in (0, 1):
        with pytest.raises(ValueError, match=f"at least 2 samples in x, got {count}"):
            data.check_lengths({"x": np.zeros(count)}, 2)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, "32", None])
def test_batch_sizes_that_are_none_are_refused(batch_size: object) -> None:
    with pytest.raises(ValueError, match="positive integer"):
        data.check_batch_size(batch_size)


def test_a_split_keeps_the_shares_of_the_classes_and_is_drawn_by_the_seed() -> None:
    classes = np.sort(np.random.default_rng(0).integers(0, 5, 203))
    train, validation = data.split_indices(203, 0.2, 0, classes)
    assert len(validation) == 41
    assert sorted([*train, *validation]) == list(range(203))
    shares = np.bincount(classes[validation]) / np.bincount(classes)
    assert np.abs(shares - 0.2).max() < 0.03
    same = data.split_indices(203, 0.2, 0, classes)[1]
    other = data.split_indices(203, 0.2, 1, classes)[1]
    assert same.tolist() == validation.tolist() != other.tolist()


def test_every_class_keeps_a_sample_to_train_on() -> None:
    classes = np.array([0] * 10 + [1])
    for fraction in (0.2, 0.9):
        train, validation = data.split_indices(11, fraction, 0, classes)
        assert set(classes[train]) == {0, 1} and len(validation) > 0


def test_a_split_does_not_touch_the_global_generator() -> None:
    before = np.random.get_state()[1].tolist()
    data.split_indices(10, 0.5, 0)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize(
    ("count", "fraction"), [(4, 0.1), (2, 0.9), (3, 0.0), (3, 1.0), (3, -1), (3, 2), (3, True), (3, "x")]
)
def test_a_split_that_leaves_nothing_is_refused(count: int, fraction: float) -> None:
    with pytest.raises(ValueError, match="Expected validation_split"):
        data.split_indices(count, fraction, 0)


def test_a_split_of_classes_with_one_sample_each_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves none for validation"):
        data.split_indices(3, 0.34, 0, np.arange(3))


def test_the_fingerprint_differs_with_the_data() -> None:
    x = images()
    changed = x.copy()
    changed[-1, -1, -1, -1] ^= 1
    prints = [data.fingerprint(arrays) for arrays in ([x], [changed], [x[:-1]], [x.astype("int16")], [x, x])]
    assert len(set(prints)) == len(prints)
    assert data.fingerprint([x.copy()]) == prints[0]


@pytest.mark.parametrize("batch", [None, 4])
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3)])
@pytest.mark.parametrize("drop", [False, True])
def test_a_dataset_gives_its_arrays(batch: int | None, shape: tuple[int, ...], drop: bool) -> None:
    import tensorflow as tf

    x, y = images(shape=shape), np.arange(6)
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    if batch:
        dataset = dataset.batch(batch, drop_remainder=drop)
    rows = 4 if batch and drop else 6
    found_x, found_y = sources.from_dataset(dataset, "x")
    np.testing.assert_array_equal(found_x, x[:rows])
    np.testing.assert_array_equal(found_y, y[:rows])
    assert sources.is_dataset(dataset) and not sources.is_dataset(x)


def test_a_dataset_of_strings_and_several_inputs() -> None:
    import tensorflow as tf

    x, table, y = images(), np.zeros((6, 2), "float32"), np.array(list("ababab"))
    dataset = tf.data.Dataset.from_tensor_slices(((x, table), y)).batch(4)
    (found_x, found_table), found_y = sources.from_dataset(dataset, "x")
    assert found_x.shape == x.shape and found_table.shape == table.shape
    assert found_y.tolist() == y.tolist()


def test_texts_of_a_dataset_take_the_room_that_they_need_and_may_be_broken() -> None:
    import tensorflow as tf

    texts = [b"long " * 1_000, b"caf\xe9", *[b"short"] * 6]
    dataset = tf.data.Dataset.from_tensor_slices((texts, texts))
    for given in (dataset, dataset.batch(3)):
        for found in sources.from_dataset(given, "x"):
            assert found.nbytes < 1_000 and found[1] == "caf\ufffd" and found[-1] == "short"


def test_labels_may_be_a_tensor_of_strings() -> None:
    import tensorflow as tf

    assert sources.as_array(tf.constant(["a", "b"]), "y").tolist() == ["a", "b"]


def test_one_hot_targets_of_an_unbatched_dataset() -> None:
    import tensorflow as tf

    x, y = images(shape=(8, 8, 3)), np.eye(8)[:6]
    found_x, found_y = sources.from_dataset(tf.data.Dataset.from_tensor_slices((x, y)), "x")
    assert found_x.shape == x.shape and found_y.shape == y.shape


@pytest.mark.parametrize("batch", [None, 4])
def test_plain_vectors_of_a_dataset_stay_vectors(batch: int | None) -> None:
    import tensorflow as tf

    x, y = np.arange(42.0).reshape(6, 7), np.arange(12).reshape(6, 2)
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    found_x, found_y = sources.from_dataset(dataset.batch(batch) if batch else dataset, "x")
    np.testing.assert_array_equal(found_x, x)
    np.testing.assert_array_equal(found_y, y)


@pytest.mark.parametrize("batch", [None, 4])
def test_shapes_that_are_not_known_are_those_of_the_first_element(batch: int | None) -> None:
    import tensorflow as tf

    x, y = images(), np.arange(6)
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    dataset = dataset.batch(batch) if batch else dataset
    unknown = dataset.map(lambda *parts: tf.py_function(lambda *p: p, parts, (tf.uint8, tf.int64)))
    assert unknown.element_spec[0].shape.rank is None
    found_x, found_y = sources.from_dataset(unknown, "x")
    np.testing.assert_array_equal(found_x, x)
    np.testing.assert_array_equal(found_y, y)


def test_images_of_any_size_alone_are_no_batches(tmp_path: Path) -> None:
    import tensorflow as tf

    from autonas_keras.tasks import ImageClassifier, convert

    x = images()
    spec = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(lambda: iter(x), output_signature=spec)
    (found,) = convert.read_inputs(ImageClassifier(tuner="random", directory=tmp_path), dataset, "x", None)
    np.testing.assert_array_equal(found, x)


TABLE, TEXTS = np.arange(18.0).reshape(6, 3), np.array(list("abcdef"))
COLUMNS = {name: TABLE[:, i] for i, name in enumerate("abc")}


@pytest.mark.parametrize(
    "target", [lambda y: y, lambda y: y[:, None], lambda y: np.eye(3)[y], lambda y: (y, y[:, None])]
)
@pytest.mark.parametrize("x", [TABLE, COLUMNS, TEXTS, (TEXTS, COLUMNS), (TEXTS, TABLE)])
def test_samples_of_tables_and_texts_are_told_from_batches(x: Any, target: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    from autonas_keras import blocks
    from autonas_keras.tasks import AutoModel, convert

    parts = x if isinstance(x, tuple) else (x,)
    inputs = [blocks.TextInput() if part is TEXTS else blocks.StructuredDataInput() for part in parts]
    taken = [(blocks.TextBlock if part is TEXTS else blocks.StructuredDataBlock)() for part in parts]
    merged = [block(entry) for block, entry in zip(taken, inputs, strict=True)]
    y = target(np.arange(6) % 3)
    heads = 2 if isinstance(y, tuple) else 1
    joined = blocks.Merge()(merged) if len(merged) > 1 else merged[0]
    outputs = [blocks.ClassificationHead()(joined) for _ in range(heads)]
    model = AutoModel(inputs, outputs, tuner="random", directory=tmp_path)
    rows = tf.data.Dataset.from_tensor_slices((x, y))
    for dataset in (rows, rows.batch(2), rows.batch(4)):
        found_x, found_y = convert.pair(model, dataset, None, "x")
        tf.nest.map_structure(np.testing.assert_array_equal, (found_x, found_y), (x, y))
        alone = convert.read_inputs(model, dataset.map(lambda x, y: x), "x", None)
        assert [len(next(iter(part.values())) if isinstance(part, dict) else part) for part in alone] == [6] * len(
            parts
        )


def test_datasets_that_cannot_be_used_are_refused() -> None:
    import tensorflow as tf

    x = images()
    pairs = tf.data.Dataset.from_tensor_slices((x, np.arange(6)))
    for dataset, words in (
        (tf.data.Dataset.from_tensor_slices(x), "dataset of"),
        (pairs.repeat(), "finite"),
        (pairs.take(0), "empty"),
    ):
        with pytest.raises(ValueError, match=words):
            sources.from_dataset(dataset, "x")
