"""The space of networks for texts.

References: Joulin, Grave, Bojanowski, Mikolov, "Bag of Tricks for Efficient Text Classification" (fastText), EACL 2017;
Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017; Kim, "Convolutional Neural Networks for
Sentence Classification", EMNLP 2014; Dong, Yang, "NAS-Bench-201", ICLR 2020 (the edges of the cell).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autonas_keras.checks import check_count
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.space import Space, known_options
from autonas_keras.spaces.texts import Texts

TEXT_OPERATIONS = (
    "conv_3",
    "conv_5",
    "conv_1",
    "sep_conv_3",
    "dil_conv_3",
    "max_pool_3",
    "avg_pool_3",
    "self_attention",
    "gru",
    "identity",
    "none",
)
BAGS = ("words_characters", "words", "words_bigrams", "none")
SEQUENCES = ("cell", "average")
POOLINGS = ("max", "average", "attention")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class TextSpace(Space):
    """A bag of n-grams and a cell of 1-D operations read a text, and what both make of it is joined.

    The choices are "bag", which n-grams are counted; "sequence", whether the cell reads the words or they are averaged;
    "length", the share of the words that are read; and for the cell "embedding", the width of the embeddings of words,
    "edge_0_1" and so on, the operation from a node to a later one (a node is the sum of what comes in, node 0 the
    embeddings), and "pooling", how the features of the words become one; at last "dropout".

    Args:
        bags: "words", "words_bigrams", "words_characters" (n-grams of two to five) and "none".
        sequences: "cell" and "average".
        operations: Of the edges: "conv_1" and the like, "sep_conv_3", "dil_conv_3", "max_pool_3", "avg_pool_3",
            "self_attention", "gru", "identity" and "none".
        nodes: Nodes of the cell behind the embeddings.
        channels: Of every node.
        embeddings: Widths of the embeddings of words that the cell reads.
        lengths: Shares of the words of the longest text.
        poolings: "max", "average" and "attention".
        width: Width of the bag, which its kinds of n-grams share; 5 or more.
        dropouts: Rates of dropout of the features.
        texts: What is known of the texts, or its configuration. A block learns it from the data.

    Raises:
        ValueError: When an option is unknown, or a number is out of range.
    """

    input_dtype: ClassVar[str | None] = "int32"
    mixture_only: ClassVar[tuple[Option, ...]] = ("none",)

    bags: tuple[str, ...]
    sequences: tuple[str, ...]
    operations: tuple[str, ...]
    nodes: int
    channels: int
    embeddings: tuple[int, ...]
    lengths: tuple[float, ...]
    poolings: tuple[str, ...]
    width: int
    dropouts: tuple[float, ...]
    texts: Texts | None

    def __init__(
        self,
        bags: Sequence[str] = BAGS,
        sequences: Sequence[str] = SEQUENCES,
        operations: Sequence[str] = TEXT_OPERATIONS,
        nodes: int = 2,
        channels: int = 64,
        embeddings: Sequence[int] = (64, 32),
        lengths: Sequence[float] = (1.0, 0.5),
        poolings: Sequence[str] = POOLINGS,
        width: int = 80,
        dropouts: Sequence[float] = (0.5, 0.2),
        texts: Texts | Mapping[str, Any] | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            "bags": known_options("bags", bags, BAGS),
            "sequences": known_options("sequences", sequences, SEQUENCES),
            "operations": known_options("operations", operations, TEXT_OPERATIONS),
            "nodes": check_count("nodes", nodes),
            "channels": check_count("channels", channels),
            "embeddings": tuple(check_count("embeddings", size) for size in embeddings),
            "lengths": _shares("lengths", lengths, lambda share: 0 < share <= 1, "(0, 1]"),
            "poolings": known_options("poolings", poolings, POOLINGS),
            "width": check_count("width", width, 5),
            "dropouts": _shares("dropouts", dropouts, lambda rate: 0 <= rate < 1, "[0, 1)"),
            "texts": Texts(**texts) if isinstance(texts, Mapping) else texts,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        cell = (
            Choice("embedding", self.embeddings),
            *(Choice(edge_name(*edge), self.operations) for edge in self.edges),
            Choice("pooling", self.poolings),
        )
        children: dict[Option, tuple[Choice, ...]] = {"cell": cell} if "cell" in self.sequences else {}
        super().__init__(
            (
                Choice("bag", self.bags),
                Choice("length", self.lengths),
                Choice("sequence", self.sequences, children),
                Choice("dropout", self.dropouts),
            )
        )

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Every pair of a node and a later one, by the later one."""
        return tuple((source, node) for node in range(1, self.nodes + 1) for source in range(node))

    def fitted(self, texts: Texts | None) -> TextSpace:
        """The same decisions, in networks of these texts."""
        return type(self)(**{**self.get_config(), "texts": texts})

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``TextSpace(**config)``."""
        config = {
            "bags": list(self.bags),
            "sequences": list(self.sequences),
            "operations": list(self.operations),
            "nodes": self.nodes,
            "channels": self.channels,
            "embeddings": list(self.embeddings),
            "lengths": list(self.lengths),
            "poolings": list(self.poolings),
            "width": self.width,
            "dropouts": list(self.dropouts),
        }
        return config if self.texts is None else {**config, "texts": self.texts.get_config()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.choices, self.channels, self.width, self.texts))

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.get_config().items() if name != "texts"}
        return f"TextSpace({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def edge_name(source: int, node: int) -> str:
    """Name of the choice of the operation from a node to a later one."""
    return f"edge_{source}_{node}"


def _shares(name: str, values: Sequence[float], valid: Any, wanted: str) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if not all(valid(value) for value in found):
        raise ValueError(f"Expected {name} in {wanted}, got {list(values)}.")
    return found
