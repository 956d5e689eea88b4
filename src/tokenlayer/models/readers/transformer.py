"""Settings of the reader that is a transformer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.models.readers.base import ReaderConfig

if TYPE_CHECKING:
    from tokenlayer.models.readers.transformer_reader import TransformerReader


@dataclass
class TransformerReaderConfig(ReaderConfig):
    """A transformer with the places of the tokens in the text; the mean over its elements is the result."""

    n_layers: int = 1
    """Layers."""
    n_heads: int = 2
    """Attention heads of a layer; divides `width`."""

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from super().problems()
        for field in ("n_layers", "n_heads"):
            if getattr(self, field) < 1:
                yield field, "must be at least 1"
        if self.n_heads > 0 and self.width % self.n_heads:
            yield "width", f"{self.width} is no multiple of n_heads={self.n_heads}"

    def build(self, text_length: int) -> TransformerReader:
        from tokenlayer.models.readers.transformer_reader import TransformerReader

        return TransformerReader(self.width, self.n_layers, self.n_heads, self.dropout, text_length)
