"""Networks that are written once: the same function builds one architecture, or a supernet of all."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from autonas_keras.layers.names import layer_name, layer_names, numbered
from autonas_keras.spaces.choice import Option

Branch = Callable[[Any], Any]


class Picker(ABC):
    """What turns a decision inside the function of a network into layers.

    The function of a space, ``network(x, space, picker, name_prefix)``, asks it at every choice. A decision under an
    option of another is asked for inside that option's branch.

    Layers with weights have to be named the same in every network: outside of branches the function opens
    ``layer_names`` and takes ``layer_name``; inside a branch they are open already, as "choice_option".

    Args:
        name_prefix: Goes in front of the layers' names in branches that stand in no ``layer_names``.
    """

    def __init__(self, name_prefix: str = "") -> None:
        self.name_prefix = name_prefix
        self._counts: Counter[str] = Counter()

    @abstractmethod
    def pick(self, name: str, x: Any, options: Mapping[Any, Branch]) -> Any:
        """What the chosen branch, or all of them together, make of ``x``.

        Args:
            name: Name of the choice in the space; of a decision that is shared, at all of its places.
            x: All that the branches read: a tensor, or a list of them.
            options: The branch of each option of the choice; all give a tensor of the same shape and type.
        """

    def branch_name(self, name: str, option: Option) -> str:
        """What the names of the layers of a branch begin with: "choice_option", after those around it."""
        kind = re.sub(r"[^\w.-]", "_", f"{name}_{option}")
        return layer_name(kind) or numbered(f"{self.name_prefix}{kind}", self._counts)


class Picked(Picker):
    """The branches of one architecture.

    Args:
        architecture: The decisions by name.
        name_prefix: As ``Picker`` takes it.
    """

    def __init__(self, architecture: Mapping[str, Option], name_prefix: str = "") -> None:
        super().__init__(name_prefix)
        self.architecture = architecture

    def pick(self, name: str, x: Any, options: Mapping[Any, Branch]) -> Any:
        option = self.architecture[name]
        with layer_names(self.branch_name(name, option)):
            return options[option](x)
