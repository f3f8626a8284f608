"""The costs of an architecture of any space whose networks are known, without building it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autonas_keras.evaluation.chain_costs import chain_costs, least_chain_costs
from autonas_keras.evaluation.costs import COSTS, architecture_costs, least_costs
from autonas_keras.evaluation.function_costs import function_costs, least_function_costs
from autonas_keras.evaluation.latency import LatencyTable
from autonas_keras.evaluation.macro_costs import least_macro_costs, macro_costs
from autonas_keras.evaluation.mobile_costs import least_mobile_costs, mobile_costs
from autonas_keras.layers import has_function
from autonas_keras.spaces import Architecture, CellSpace, ChainSpace, MacroSpace, MobileSpace, Option, Space

# How the costs of an architecture are counted, and the least of any.
COUNTS: dict[type[Space], tuple[Callable[..., dict[str, int]], Callable[..., dict[str, int]]]] = {
    CellSpace: (architecture_costs, least_costs),
    ChainSpace: (chain_costs, least_chain_costs),
    MacroSpace: (macro_costs, least_macro_costs),
    MobileSpace: (mobile_costs, least_mobile_costs),
}


def space_costs(
    space: Space, architecture: Mapping[str, Option], input_shape: tuple[int, ...], classes: int
) -> dict[str, int]:
    """Parameters and multiply-adds of the network of an architecture: ``model_costs`` gives the same.

    Args:
        space: A space of cells, chains, layers with skip inputs or mobile networks, or one whose network is a function;
            with the sizes of the network.
        architecture: A point of it.
        input_shape: Sizes of what it reads, (height, width, channels) for images.
        classes: Outputs of the dense layer after global average pooling.

    Raises:
        TypeError: When the networks of the space are not known.
    """
    return _counts(space)[0](space, architecture, input_shape, classes)


def least_space_costs(space: Space, input_shape: tuple[int, ...], classes: int) -> dict[str, int]:
    """The least of each cost that any architecture of the space has, as of ``space_costs``.

    Raises:
        TypeError: When the networks of the space are not known.
    """
    return _counts(space)[1](space, input_shape, classes)


class JoinedCosts:
    """The costs of every network of a graph, of which all but the searched blocks costs the same.

    Args:
        blocks: The space of each searched block and the shape of what it reads, by its name.
        total: The costs of one of the networks.
        architecture: Its architecture, joined under the names of the blocks.
        latency: The table that tells "latency_ms" too, of the network around the only searched block. What stands in
            front of that, such as a normalisation, is not timed.

    Raises:
        ValueError: When the table is of another network than the block's.
    """

    def __init__(
        self,
        blocks: Mapping[str, tuple[Space, tuple[int, ...]]],
        total: Mapping[str, int],
        architecture: Mapping[str, Option],
        latency: LatencyTable | None = None,
    ) -> None:
        self.blocks, self.latency = dict(blocks), latency
        if latency is not None and not self.times(latency):
            ((space, shape),) = self.blocks.values()
            raise ValueError(
                f"Expected a latency table of {space!r} for images of {shape}, got one of {latency.space!r} for "
                f"{latency.conditions.input_shape}; measure one with LatencyTable.measure."
            )
        inside = self._inside(architecture)
        self.outside = {name: total[name] - inside[name] for name in total}

    def times(self, latency: LatencyTable) -> bool:
        """Whether a table is of these networks."""
        parts = list(self.blocks.values())
        return parts == [(latency.space, tuple(latency.conditions.input_shape))]

    def _inside(self, architecture: Mapping[str, Option]) -> dict[str, int]:
        point = _point(architecture)
        parts = [space_costs(space, point.scope(name), shape, 1) for name, (space, shape) in self.blocks.items()]
        return {name: sum(part[name] for part in parts) for name in COSTS}

    def of(self, architecture: Mapping[str, Option]) -> dict[str, float]:
        """Parameters, multiply-adds and, with a table, milliseconds of the whole network of a joined architecture."""
        inside = self._inside(architecture)
        found: dict[str, float] = {name: self.outside[name] + inside[name] for name in inside}
        if self.latency is not None:
            (name,) = self.blocks
            found |= self.latency.costs(_point(architecture).scope(name))
        return found

    def least(self) -> dict[str, int]:
        """The least of each cost but the latency that any architecture has."""
        parts = [least_space_costs(space, shape, 1) for space, shape in self.blocks.values()]
        return {name: self.outside[name] + sum(part[name] for part in parts) for name in self.outside}


def _point(architecture: Mapping[str, Option]) -> Architecture:
    return architecture if isinstance(architecture, Architecture) else Architecture(tuple(architecture.items()))


def _counts(space: Space) -> tuple[Callable[..., dict[str, int]], Callable[..., dict[str, int]]]:
    for kind, counts in COUNTS.items():
        if isinstance(space, kind):
            return counts
    if has_function(space):
        return function_costs, least_function_costs
    known = ", ".join(kind.__name__ for kind in COUNTS)
    raise TypeError(f"Expected a space of one of {known} to count costs of, got {type(space).__name__}.")
