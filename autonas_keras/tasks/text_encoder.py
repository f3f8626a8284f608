"""Texts turned into numbers of their words and characters, by Keras's own layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import pandas as pd

from autonas_keras.spaces import Texts
from autonas_keras.tasks.encoders import Encoder
from autonas_keras.tasks.sources import as_array, as_text, type_name

MOST_WORDS = 20_000  # that have a number
MOST_CHARACTERS = 200
LONGEST = 256  # words of a text that are read
LONGEST_CHARACTERS = 1_024
SHARE = 0.99  # of the texts are read as a whole, where these bounds allow it
ROWS, CHUNK = 4_096, 2_000_000  # texts, and characters, that are looked at in one go


class TextEncoder(Encoder):
    """Turns texts into an int32 matrix: the numbers of their words in lower case, then those of their characters.

    Words are without punctuation, characters with it. Numbers are given by frequency: 0 is padding and 1 unknown.
    """

    sample_rank: ClassVar[int] = 0

    def __init__(self) -> None:
        self.words: list[str] = []
        self.characters: list[str] = []
        self._features: Texts | None = None
        self._layers: tuple[Any, Any] | None = None

    def read(self, data: Any, name: str) -> np.ndarray:
        texts = _objects(data, name)
        if texts.ndim == 2 and texts.shape[1] == 1:
            texts = texts[:, 0]
        if texts.ndim != 1:
            raise ValueError(f"Expected one text for every sample in {name}, got an array of shape {texts.shape}.")
        missing = int(pd.isna(texts).sum())
        if missing:
            raise ValueError(
                f"Expected a text for every sample in {name}, got {missing} missing; fill them with '' or leave them out."
            )
        wrong = next((text for text in texts if not isinstance(text, (str, bytes))), None)
        if wrong is not None:
            raise TypeError(f"Expected texts in {name}, got {type_name(wrong)}; convert them to strings.")
        found = np.empty(len(texts), object)
        found[:] = [as_text(text) for text in texts]
        return found

    def forget(self) -> None:
        self.words, self.characters, self._features, self._layers = [], [], None, None

    def fit(self, samples: np.ndarray, name: str) -> None:
        words, characters = _vectorization("words", MOST_WORDS), _vectorization("characters", MOST_CHARACTERS)
        for chunk in _chunks(samples):
            words.update_state(chunk[:, None])
            characters.update_state(chunk[:, None])
        for layer in (words, characters):
            layer.finalize_state()
        self.words, self.characters = _vocabulary(words), _vocabulary(characters)
        if not self.words:
            raise ValueError(f"Expected texts with words in {name}, got none.")
        lengths = np.array([(len(text.split()), len(text)) for text in samples])
        longest = np.minimum(np.quantile(lengths, SHARE, axis=0, method="higher"), (LONGEST, LONGEST_CHARACTERS))
        self._learn(int(longest[0]), int(longest[1]))

    def _learn(self, length: int, character_length: int) -> None:
        self._features = Texts(
            words=len(self.words) + 2,
            length=max(1, length),
            characters=len(self.characters) + 2,
            character_length=max(1, character_length),
        )
        self._layers = None

    def encode(self, samples: np.ndarray, name: str) -> np.ndarray:
        texts = self.features
        matrix = np.zeros((len(samples), texts.columns), np.int32)
        if self._layers is None:
            self._layers = self._made()
        start = 0
        for chunk in _chunks(samples):
            rows = [np.asarray(layer(chunk), np.int32) for layer in self._layers]
            matrix[start : start + len(chunk)] = np.concatenate(rows, axis=1)
            start += len(chunk)
        return matrix

    @property
    def features(self) -> Texts:
        if self._features is None:
            raise ValueError("Expected an encoder that was fitted, got one that was not; call fit first.")
        return self._features

    def get_state(self) -> dict[str, Any]:
        texts = self.features
        return {
            "words": list(self.words),
            "characters": list(self.characters),
            "length": texts.length,
            "character_length": texts.character_length,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.words, self.characters = list(state["words"]), list(state["characters"])
        self._learn(int(state["length"]), int(state["character_length"]))

    def _made(self) -> tuple[Any, Any]:
        texts = self.features
        return (
            _vectorization("words", None, texts.length, self.words),
            _vectorization("characters", None, texts.character_length, self.characters),
        )

    def preprocessing(self) -> tuple[Any, Any]:
        entry = keras.Input((), dtype="string", name="text")
        parts = [keras.ops.cast(layer(entry), "int32") for layer in self._made()]
        return entry, keras.layers.Concatenate(name="numbers")(parts)


def _vectorization(
    kind: str, most: int | None, length: int | None = None, vocabulary: Sequence[str] | None = None
) -> Any:
    words = kind == "words"
    return keras.layers.TextVectorization(
        max_tokens=most,
        standardize="lower_and_strip_punctuation" if words else "lower",
        split="whitespace" if words else "character",
        output_sequence_length=length,
        vocabulary=None if vocabulary is None else list(vocabulary),
        name=kind,
    )


def _vocabulary(layer: Any) -> list[str]:
    """What has a number; Keras loses the NULs at the end of a string, so some may be empty or there twice."""
    return list(dict.fromkeys(filter(None, layer.get_vocabulary(include_special_tokens=False))))


def _objects(data: Any, name: str) -> np.ndarray:
    """What holds the texts as an array of objects: one of strings has room for the longest in every place."""
    if isinstance(data, (str, bytes)):
        raise TypeError(f"Expected {name} as a list of texts, got one {type_name(data)}; put it into a list.")
    if isinstance(data, pd.DataFrame):
        data = data.to_numpy(dtype=object)
    elif isinstance(data, (pd.Series, pd.Index)):
        data = data.to_numpy(dtype=object)
    elif isinstance(data, (list, tuple)):
        if len(data) == 1 and isinstance(data[0], (np.ndarray, pd.Series, list)):
            return _objects(data[0], name)  # the texts of the only input, in a list
        found = np.empty(len(data), object)
        found[:] = [item[0] if isinstance(item, (list, np.ndarray)) and len(item) == 1 else item for item in data]
        return found
    array = as_array(data, name)
    if array.ndim == 0:
        raise TypeError(f"Expected {name} as a list of texts, got {array.item()!r}; put it into a list.")
    return array.astype(object)


def _chunks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Texts in their order, so many at once that they do not fill the memory."""
    ends = np.cumsum([len(text) for text in samples])
    start = 0
    while start < len(samples):
        before = int(ends[start - 1]) if start else 0
        end = int(np.searchsorted(ends, before + CHUNK, side="right"))
        end = min(max(end, start + 1), start + ROWS)
        yield samples[start:end]
        start = end
