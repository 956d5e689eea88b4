"""Settings of the head with attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.models.heads.base import HeadConfig

if TYPE_CHECKING:
    from tokenlayer.models.heads.attention_head import AttentionHead


@dataclass
class AttentionHeadConfig(HeadConfig):
    """A transformer over the matched tokens, and a linear path beside it."""

    width: int = 32
    """Length of a token's vector in the transformer."""
    n_layers: int = 1
    """Transformer layers."""
    n_heads: int = 2
    """Attention heads of a layer; divides `width`."""
    dropout: float = 0.2
    """Share of the numbers that are zeroed in training."""
    max_tokens: int = 256
    """The transformer reads so many of a text's matches, the first ones."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for field in ("width", "n_layers", "n_heads", "max_tokens"):
            if getattr(self, field) < 1:
                yield field, "must be at least 1"
        if self.n_heads > 0 and self.width % self.n_heads:
            yield "width", f"{self.width} is no multiple of n_heads={self.n_heads}"
        if not 0 <= self.dropout < 1:
            yield "dropout", "must be at least 0 and below 1"

    def build(self, vocab_size: int, text_length: int, embedding_dim: int, n_outputs: int) -> AttentionHead:
        from tokenlayer.models.heads.attention_head import AttentionHead

        return AttentionHead(
            vocab_size,
            text_length,
            embedding_dim,
            n_outputs,
            self.width,
            self.n_layers,
            self.n_heads,
            self.dropout,
            self.max_tokens,
        )
