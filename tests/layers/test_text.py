"""Networks for texts: what they count, and what they leave alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.layers import function_network
from autonas_keras.layers.sequence import pooled, sequence_operation
from autonas_keras.layers.text import BASE, BUCKETS, hashed_ngrams
from autonas_keras.spaces import TEXT_OPERATIONS, Texts, TextSpace
from autonas_keras.spaces.text import BAGS, POOLINGS

SMALL: dict[str, Any] = {"nodes": 1, "channels": 8, "width": 8, "embeddings": (8, 4)}
TEXTS = Texts(words=20, length=6, characters=9, character_length=30)


def network(texts: Texts, **decisions: Any) -> keras.Model:
    space = TextSpace(**SMALL, texts=texts)
    point = space.architecture({**space.default(), **decisions})
    x = keras.Input((texts.columns,), dtype="int32")
    return keras.Model(x, function_network(x, point, space))


def samples(count: int, texts: Texts, longest: int = 6) -> np.ndarray:
    """Texts of 0 to ``longest`` words and five times as many characters."""
    rng = np.random.default_rng(0)
    matrix = np.zeros((count, texts.columns), np.int32)
    for row in range(count):
        words = row % (longest + 1)
        matrix[row, :words] = rng.integers(1, texts.words, words)
        start = texts.length
        matrix[row, start : start + 5 * words] = rng.integers(1, texts.characters, 5 * words)
    return matrix


def test_ngrams_are_hashed_as_by_hand() -> None:
    numbers = np.array([[7, 65_535, 3, 0], [19_999, 0, 0, 0]], np.int32)
    for size in (2, 3):
        buckets, there = (keras.ops.convert_to_numpy(part) for part in hashed_ngrams(tf.constant(numbers), size))
        for row in range(2):
            for start in range(numbers.shape[1] - size + 1):
                expected = size * BASE
                for place, number in enumerate(numbers[row, start : start + size].tolist()):
                    expected = (expected * (BASE if place else 1) + number) % BUCKETS
                assert buckets[row, start] == expected
        assert there.tolist() == [[0 not in numbers[r, s : s + size] for s in range(5 - size)] for r in range(2)]


def test_ngrams_of_sequences_that_are_too_short_are_padding() -> None:
    buckets, there = hashed_ngrams(tf.constant([[5]], tf.int32), 3)
    assert buckets.shape == (1, 1) and not keras.ops.convert_to_numpy(there).any()


@pytest.mark.parametrize(
    "decisions",
    [
        *({"bag": bag, "sequence": "average"} for bag in BAGS),
        {"sequence": "cell", "embedding": 4, "length": 0.5},
        *({"bag": "none", "edge_0_1": name} for name in TEXT_OPERATIONS),
        *({"bag": "none", "pooling": kind} for kind in POOLINGS),
    ],
    ids=lambda decisions: "-".join(map(str, decisions.values())),
)
def test_every_option_trains_a_step_and_padding_changes_nothing(decisions: dict[str, Any]) -> None:
    model = network(TEXTS, **decisions)
    x = samples(8, TEXTS)
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(keras.ops.square(model(x, training=True)))
    gradients = tape.gradient(loss, model.trainable_weights)
    assert all(gradient is not None for gradient in gradients)
    features = model.predict_on_batch(x)
    assert np.isfinite(features).all()
    # What depends on the length of the longest text is how much of it a share of the length is.
    if decisions.get("length", 1.0) == 1.0:
        longer = Texts(words=20, length=9, characters=9, character_length=41)
        padded = np.zeros((8, longer.columns), np.int32)
        padded[:, :6], padded[:, 9:39] = x[:, :6], x[:, 6:]
        other = network(longer, **decisions)
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(other.predict_on_batch(padded), features, atol=1e-6)


def test_averages_and_maxima_leave_padding_out() -> None:
    x = tf.constant([[[-1.0], [-3.0], [0.0], [0.0]]])
    mask = tf.constant([[[1.0], [1.0], [0.0], [0.0]]])
    assert pooled("max", [x, mask]).numpy().tolist() == [[-1.0]]
    assert pooled("average", [x, mask]).numpy().tolist() == [[-2.0]]
    assert sequence_operation("max_pool_3")([x, mask]).numpy().ravel().tolist() == [-1, -1, 0, 0]
    np.testing.assert_allclose(sequence_operation("avg_pool_3")([x, mask]).numpy().ravel(), [-2, -2, 0, 0], atol=1e-6)


def test_a_bag_does_not_look_at_the_order_of_words_and_a_cell_does() -> None:
    x = samples(7, TEXTS)[6:]
    turned = np.concatenate([x[:, 5::-1], x[:, 6:]], axis=1)
    bag = network(TEXTS, bag="words", sequence="average")
    np.testing.assert_allclose(bag.predict_on_batch(turned), bag.predict_on_batch(x), atol=1e-6)
    cell = network(TEXTS, bag="none", edge_0_1="conv_3")
    assert np.abs(cell.predict_on_batch(turned) - cell.predict_on_batch(x)).max() > 1e-3


def test_a_space_without_texts_is_refused() -> None:
    space = TextSpace(**SMALL)
    with pytest.raises(ValueError, match="Expected a space that knows the texts"):
        function_network(keras.Input((36,), dtype="int32"), space.default(), space)
