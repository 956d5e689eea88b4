"""Configuration of a reader, which reads the sequence of a text's tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenlayer.models.readers.reader import Reader


@dataclass
class ReaderConfig(ABC):
    """Configuration of a reader."""

    width: int = 32
    """D, the length of a token's vector, and of what the reader keeps in mind."""
    dropout: float = 0.2
    """Share of the numbers that are zeroed in training: of the token vectors, and within the reader."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.width < 1:
            yield "width", "must be at least 1"
        if not 0 <= self.dropout < 1:
            yield "dropout", "must be at least 0 and below 1"

    @abstractmethod
    def build(self, text_length: int) -> Reader:
        """The reader of tokens in texts of `text_length` (L) characters."""
