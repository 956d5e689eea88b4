"""Settings of the original's head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.models.heads.base import HeadConfig

if TYPE_CHECKING:
    from tokenlayer.original.flatten_head import FlattenHead


@dataclass
class FlattenHeadConfig(HeadConfig):
    """Flatten, batch norm, dense, out."""

    hidden: int = 64
    """Width of the dense layer."""
    batch_norm: bool = True
    """Normalise the flattened text over the batch. It makes the mean gradient at each position zero."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.hidden < 1:
            yield "hidden", "must be at least 1"

    def build(self, vocab_size: int, text_length: int, embedding_dim: int, n_outputs: int) -> FlattenHead:
        from tokenlayer.original.flatten_head import FlattenHead

        return FlattenHead(text_length * embedding_dim, self.hidden, n_outputs, self.batch_norm)
