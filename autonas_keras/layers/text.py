"""Networks for texts, out of stock Keras layers.

References: Joulin, Grave, Bojanowski, Mikolov, "Bag of Tricks for Efficient Text Classification" (fastText), EACL 2017;
Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017, section 3.2 (n-grams of characters, which
are hashed here by place in the text, as one table serves all).
"""

from __future__ import annotations

from functools import partial

import keras
import numpy as np

from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import Tensor
from autonas_keras.layers.picking import Branch, Picker
from autonas_keras.layers.sequence import pooled, sequence_operation
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.text import TextSpace, edge_name
from autonas_keras.spaces.texts import Texts

BUCKETS = 32_749  # rows of a table of hashed n-grams, a prime
BASE = 31_337  # of their hash; (BUCKETS - 1) * BASE and a number of a word stay below 2^31
SUBWORDS = (2, 3, 4, 5)  # characters of an n-gram
UNREAD = 0.3  # share of the words and n-grams that a step of the training does not see


def text_network(x: Tensor, space: TextSpace, picker: Picker, name_prefix: str = "") -> Tensor:
    """The network of a space of texts.

    Args:
        x: Encoded texts (batch, columns): the numbers of their words, then those of their characters.
        space: A space that knows the texts.
        picker: What decides.
        name_prefix: Goes in front of the layers' names.

    Returns:
        Features (batch, channels).

    Raises:
        ValueError: When the space does not know the texts.
    """
    if space.texts is None:
        raise ValueError("Expected a space that knows the texts, got one that does not; call fitted(texts) first.")
    texts = space.texts
    words, characters = x[:, : texts.length], x[:, texts.length :]
    there = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(words, 0), keras.config.floatx()), -1)
    mask = picker.pick("length", there, {share: partial(_read, share) for share in space.lengths})
    bags: dict[Option, Branch] = {name: partial(_BAGS[name], space, texts) for name in space.bags}
    bag = picker.pick("bag", [words, mask, characters], bags)
    sequences: dict[Option, Branch] = {
        "cell": partial(_cell, space, texts, picker),
        "average": partial(_average, space, texts),
    }
    sequence = picker.pick("sequence", [words, mask], {name: sequences[name] for name in space.sequences})
    with layer_names(f"{name_prefix}features"):
        joined = keras.layers.Concatenate(name=layer_name("joined"))([bag, sequence])
    return picker.pick("dropout", joined, {rate: partial(_dropped, rate) for rate in space.dropouts})


def hashed_ngrams(numbers: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Buckets of the n-grams of sequences of numbers, and which of them are without padding.

    The bucket of (a, b) is ((size * BASE + a) * BASE + b) mod BUCKETS, with a mod after each step.

    Args:
        numbers: int32 (batch, length), padding zero, all below 65,536.
        size: Numbers of an n-gram.

    Returns:
        int32 and bool, both (batch, length - size + 1), at least one of them: short sequences are padded.
    """
    length = int(numbers.shape[1])
    if length < size:
        numbers, length = keras.ops.pad(numbers, ((0, 0), (0, size - length))), size
    count = length - size + 1
    found = keras.ops.mod(keras.ops.add(numbers[:, :count], size * BASE), BUCKETS)
    for place in range(1, size):
        step = keras.ops.add(keras.ops.multiply(found, BASE), numbers[:, place : place + count])
        found = keras.ops.mod(step, BUCKETS)
    return found, keras.ops.not_equal(numbers[:, size - 1 :], 0)


# The bag


def _words(space: TextSpace, texts: Texts, read: list[Tensor], width: int | None = None) -> Tensor:
    words, mask, _ = read
    rank = keras.ops.cast(words, mask.dtype)
    # Numbers go by frequency, and by Zipf's law this is about the inverse document frequency, log(texts / texts with it).
    weights = keras.ops.multiply(keras.ops.squeeze(mask, -1), keras.ops.add(1.0, keras.ops.log1p(rank)))
    return _weighted("words", words, weights, texts.words, width or space.width)


def _words_bigrams(space: TextSpace, texts: Texts, read: list[Tensor]) -> Tensor:
    words, mask, _ = read
    width = space.width // 2
    buckets, there = hashed_ngrams(words, 2)
    weights = keras.ops.cast(there, mask.dtype)
    if texts.length > 1:
        weights = keras.ops.multiply(weights, keras.ops.squeeze(mask, -1)[:, 1:])
    bigrams = _weighted("bigrams", buckets, weights, BUCKETS, width)
    return _joined([_words(space, texts, read, space.width - width), bigrams])


def _words_characters(space: TextSpace, texts: Texts, read: list[Tensor]) -> Tensor:
    _, mask, characters = read
    width = space.width // (1 + len(SUBWORDS))
    parts = [_words(space, texts, read, space.width - len(SUBWORDS) * width)]
    for size in SUBWORDS:
        buckets, there = hashed_ngrams(characters, size)
        parts.append(_weighted(f"subwords_{size}", buckets, keras.ops.cast(there, mask.dtype), BUCKETS, width))
    return _joined(parts)


def _joined(parts: list[Tensor]) -> Tensor:
    return keras.layers.Concatenate(name=layer_name("parts"))(parts)


def _no_bag(space: TextSpace, texts: Texts, read: list[Tensor]) -> Tensor:
    return keras.ops.repeat(keras.ops.multiply(read[1][:, 0, :], 0.0), space.width, axis=1)


_BAGS = {
    "words": _words,
    "words_bigrams": _words_bigrams,
    "words_characters": _words_characters,
    "none": _no_bag,
}


def _weighted(kind: str, numbers: Tensor, weights: Tensor, size: int, width: int) -> Tensor:
    """The sum of embeddings (batch, width), weights divided by their Euclidean norm as in TF-IDF."""
    norm = keras.ops.sqrt(keras.ops.sum(keras.ops.square(weights), axis=1, keepdims=True))
    weights = keras.ops.divide(weights, keras.ops.maximum(norm, 1e-3))
    weights = keras.layers.Dropout(UNREAD, name=layer_name(f"{kind}_dropout"))(weights)
    rows = keras.layers.Embedding(size, width, name=layer_name(f"{kind}_table"))(numbers)
    return keras.ops.sum(keras.ops.multiply(rows, keras.ops.expand_dims(weights, -1)), axis=1)


# The sequence


def _read(share: float, mask: Tensor) -> Tensor:
    """The mask of the first words of a text."""
    if share == 1.0:
        return mask
    length = int(mask.shape[1])
    read = np.arange(length).reshape(1, length, 1) < max(1, round(share * length))
    return keras.ops.multiply(mask, read.astype("float32"))


def _cell(space: TextSpace, texts: Texts, picker: Picker, read: list[Tensor]) -> Tensor:
    """A cell of operations on the embeddings of words, and its pooling: (batch, nodes * channels)."""
    words, mask = read
    widths: dict[Option, Branch] = {size: partial(_embedded, size, space, texts) for size in space.embeddings}
    nodes = [picker.pick("embedding", [words, mask], widths)]
    ways: dict[Option, Branch] = {name: sequence_operation(name) for name in space.operations}
    for node in range(1, space.nodes + 1):
        incoming = [picker.pick(edge_name(source, node), [nodes[source], mask], ways) for source in range(node)]
        nodes.append(keras.ops.sum(keras.ops.stack(incoming), axis=0) if node > 1 else incoming[0])
    joined = keras.layers.Concatenate(name=layer_name("nodes"))(nodes[1:]) if space.nodes > 1 else nodes[1]
    return picker.pick("pooling", [joined, mask], {kind: partial(pooled, kind) for kind in space.poolings})


def _embedded(size: int, space: TextSpace, texts: Texts, read: list[Tensor]) -> Tensor:
    words, mask = read
    x = keras.layers.Embedding(texts.words, size, name=layer_name("table"))(words)
    x = keras.layers.SpatialDropout1D(UNREAD, name=layer_name("dropout"))(x)
    if size != space.channels:
        x = keras.layers.Dense(space.channels, use_bias=False, name=layer_name("width"))(x)
    seen = keras.layers.Dropout(UNREAD, name=layer_name("unread"))(mask)
    return keras.ops.multiply(x, seen)


def _average(space: TextSpace, texts: Texts, read: list[Tensor]) -> Tensor:
    """The average of the embeddings of words, as wide as what the cell gives."""
    words, mask = read
    x = keras.layers.Embedding(texts.words, space.channels, name=layer_name("table"))(words)
    x = pooled("average", [keras.ops.multiply(x, mask), mask])
    return keras.layers.Dense(space.nodes * space.channels, activation="relu", name=layer_name("dense"))(x)


def _dropped(rate: float, x: Tensor) -> Tensor:
    return keras.layers.Dropout(rate, name=layer_name("dropout"))(x) if rate else x
