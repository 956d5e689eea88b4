"""Convolution and maximum over the text, as in Kim (2014): over its matched tokens, or over its positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.head import Head, HeadOutput
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.models.heads.sequence import token_sequence


class LargestResponses(nn.Module):
    """Filters of several widths slide over a sequence; of each the largest response is kept, at least 0.

    Args:
        n_inputs: length of the vectors.
        n_filters: filters of each width.
        kernel_sizes: the widths.

    """

    def __init__(self, n_inputs: int, n_filters: int, kernel_sizes: Sequence[int]) -> None:
        super().__init__()
        # Padded by k on both sides: filters see the ends, sequences shorter than themselves, and once nothing at all,
        # so that it makes no difference to a text how far a longer one beside it has it padded.
        self.filters = nn.ModuleList(nn.Conv1d(n_inputs, n_filters, k, padding=k) for k in kernel_sizes)
        self.n_features = n_filters * len(kernel_sizes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, S, n_inputs), S ≥ 1, zeros where there is nothing, to (B, n_features)."""
        x = x.transpose(1, 2)
        return torch.cat([layer(x).amax(2) for layer in self.filters], dim=1).relu()


class MatchConvHead(Head):
    """Logits of the linear head with presence, plus those of a convolution, which are zero before training.

    The convolution has token vectors of its own (N, width). It reads the first `max_tokens` matches of a text in order
    of position, one beside the next however far apart they are. The token gradient is that of the linear path: a token
    that is not there yet counts once for each text.

    Args:
        vocab_size: N.
        embedding_dim: D.
        n_outputs: 1 for a sigmoid, else the number of classes.
        width: length of a token's vector in the convolution.
        n_filters: filters of each width.
        kernel_sizes: their widths, in tokens.
        dropout: share of the token vectors' numbers, and of the responses, that are zeroed in training.
        max_tokens: the longest sequence.

    """

    binary_features = True
    reads_padding = False

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int,
        n_outputs: int,
        width: int,
        n_filters: int,
        kernel_sizes: Sequence[int],
        dropout: float,
        max_tokens: int,
    ) -> None:
        super().__init__()
        self.max_tokens = max_tokens
        self.linear = PoolHead(embedding_dim, n_outputs, "presence")
        self.vectors = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.vectors.weight, std=1 / math.sqrt(width))
        self.responses = LargestResponses(width, n_filters, kernel_sizes)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(self.responses.n_features, n_outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        linear = self.linear(tokens, embedding)
        sequence = token_sequence(tokens.matches, self.max_tokens)
        x = self.dropout(self.vectors(sequence.token_id)) * sequence.there.unsqueeze(2)  # (B, S, width)
        return HeadOutput(linear.logits + self.out(self.dropout(self.responses(x))), linear.embedded)

    def readout(self) -> Tensor | None:
        return self.linear.readout()

    def token_parameters(self) -> tuple[Tensor, ...]:
        return (self.vectors.weight,)

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (*self.linear.readout_layers(), self.out)


class PositionConvHead(Head):
    """A convolution over the embedded text (B, L, D); with single characters as tokens a character CNN.

    The token gradient is that of the embedded text: it differs between positions, and each occurrence counts. Windows
    that respond alike and most strongly, such as many without a token, share the gradient that one of them would have.

    Args:
        embedding_dim: D.
        n_outputs: 1 for a sigmoid, else the number of classes.
        n_filters: filters of each width.
        kernel_sizes: their widths, in characters.
        dropout: share of the responses that are zeroed in training.

    """

    reads_padding = False

    def __init__(
        self, embedding_dim: int, n_outputs: int, n_filters: int, kernel_sizes: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.responses = LargestResponses(embedding_dim, n_filters, kernel_sizes)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(self.responses.n_features, n_outputs)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        embedded = embedding(tokens)  # (B, L, D)
        return HeadOutput(self.out(self.dropout(self.responses(embedded))), embedded)

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (self.out,)
