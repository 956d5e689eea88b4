"""The linear head: the vectors of a text's tokens are pooled, and a linear layer reads the result."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.head import Head, HeadOutput
from tokenlayer.models.heads.pool import Pooling


class PoolHead(Head):
    """Pooled vectors (B, D) → linear. With D = 1 and one output each token's vector is its weight.

    Args:
        embedding_dim: D.
        n_outputs: 1 for a sigmoid, else the number of classes.
        pooling: `presence`: the sum over the tokens that occur in the text; `sum`: over all their matches; `mean`: that
            sum by the number of matches; `max`: in each dimension the largest value among the text's tokens and 0.

    """

    reads_padding = False

    def __init__(self, embedding_dim: int, n_outputs: int, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.binary_features = pooling in ("presence", "max")
        self.out = nn.Linear(embedding_dim, n_outputs)
        # Of unit gain, whatever the seed: behind a weight near 0, no token could learn.
        nn.init.orthogonal_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        if self.pooling == "max":
            return self._largest(tokens.matches, embedding.weight)
        matches = tokens.matches.distinct() if self.pooling == "presence" else tokens.matches
        embedded = embedding.pooled(tokens, matches)  # (B, D)
        pooled = embedded
        if self.pooling == "mean":
            pooled = embedded / matches.counts_by_text().clamp(min=1).unsqueeze(1).to(embedded)
        return HeadOutput(self.out(pooled), embedded)

    def _largest(self, matches: Matches, weight: Tensor) -> HeadOutput:
        # A token that is not there yet has the vector 0 and shows in a dimension where no other rises above 0.
        embedded = weight.new_zeros(matches.shape[0], weight.shape[1], requires_grad=torch.is_grad_enabled())
        rows = matches.text.unsqueeze(1).expand(-1, weight.shape[1])
        pooled = embedded.scatter_reduce(0, rows, weight[matches.token_id], "amax")
        return HeadOutput(self.out(pooled), embedded)

    def readout(self) -> Tensor | None:
        return self.out.weight if self.pooling in ("presence", "sum") else None

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (self.out,)
