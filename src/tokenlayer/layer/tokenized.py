"""What a layer found in a batch of texts, and how vectors for it are summed up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches
from tokenlayer.layer.vocabulary import Vocabulary


@dataclass(frozen=True)
class Tokenized:
    """The M matches of a vocabulary in a batch of texts, in place of a (B, N, L) tensor."""

    codes: Tensor
    """(B, L) the texts."""
    vocabulary: Vocabulary
    matches: Matches

    def dense(self) -> Tensor:
        """(B, N, L): one where a token begins, else zero. Large: for inspection only."""
        return self.matches.dense(torch.get_default_dtype())

    def embed(self, weight: Tensor, matches: Matches, *, pooled: bool) -> Tensor:
        """The sum of the tokens' vectors at each position, (B, L, D), or over each text, (B, D).

        Args:
            weight: (N, D) a vector for each token.
            matches: those to sum up, of the texts of this batch.
            pooled: sum over the text.

        """
        embedded: Tensor = EmbedMatches.apply(weight, matches, pooled)  # type: ignore[no-untyped-call]  # torch types no apply
        return embedded


def sum_of_matches(weight: Tensor, matches: Matches, *, pooled: bool) -> Tensor:
    """(B, L, D) or, pooled, (B, D): the vectors `weight` (N, D) of the matches, summed at each position or text."""
    B, _, L = matches.shape
    row = matches.text if pooled else matches.flat
    embedded = weight.new_zeros(B if pooled else B * L, weight.shape[1])
    embedded.index_add_(0, row, weight[matches.token_id])
    return embedded if pooled else embedded.view(B, L, weight.shape[1])


def gradient_of_sum(g: Tensor, weight: Tensor, row: Tensor, token_id: Tensor) -> Tensor:
    """(N, D): dE[n] = Σ g over the matches of token n.

    Args:
        g: (B, L, D) or (B, D), the gradient of `sum_of_matches`.
        weight: (N, D).
        row: (M,) the row of `g`, flattened to two dimensions, that each match was added to.
        token_id: (M,).

    """
    return torch.zeros_like(weight).index_add_(0, token_id, g.reshape(-1, g.shape[-1])[row])


class EmbedMatches(torch.autograd.Function):
    """`sum_of_matches`, whose backward pass keeps two integers for each match instead of its vector."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, matches: Matches, pooled: bool) -> Tensor:
        ctx.save_for_backward(weight, matches.text if pooled else matches.flat, matches.token_id)
        return sum_of_matches(weight, matches, pooled=pooled)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:
        weight, row, token_id = ctx.saved_tensors
        return gradient_of_sum(grads[0], weight, row, token_id), None, None
