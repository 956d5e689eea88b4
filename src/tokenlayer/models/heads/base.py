"""How a head is configured: what reads the matched tokens and gives logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenlayer.models.heads.head import Head


@dataclass
class HeadConfig(ABC):
    """Configuration of a head."""

    @abstractmethod
    def build(self, vocab_size: int, text_length: int, embedding_dim: int, n_outputs: int) -> Head:
        """The head for `vocab_size` (N) tokens with vectors of `embedding_dim` (D), in texts of `text_length` (L)."""
