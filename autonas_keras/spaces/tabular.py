"""The space of networks for tables.

References: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022;
Wang et al., "DCN V2", WWW 2021, equation 1; Dauphin et al., "Language Modeling with Gated Convolutional Networks", ICML
2017, equation 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from autonas_keras.checks import check_count
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.columns import BINS, Columns
from autonas_keras.spaces.space import Space, known_options

TABULAR_OPERATIONS = ("dense", "residual", "glu", "cross", "attention", "identity")
KNOWN_OPERATIONS = (*TABULAR_OPERATIONS, "none")
EMBEDDINGS = ("piecewise_linear", "periodic", "plain")
NORMALISATIONS = ("batch", "none", "layer")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class TabularSpace(Space):
    """Every column is embedded, and a stack of layers reads the embeddings.

    The choices are "numbers", how numeric columns are embedded; "categories", how wide categorical ones are before they
    are brought to the width of all; "width", the units of the layers, where several are given; "layer_1" and so on, the operation of a layer on the layer before; "skip_1" and so
    on, whether the first features are added to it; "normalisation" and "dropout", the same in all layers.

    Args:
        operations: Of the layers: "dense" (with ReLU), "residual" (two dense layers and the identity), "glu" (gated linear
            unit), "cross" (DCN V2), "attention" (over the embeddings of the columns), "identity" and "none" (zeros).
        layers: Number of layers behind the first features; "identity" makes a network of fewer.
        width: Units of a layer, or several to choose from; features of fewer are filled up with zeros.
        embeddings: Of numeric columns: "piecewise_linear", "periodic" and "plain".
        embedding: Width of the embedding of a column.
        bins: Bins of the piecewise-linear encoding of a numeric column, 64 at most.
        categories: Widths of categorical columns.
        normalisations: "none", "batch" and "layer".
        dropouts: Rates of dropout.
        columns: What is known of the columns of the data, or its configuration. A block learns it from the data.

    Raises:
        ValueError: When an option is unknown, or a number is out of range.
    """

    input_dtype: ClassVar[str | None] = "float32"  # codes and missing marks do not bear fewer bits
    mixture_only: ClassVar[tuple[Option, ...]] = ()

    operations: tuple[str, ...]
    layers: int
    width: int  # the largest
    widths: tuple[int, ...]
    embeddings: tuple[str, ...]
    embedding: int
    bins: int
    categories: tuple[int, ...]
    normalisations: tuple[str, ...]
    dropouts: tuple[float, ...]
    columns: Columns | None

    def __init__(
        self,
        operations: Sequence[str] = TABULAR_OPERATIONS,
        layers: int = 3,
        width: int | Sequence[int] = 256,
        embeddings: Sequence[str] = EMBEDDINGS,
        embedding: int = 16,
        bins: int = BINS,
        categories: Sequence[int] = (8, 4, 16),
        normalisations: Sequence[str] = NORMALISATIONS,
        dropouts: Sequence[float] = (0.3, 0.1, 0.0),
        columns: Columns | Mapping[str, Any] | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            "operations": known_options("operations", operations, KNOWN_OPERATIONS),
            "layers": check_count("layers", layers),
            "widths": tuple(
                check_count("width", each) for each in (width if isinstance(width, Sequence) else (width,))
            ),
            "embeddings": known_options("embeddings", embeddings, EMBEDDINGS),
            "embedding": check_count("embedding", embedding),
            "bins": check_count("bins", bins),
            "categories": tuple(check_count("categories", width) for width in categories),
            "normalisations": known_options("normalisations", normalisations, NORMALISATIONS),
            "dropouts": tuple(float(rate) for rate in dropouts),
            "columns": Columns.from_config(dict(columns)) if isinstance(columns, Mapping) else columns,
        }
        if fields["bins"] > BINS:
            raise ValueError(f"Expected at most {BINS} bins, got {bins}.")
        if not all(0 <= rate < 1 for rate in fields["dropouts"]):
            raise ValueError(f"Expected dropouts of rates in [0, 1), got {list(dropouts)}.")
        if not fields["widths"]:
            raise ValueError("Expected a width, or several, got none.")
        fields["width"] = max(fields["widths"])
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        super().__init__(
            (
                Choice("numbers", self.embeddings),
                Choice("categories", self.categories),
                *((Choice("width", self.widths),) if len(self.widths) > 1 else ()),
                *(
                    choice
                    for layer in range(1, self.layers + 1)
                    for choice in (
                        Choice(f"layer_{layer}", self.operations),
                        Choice(f"skip_{layer}", ("none", "identity")),
                    )
                ),
                Choice("normalisation", self.normalisations),
                Choice("dropout", self.dropouts),
            )
        )

    def fitted(self, columns: Columns | None) -> TabularSpace:
        """The same decisions, in networks of these columns."""
        return type(self)(**{**self.get_config(), "columns": columns})

    def of_width(self, width: int) -> TabularSpace:
        """The same space with layers of one width, for building a network of it."""
        found = copy(self)
        object.__setattr__(found, "width", width)
        return found

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``TabularSpace(**config)``."""
        config = {
            "operations": list(self.operations),
            "layers": self.layers,
            "width": self.width if len(self.widths) == 1 else list(self.widths),
            "embeddings": list(self.embeddings),
            "embedding": self.embedding,
            "bins": self.bins,
            "categories": list(self.categories),
            "normalisations": list(self.normalisations),
            "dropouts": list(self.dropouts),
        }
        return config if self.columns is None else {**config, "columns": self.columns.get_config()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TabularSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.choices, self.width, self.embedding, self.bins, self.columns))

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.get_config().items() if name != "columns"}
        return f"TabularSpace({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
