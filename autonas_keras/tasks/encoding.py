"""Which inputs are encoded, and by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autokeras import nodes

from autonas_keras.blocks import Graph, SentenceBlock
from autonas_keras.tasks.encoders import Encoder
from autonas_keras.tasks.table_encoder import TableEncoder
from autonas_keras.tasks.text_encoder import TextEncoder

# By the type of the input node: what makes its encoder of the node and the blocks that read it, or None when the input is
# to be taken as AutoKeras takes it.
ENCODERS: dict[type[nodes.Input], Callable[[Any, Sequence[Any]], Encoder | None]] = {
    nodes.StructuredDataInput: lambda node, readers: TableEncoder(node.column_names, node.column_types),
    nodes.TextInput: lambda node, readers: (
        TextEncoder() if any(isinstance(part, SentenceBlock) for part in readers) else None
    ),
}


def find_encoders(graph: Graph) -> list[Encoder | None]:
    """The encoder of each input of a graph, not fitted; None for inputs that are arrays as they come."""
    found: list[Encoder | None] = []
    for node in graph.inputs:
        readers = [part for part in graph.blocks if any(given is node for given in part.inputs)]
        make = next((make for kind, make in ENCODERS.items() if isinstance(node, kind)), None)
        found.append(None if make is None else make(node, readers))
    return found
