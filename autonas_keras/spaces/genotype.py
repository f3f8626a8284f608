"""Cells as pairs of operation and input, and the text in which DARTS published them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

Pair = tuple[str, int]


@dataclass(frozen=True)
class Cell:
    """One discrete cell: its first states are inputs, every node sums its (operation, state) pairs.

    Args:
        inputs: Number of input states, numbered from 0; nodes are numbered on from there.
        nodes: For each node, its pairs of operation name and state.
        concat: States whose channels are concatenated as the output.

    Raises:
        ValueError: When a pair or the output names a state that does not exist yet.
    """

    inputs: int
    nodes: tuple[tuple[Pair, ...], ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        for index, pairs in enumerate(self.nodes, self.inputs):
            for operation, state in pairs:
                if not 0 <= state < index:
                    raise ValueError(
                        f"Expected the inputs of node {index} in 0..{index - 1}, got {operation!r} of {state}."
                    )
        last = self.inputs + len(self.nodes) - 1
        for state in self.concat:
            if not 0 <= state <= last:
                raise ValueError(f"Expected a cell to concatenate states in 0..{last}, got {state}.")

    def has_path(self) -> bool:
        """Whether any input reaches the output through operations other than "none"."""
        alive = set(range(self.inputs))
        for index, pairs in enumerate(self.nodes, self.inputs):
            if any(state in alive and operation not in ("none", "zero") for operation, state in pairs):
                alive.add(index)
        return any(state in alive for state in self.concat)


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell in the notation of DARTS: two (operation, state) pairs for each node.

    Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.4.
    """

    normal: tuple[Pair, ...]
    normal_concat: tuple[int, ...]
    reduce: tuple[Pair, ...]
    reduce_concat: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """Read ``Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=..., reduce_concat=...)``.

        The text is not executed.

        Raises:
            ValueError: When the text is not of that form.
        """
        try:
            call = ast.parse(text.strip(), mode="eval").body
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "Genotype":
                raise ValueError("no call of Genotype")
            names = ("normal", "normal_concat", "reduce", "reduce_concat")
            found = {name: value for name, value in zip(names, call.args, strict=False)}
            found |= {keyword.arg or "": keyword.value for keyword in call.keywords}
            if set(found) != set(names):
                raise ValueError(f"fields {sorted(found)}")
            cells = {
                key: tuple((str(op), int(state)) for op, state in ast.literal_eval(found[key])) for key in names[::2]
            }
            concats = {key: tuple(_integers(found[key])) for key in names[1::2]}
        except (SyntaxError, ValueError, TypeError) as error:
            raise ValueError(
                "Expected the text of a genotype, Genotype(normal=[(operation, state), ...], normal_concat=range(2, 6), "
                f"reduce=[...], reduce_concat=range(2, 6)), got {text[:80]!r} ({error})."
            ) from error
        genotype = cls(cells["normal"], concats["normal_concat"], cells["reduce"], concats["reduce_concat"])
        for kind in ("normal", "reduction"):
            genotype.cell(kind)
        return genotype

    def cell(self, kind: str) -> Cell:
        """The "normal" or the "reduction" cell.

        Raises:
            ValueError: When the number of pairs is odd or a state does not exist.
        """
        pairs, concat = {
            "normal": (self.normal, self.normal_concat),
            "reduction": (self.reduce, self.reduce_concat),
        }[kind]
        if not pairs or len(pairs) % 2:
            raise ValueError(f"Expected two pairs for each node of the {kind} cell, got {len(pairs)} pairs.")
        return Cell(2, tuple(tuple(pairs[i : i + 2]) for i in range(0, len(pairs), 2)), concat)

    def __str__(self) -> str:
        return (
            f"Genotype(normal={list(self.normal)}, normal_concat={_show(self.normal_concat)}, "
            f"reduce={list(self.reduce)}, reduce_concat={_show(self.reduce_concat)})"
        )


def _integers(node: ast.expr) -> Sequence[int]:
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
        return range(*(int(ast.literal_eval(argument)) for argument in node.args))
    return [int(value) for value in ast.literal_eval(node)]


def _show(concat: tuple[int, ...]) -> str:
    if concat and concat == tuple(range(concat[0], concat[-1] + 1)):
        return f"range({concat[0]}, {concat[-1] + 1})"
    return str(list(concat))


DARTS_V1 = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])"
)
DARTS_V2 = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
