"""The sequence of a text's matched tokens, which heads that heed their order read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches
from tokenlayer.models.sequence_model import Keep


@dataclass(frozen=True)
class TokenSequence:
    """The matches of B texts in order of position, padded to the longest of them: S ≥ 1 places."""

    token_id: Tensor
    """(B, S) int64, 0..N-1; 0 where there is none."""
    position: Tensor
    """(B, S) int64, 0..L-1: where the token begins; 0 where there is none."""
    there: Tensor
    """(B, S) bool: whether the place holds a match."""


def kept_matches(matches: Matches, max_tokens: int, keep: Keep, vectors: Tensor) -> Matches:
    """The matches of each text that are read, `max_tokens` at most, still in their order.

    Args:
        matches: of B texts.
        max_tokens: the longest sequence.
        keep: first: the first; spread: of n matches those at which max_tokens / n · (their number so far), rounded,
            rises; strongest: those of the longest vectors, of equal ones the first.
        vectors: (N, D) of the tokens.

    """
    place, counts = _places(matches)
    if keep == "first":
        kept = place < max_tokens
    elif keep == "spread":
        n = counts[matches.text]
        before, after = (((place + i) * max_tokens + n // 2).div(n, rounding_mode="floor") for i in (0, 1))
        kept = after > before
    else:
        strength = vectors.detach().norm(dim=1)[matches.token_id]
        order = strength.argsort(descending=True, stable=True)
        order = order[matches.text[order].argsort(stable=True)]  # text by text, in each the strongest first
        kept = torch.zeros_like(place, dtype=torch.bool)
        kept[order] = place < max_tokens
    return _some(matches, kept)


def without_some(matches: Matches, share: float) -> Matches:
    """The matches but for a random share of them, each left out by itself."""
    return _some(matches, torch.rand(len(matches), device=matches.text.device) >= share)


def token_sequence(matches: Matches, max_tokens: int) -> TokenSequence:
    """The first `max_tokens` matches of each text; those behind are dropped."""
    B = matches.shape[0]
    place, counts = _places(matches)
    kept = place < max_tokens
    row, column = matches.text[kept], place[kept]
    S = min(max(int(counts.max()), 1), max_tokens)
    token_id, position = matches.token_id.new_zeros(B, S), matches.position.new_zeros(B, S)
    there = torch.zeros(B, S, dtype=torch.bool, device=matches.text.device)
    token_id[row, column] = matches.token_id[kept]
    position[row, column] = matches.position[kept]
    there[row, column] = True
    return TokenSequence(token_id, position, there)


def _some(matches: Matches, which: Tensor) -> Matches:
    return Matches(matches.text[which], matches.position[which], matches.token_id[which], matches.shape)


def _places(matches: Matches) -> tuple[Tensor, Tensor]:
    """(M,) the number of matches before each in its text, and (B,) that of each text."""
    counts = matches.counts_by_text()
    begin = counts.cumsum(0) - counts
    return torch.arange(len(matches), device=matches.text.device) - begin[matches.text], counts
