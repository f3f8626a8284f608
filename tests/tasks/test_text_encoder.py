"""Texts as people have them, and the numbers that they become."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from autonas_keras.tasks.encoders import with_preprocessing
from autonas_keras.tasks.text_encoder import LONGEST, LONGEST_CHARACTERS, TextEncoder

TEXTS = ["Don't stop, no!", "no no 😀", "", "café\r\nau lait", "unseen? " * 300]


def fitted(texts: list[str] | None = None) -> TextEncoder:
    encoder = TextEncoder()
    encoder.fit(encoder.read(TEXTS[:4] if texts is None else texts, "x"), "x")
    return encoder


def test_words_are_numbered_by_frequency_and_characters_too() -> None:
    encoder = fitted()
    texts = encoder.features
    assert (texts.length, texts.character_length) == (3, len("Don't stop, no!"))
    assert encoder.words[0] == "no" and set(encoder.words) == {"no", "dont", "stop", "😀", "café", "au", "lait"}
    matrix = encoder.encode(encoder.read(["NO what", "'", "!zzz"], "x"), "x")
    assert matrix.dtype == np.int32 and matrix.shape == (3, texts.columns)
    assert matrix[:, :3].tolist() == [[2, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert matrix[2, 3] == encoder.characters.index("!") + 2 and matrix[2, 4] == 1


def test_an_exported_model_gives_the_same_numbers_to_the_bit(tmp_path: Any) -> None:
    encoder = fitted()
    samples = encoder.read([*TEXTS, "\ud800 half", "a\0b", "x" * 5000], "x")
    entry, numbers = encoder.preprocessing()
    keras.Model(entry, numbers).save(tmp_path / "numbers.keras")
    model = keras.saving.load_model(tmp_path / "numbers.keras")
    np.testing.assert_array_equal(model(tf.constant(samples.tolist())).numpy(), encoder.encode(samples, "x"))
    one = keras.Input((encoder.features.columns,), dtype="int32")
    network = keras.Model(one, keras.layers.Lambda(lambda x: x[:, :1])(one))
    exported = with_preprocessing(network, [encoder])
    np.testing.assert_array_equal(exported.predict(samples, verbose=0), encoder.encode(samples, "x")[:, :1])


def test_what_was_learnt_survives_as_state() -> None:
    encoder, other = fitted(), TextEncoder()
    other.set_state(encoder.get_state())
    samples = encoder.read(TEXTS, "x")
    np.testing.assert_array_equal(other.encode(samples, "x"), encoder.encode(samples, "x"))
    assert other.features == encoder.features


def test_a_text_of_a_million_characters_is_read_within_bounds() -> None:
    encoder = fitted(["word " * 200_000, "short"])
    assert encoder.features.length == LONGEST and encoder.features.character_length == LONGEST_CHARACTERS
    matrix = encoder.encode(encoder.read(["word " * 200_000, "word"], "x"), "x")
    assert (matrix[0, :LONGEST] == 2).all() and (matrix[1, :LONGEST] != 0).sum() == 1


@pytest.mark.parametrize(
    "data",
    [
        ["no", "no no 😀"],
        ("no", "no no 😀"),
        np.array(["no", "no no 😀"]),
        np.array([["no"], ["no no 😀"]], object),
        np.array([b"no", "no no 😀".encode()]),
        pd.Series(["no", "no no 😀"], index=[5, 3]),
        pd.Series(["no", "no no 😀"], dtype="string"),
        pd.Series(["no", "no no 😀"], dtype="category"),
        pd.DataFrame({"text": ["no", "no no 😀"]}),
        tf.constant(["no", "no no 😀"]),
        [np.array(["no", "no no 😀"])],
    ],
    ids=lambda data: type(data).__name__,
)
def test_texts_come_in_many_forms(data: Any) -> None:
    assert TextEncoder().read(data, "x").tolist() == ["no", "no no 😀"]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (["a", None], ValueError, "Expected a text for every sample in x, got 1 missing"),
        (pd.Series(["a", np.nan, None]), ValueError, "got 2 missing"),
        (pd.Series(["a", pd.NA], dtype="string"), ValueError, "got 1 missing"),
        (["a", 3], TypeError, "Expected texts in x, got int"),
        (np.zeros(3), TypeError, "Expected texts in x, got float"),
        ("a text", TypeError, "Expected x as a list of texts, got one str"),
        (
            np.array([["a", "b"]]),
            ValueError,
            r"Expected one text for every sample in x, got an array of shape \(1, 2\)",
        ),
        ([["a", "b"], ["c", "d"]], TypeError, "Expected texts in x, got list"),
    ],
)
def test_what_is_no_text_is_refused(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TextEncoder().read(data, "x")


def test_texts_with_nul_characters_are_learnt_from() -> None:
    encoder = fitted(["a\0 b\0", "a\0 a c", "\0"])
    samples = encoder.read(["a\0 c", "a b", "\0"], "x")
    entry, numbers = encoder.preprocessing()
    expected = encoder.encode(samples, "x")
    assert set(encoder.words) == {"a", "b", "c"} and expected[1, 0] > 1
    np.testing.assert_array_equal(keras.Model(entry, numbers)(tf.constant(samples.tolist())).numpy(), expected)


def test_training_texts_without_words_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected texts with words in x, got none"):
        fitted(["", " ", "?!"])
