"""Settings of the convolutional head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tokenlayer.models.heads.base import HeadConfig

if TYPE_CHECKING:
    from tokenlayer.models.heads.head import Head

    pass


@dataclass
class ConvHeadConfig(HeadConfig):
    """Convolution and maximum, over matches or positions."""

    over: Literal["matches", "positions"] = "matches"
    """matches: a text's tokens in their order, with a linear path beside; positions: the embedded text."""
    n_filters: int = 32
    """Filters of each width."""
    kernel_sizes: list[int] = field(default_factory=lambda: [2, 3, 4])
    """Widths of the filters, in tokens or in characters."""
    dropout: float = 0.2
    """Share of the numbers that are zeroed in training."""
    width: int = 32
    """Length of a token's vector in the convolution over matches; over positions it is model.embedding_dim."""
    max_tokens: int = 256
    """The convolution over matches reads so many of a text's, the first ones."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for name in ("n_filters", "width", "max_tokens"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"
        if not self.kernel_sizes or min(self.kernel_sizes) < 1:
            yield "kernel_sizes", "must be one width or more, each at least 1"
        if not 0 <= self.dropout < 1:
            yield "dropout", "must be at least 0 and below 1"

    def build(self, vocab_size: int, text_length: int, embedding_dim: int, n_outputs: int) -> Head:
        from tokenlayer.models.heads.conv_head import MatchConvHead, PositionConvHead

        if self.over == "positions":
            return PositionConvHead(embedding_dim, n_outputs, self.n_filters, self.kernel_sizes, self.dropout)
        return MatchConvHead(
            vocab_size,
            embedding_dim,
            n_outputs,
            self.width,
            self.n_filters,
            self.kernel_sizes,
            self.dropout,
            self.max_tokens,
        )
