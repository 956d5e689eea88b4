"""Settings of the reader that is a recurrent network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.models.readers.base import ReaderConfig

if TYPE_CHECKING:
    from tokenlayer.models.readers.recurrent_reader import RecurrentReader


@dataclass
class RecurrentReaderConfig(ReaderConfig):
    """A gated recurrent unit that reads the tokens one after the other; its last state is the result."""

    def build(self, text_length: int) -> RecurrentReader:  # noqa: ARG002 (of places it heeds the order alone)
        from tokenlayer.models.readers.recurrent_reader import RecurrentReader

        return RecurrentReader(self.width, self.dropout)
