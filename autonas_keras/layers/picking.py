"""Networks that are written once: the same function builds one architecture, or a supernet of all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from autonas_keras.layers.operations import Tensor
from autonas_keras.spaces.choice import Option

Branch = Callable[[Tensor], Tensor]


class Picker(ABC):
    """What turns a decision inside the function of a network into layers.

    The function of a space, ``network(x, space, picker, name_prefix)``, asks it at every choice. A decision under an
    option of another is asked for inside that option's branch.
    """

    @abstractmethod
    def pick(self, name: str, x: Tensor, options: Mapping[Option, Branch]) -> Tensor:
        """What the chosen branch, or all of them together, make of ``x``.

        Args:
            name: Name of the choice in the space.
            x: What the branches read.
            options: The branch of each option of the choice, in its order; all give the same shape.
        """


class Picked(Picker):
    """The branches of one architecture.

    Args:
        architecture: The decisions by name.
    """

    def __init__(self, architecture: Mapping[str, Option]) -> None:
        self.architecture = architecture

    def pick(self, name: str, x: Tensor, options: Mapping[Option, Branch]) -> Tensor:
        return options[self.architecture[name]](x)
