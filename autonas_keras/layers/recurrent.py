"""Networks of recurrent cells, out of stock Keras layers: a copy of the cell for each word, all with the same weights.

Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 3.1.2; the update of a node
is that of the authors' code.
"""

from __future__ import annotations

from functools import partial

import keras

from autonas_keras.layers.names import layer_name, layer_names
from autonas_keras.layers.operations import Tensor
from autonas_keras.layers.picking import Branch, Picker
from autonas_keras.layers.sequence import pooled
from autonas_keras.spaces.choice import Option
from autonas_keras.spaces.recurrent import RecurrentSpace

DROPPED = 0.3  # share of the embeddings and of the features that a step of the training does not see

_ACTIVATIONS: dict[str, Branch] = {
    "tanh": keras.ops.tanh,
    "relu": keras.ops.relu,
    "sigmoid": keras.ops.sigmoid,
    "identity": lambda x: x,
}


def recurrent_network(x: Tensor, space: RecurrentSpace, picker: Picker, name_prefix: str = "") -> Tensor:
    """The network of a space of recurrent cells.

    Node 0 is h + c * (tanh(u) - h) with [c, u] of the word and the state h before, c behind a sigmoid; a node that reads
    s is s + c * (activation(u) - s) with [c, u] = W s. The new state is the average of the nodes but node 0; where a text
    is over it stays.

    Args:
        x: Encoded texts (batch, columns), the numbers of their words first.
        space: A space that knows the texts.
        picker: What decides.
        name_prefix: Goes in front of the layers' names.

    Returns:
        The average of the states, (batch, units).

    Raises:
        ValueError: When the space does not know the texts.
    """
    if space.texts is None:
        raise ValueError("Expected a space that knows the texts, got one that does not; call fitted(texts) first.")
    units, steps = space.units, min(space.steps, space.texts.length)
    words = x[:, :steps]
    mask = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(words, 0), keras.config.floatx()), -1)
    ways: dict[Option, Branch] = {name: _ACTIVATIONS[name] for name in space.activations}
    with layer_names(f"{name_prefix}cell"):
        embedded = keras.layers.Embedding(space.texts.words, units, name=layer_name("table"))(words)
        embedded = keras.layers.SpatialDropout1D(DROPPED, name=layer_name("dropout"))(embedded)
        read = keras.layers.Dense(2 * units, name=layer_name("word"))(embedded)
        dense = [
            keras.layers.Dense(2 * units, use_bias=False, name=layer_name(f"node_{node}"))
            for node in range(space.nodes + 1)
        ]
    state, states = keras.ops.multiply(embedded[:, 0], 0.0), []
    for step in range(steps):
        mixed = keras.ops.add(read[:, step], dense[0](state))
        nodes = [_updated(state, mixed[:, :units], keras.ops.tanh(mixed[:, units:]))]
        for node in range(1, space.nodes + 1):
            before: dict[Option, Branch] = {place: partial(_taken, place) for place in range(node)}
            source = nodes[0] if node == 1 else picker.pick(f"input_{node}", list(nodes), before)
            mixed = dense[node](source)
            new = picker.pick(f"activation_{node}", mixed[:, units:], ways)
            nodes.append(_updated(source, mixed[:, :units], new))
        found = keras.ops.mean(keras.ops.stack(nodes[1:]), axis=0)
        state = keras.ops.add(state, keras.ops.multiply(mask[:, step], keras.ops.subtract(found, state)))
        states.append(state)
    sequence = keras.ops.multiply(keras.ops.stack(states, axis=1), mask)
    with layer_names(f"{name_prefix}features"):
        return keras.layers.Dropout(DROPPED, name=layer_name("dropout"))(pooled("average", [sequence, mask]))


def _updated(state: Tensor, gate: Tensor, new: Tensor) -> Tensor:
    return keras.ops.add(state, keras.ops.multiply(keras.ops.sigmoid(gate), keras.ops.subtract(new, state)))


def _taken(place: int, nodes: list[Tensor]) -> Tensor:
    return nodes[place]
