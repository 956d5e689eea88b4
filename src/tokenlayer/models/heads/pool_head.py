"""The linear head: the vectors of a text's tokens are pooled, and a linear layer reads the result."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
            sum by the number of matches; `max`: in each dimension the largest value among the text's tokens and 0;
            `log_count`: the sum over the tokens that occur, each times the logarithm of 1 + its matches, divided by the
            norm of these logarithms: a long text is worth no more than a short one.

    """

    reads_padding = False

    def __init__(self, embedding_dim: int, n_outputs: int, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.binary_features = pooling in ("presence", "max", "log_count")
        self.adds_up = pooling in ("presence", "sum")
        self.out = nn.Linear(embedding_dim, n_outputs)
        # Of unit gain, whatever the seed: behind a weight near 0, no token could learn.
        nn.init.orthogonal_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        if self.pooling == "max":
            return self._largest(tokens.matches, embedding.weight)
        if self.pooling == "log_count":
            return self._of_log_counts(tokens.matches, embedding.weight)
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

    def _of_log_counts(self, matches: Matches, weight: Tensor) -> HeadOutput:
        counted = log_counts(matches, weight.dtype)
        vectors = weight[counted.token_id] * counted.value.unsqueeze(1)
        pooled = weight.new_zeros(matches.shape[0], weight.shape[1]).index_add(0, counted.text, vectors)
        # A token that is not there yet would stand there once, by its share of a norm that it adds to. That the others'
        # shares become smaller is left out: it does not depend on the token's vector.
        embedded = weight.new_zeros(pooled.shape, requires_grad=torch.is_grad_enabled())
        once = math.log(2) / (counted.squared_norm + math.log(2) ** 2).sqrt()
        return HeadOutput(self.out(pooled + embedded * once.unsqueeze(1)), embedded)

    def values(self, matches: Matches) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.pooling != "log_count":
            return super().values(matches)
        counted = log_counts(matches, self.out.weight.dtype)
        return counted.text, counted.token_id, counted.value

    def readout(self) -> Tensor | None:
        return self.out.weight if self.pooling in ("presence", "sum") else None

    def effects(self, weight: Tensor) -> Tensor:
        return weight @ self.out.weight.T if self.pooling == "log_count" else super().effects(weight)

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (self.out,)


@dataclass(frozen=True)
class LogCounts:
    """The R pairs of a text and a token that occurs in it, and what each counts for."""

    text: Tensor
    """(R,) int64, 0..B-1."""
    token_id: Tensor
    """(R,) int64, 0..N-1."""
    value: Tensor
    """(R,): log(1 + matches), divided by the norm of all of the text's."""
    squared_norm: Tensor
    """(B,): the sum of the squares of log(1 + matches) of each text; 0 where nothing matches."""


def log_counts(matches: Matches, dtype: torch.dtype) -> LogCounts:
    """The logarithms of 1 + the matches of each token in each text, normalised, of this type."""
    B, N, _ = matches.shape
    pair, counts = torch.unique(matches.text * N + matches.token_id, return_counts=True)
    text, logarithm = pair // N, counts.to(dtype).log1p()
    squared_norm = logarithm.new_zeros(B).index_add(0, text, logarithm.square())
    return LogCounts(text, pair % N, logarithm / squared_norm.sqrt()[text], squared_norm)
