"""What a network of texts knows of their encoding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Texts:
    """The numbers that stand for a text: those of its words in their order, then those of its characters.

    0 is padding and 1 what is unknown; the others are ordered by how often they occur, the most frequent first.

    Attributes:
        words: Numbers that words have, from 0 on.
        length: Words of a text; what is longer is cut, what is shorter is padded.
        characters: Numbers that characters have, from 0 on.
        character_length: Characters of a text.
    """

    words: int
    length: int
    characters: int
    character_length: int

    @property
    def columns(self) -> int:
        """Numbers of a text."""
        return self.length + self.character_length

    def get_config(self) -> dict[str, Any]:
        """The attributes as JSON knows them."""
        return asdict(self)
