"""A vector for each token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized


class TokenEmbedding(nn.Module):
    """Replaces each match by its token's vector and sums the vectors at a position, or over the text.

    Args:
        vocab_size: N.
        embedding_dim: D.

    """

    weight: Parameter
    """(N, D), initialised by Glorot's uniform distribution."""

    def __init__(self, vocab_size: int, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.weight = Parameter(nn.init.xavier_uniform_(torch.empty(vocab_size, embedding_dim)))

    def forward(self, tokens: Tokenized) -> Tensor:
        """(B, L, D): the sum of the vectors of the tokens that begin at each position."""
        return tokens.embed(self.weight, tokens.matches, pooled=False)

    def pooled(self, tokens: Tokenized, matches: Matches | None = None) -> Tensor:
        """(B, D): the sum over each text, of all matches or of those that are given."""
        return tokens.embed(self.weight, tokens.matches if matches is None else matches, pooled=True)

    def extra_repr(self) -> str:
        return f"vocab_size={self.weight.shape[0]}, embedding_dim={self.embedding_dim}"
