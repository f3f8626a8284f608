"""What a search by gradient or a controller wrote down of its weights after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autonas_keras.reporting.story import Mixture
from autonas_keras.spaces import CellSpace, JoinedSpace, Space

EPOCHS = 60  # epochs of a training that are shown at most


def read_mixtures(
    entries: Sequence[Mapping[str, Any]], space: Space | None, options: Mapping[str, Sequence[str]]
) -> list[Mixture]:
    """The mixtures of the epochs of a training.

    Args:
        entries: What was written down after each epoch.
        space: The joined space that is searched, None when it is not known.
        options: Options of the hyperparameters by name, which a controller decides on.

    Raises:
        ValueError: When the records do not fit the space.
    """
    records = [entry["record"] for entry in thinned(entries, EPOCHS) if entry.get("record")]
    if not records:
        return []
    if "probabilities" in records[0]:
        return _probabilities([record["probabilities"] for record in records], options)
    found = []
    for block, kinds in records[0].items():
        part = space.parts.get(block) if isinstance(space, JoinedSpace) else None
        for kind, table in kinds.items():
            values = [record[block][kind] for record in records]
            rows, names = _names(part, table)
            several = isinstance(space, JoinedSpace) and len(space.parts) > 1
            title = f"{kind} cell" if kind != "cell" else "cell"
            found.append(Mixture(f"{block}, {title}" if several else title, rows, [names] * len(rows), values))
    return found


def _names(part: Space | None, table: Sequence[Sequence[float]]) -> tuple[list[str], list[str]]:
    """Names of the edges and of the operations."""
    width = len(table[0])
    if not isinstance(part, CellSpace):
        return [f"edge {row}" for row in range(len(table))], [f"operation {column}" for column in range(width)]
    if (len(part.edges), len(part.operations)) != (len(table), width):
        raise ValueError(
            f"Expected weights of {len(part.edges)} edges and {len(part.operations)} operations, "
            f"got {len(table)} and {width}."
        )
    return [f"{_state(state, part.inputs)} → {node}" for node, state in part.edges], list(part.operations)


def _state(state: int, inputs: int) -> str:
    if state >= inputs:
        return str(state)
    return "input" if inputs == 1 else f"k\N{MINUS SIGN}{inputs - state}"


def _probabilities(records: Sequence[Mapping[str, Any]], options: Mapping[str, Sequence[str]]) -> list[Mixture]:
    # Where there is one option there is nothing to see.
    names = [name for name, shares in records[0].items() if len(shares) > 1 and all(name in r for r in records)]
    blocks: dict[str, list[str]] = {}
    for name in names:
        blocks.setdefault(name.partition("/")[0], []).append(name)
    found = []
    for block, rows in blocks.items():
        labels = [
            list(options[row]) if len(options.get(row, ())) == len(records[0][row]) else _numbered(len(records[0][row]))
            for row in rows
        ]
        values = [[record[row] for row in rows] for record in records]
        title = "controller" if len(blocks) == 1 else f"controller, {block}"
        found.append(Mixture(title, [row.partition("/")[2] for row in rows], labels, values))
    return found


def _numbered(count: int) -> list[str]:
    return [f"option {number}" for number in range(count)]


def thinned(values: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` of the values, evenly spread, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
