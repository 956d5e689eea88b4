"""The sequence of a text's matched tokens, which heads that heed their order read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches
from tokenlayer.models.heads.pool_head import matches_by_text


@dataclass(frozen=True)
class TokenSequence:
    """The matches of B texts in order of position, padded to the longest of them: S ≥ 1 places."""

    token_id: Tensor
    """(B, S) int64, 0..N-1; 0 where there is none."""
    position: Tensor
    """(B, S) int64, 0..L-1: where the token begins; 0 where there is none."""
    there: Tensor
    """(B, S) bool: whether the place holds a match."""


def token_sequence(matches: Matches, max_tokens: int) -> TokenSequence:
    """The first `max_tokens` matches of each text; those behind are dropped."""
    B = matches.shape[0]
    counts = matches_by_text(matches)
    begin = counts.cumsum(0) - counts
    place = torch.arange(len(matches), device=matches.text.device) - begin[matches.text]
    kept = place < max_tokens
    row, column = matches.text[kept], place[kept]
    S = min(max(int(counts.max()), 1), max_tokens)
    token_id, position = matches.token_id.new_zeros(B, S), matches.position.new_zeros(B, S)
    there = torch.zeros(B, S, dtype=torch.bool, device=matches.text.device)
    token_id[row, column] = matches.token_id[kept]
    position[row, column] = matches.position[kept]
    there[row, column] = True
    return TokenSequence(token_id, position, there)
