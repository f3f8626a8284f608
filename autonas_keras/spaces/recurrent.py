"""The space of recurrent cells.

References: Pham et al., "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018, section 2.1; Liu,
Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 3.1.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autonas_keras.checks import check_count
from autonas_keras.spaces.choice import Choice
from autonas_keras.spaces.space import Space, known_options
from autonas_keras.spaces.texts import Texts

ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class RecurrentSpace(Space):
    """A recurrent cell reads a text word by word; each of its nodes takes a node before it and an activation.

    The choices are "activation_1" and so on, and from the second node on "input_2" and so on, the number of the node
    before; node 0 joins the word with the state of the cell. What the cell gives is the average of the nodes but node 0.

    Args:
        activations: "tanh", "relu", "sigmoid" and "identity".
        nodes: Nodes behind node 0; 8 in the papers.
        units: Width of the embeddings of words, and of the state.
        steps: Words that are read at most, from the first on; each is a copy of the cell in the network.
        texts: What is known of the texts, or its configuration. A block learns it from the data.

    Raises:
        ValueError: When an activation is unknown, or a number is out of range.
    """

    input_dtype: ClassVar[str | None] = "int32"

    activations: tuple[str, ...]
    nodes: int
    units: int
    steps: int
    texts: Texts | None

    def __init__(
        self,
        activations: Sequence[str] = ACTIVATIONS,
        nodes: int = 4,
        units: int = 64,
        steps: int = 24,
        texts: Texts | Mapping[str, Any] | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            "activations": known_options("activations", activations, ACTIVATIONS),
            "nodes": check_count("nodes", nodes),
            "units": check_count("units", units),
            "steps": check_count("steps", steps),
            "texts": Texts(**texts) if isinstance(texts, Mapping) else texts,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        choices = []
        for node in range(1, self.nodes + 1):
            if node > 1:
                choices.append(Choice(f"input_{node}", tuple(range(node))))
            choices.append(Choice(f"activation_{node}", self.activations))
        super().__init__(tuple(choices))

    def fitted(self, texts: Texts | None) -> RecurrentSpace:
        """The same decisions, in networks of these texts."""
        return type(self)(**{**self.get_config(), "texts": texts})

    def get_config(self) -> dict[str, Any]:
        """The arguments, for ``RecurrentSpace(**config)``."""
        config = {
            "activations": list(self.activations),
            "nodes": self.nodes,
            "units": self.units,
            "steps": self.steps,
        }
        return config if self.texts is None else {**config, "texts": self.texts.get_config()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecurrentSpace) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.choices, self.units, self.steps, self.texts))

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.get_config().items() if name != "texts"}
        return f"RecurrentSpace({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
