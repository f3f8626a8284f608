"""One decision of a search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Option = str | int | float | bool


@dataclass(frozen=True)
class Choice:
    """A named decision among scalar options, with the choices that exist only under some of them.

    Args:
        name: Name of the decision, unique in its space; it is also the name of the hyperparameter.
        options: At least one option; unique scalars (str, int, float or bool) of one type.
        children: For an option, the choices that are made only when that option is taken.

    Raises:
        ValueError: When the options are empty, repeated or of mixed types, or when a child hangs on an unknown option.
    """

    name: str
    options: tuple[Option, ...]
    children: Mapping[Option, tuple[Choice, ...]] | tuple[tuple[Option, tuple[Choice, ...]], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"Expected the name of a choice to be a non-empty string, got {self.name!r}.")
        options = tuple(self.options)
        types = {type(option) for option in options}
        if not options:
            raise ValueError(f"Expected choice {self.name!r} to have at least one option, got none.")
        if len(types) > 1 or not types <= {str, int, float, bool}:
            raise ValueError(
                f"Expected the options of choice {self.name!r} to be all str, int, float or bool, "
                f"got {sorted(t.__name__ for t in types)}."
            )
        if len(set(options)) != len(options):
            raise ValueError(f"Expected the options of choice {self.name!r} to be unique, got {list(options)}.")
        pairs = self.children.items() if isinstance(self.children, Mapping) else self.children
        children = tuple((option, tuple(choices)) for option, choices in pairs)
        for option, _ in children:
            if option not in options:
                raise ValueError(
                    f"Expected the children of choice {self.name!r} to hang on one of its options {list(options)}, "
                    f"got {option!r}."
                )
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "children", children)

    @property
    def branches(self) -> tuple[tuple[Option, tuple[Choice, ...]], ...]:
        """The children as pairs of option and choices, however they were given."""
        return self.children  # type: ignore[return-value]

    def under(self, option: Option) -> tuple[Choice, ...]:
        """Choices that exist when ``option`` is taken."""
        return dict(self.branches).get(option, ())

    @property
    def size(self) -> int:
        """Exact number of ways to make this decision and all that hang on it."""
        total = 0
        for option in self.options:
            product = 1
            for child in self.under(option):
                product *= child.size
            total += product
        return total
