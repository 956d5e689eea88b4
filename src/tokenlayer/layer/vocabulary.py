"""What the layer matches: N patterns of K columns, each column one code, a blank, or a column that nothing can meet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.text.alphabet import Alphabet

BLANK = -1
"""The code of a column that accepts anything, padding included."""

BLANK_SIGN = "█"


@dataclass(frozen=True)
class Vocabulary:
    """N patterns as codes: the whole of what matching knows of the layer.

    A pattern with a tie (two equal maxima in a column) can never match, yet has a first maximum to decode; so a tie is
    kept beside the codes instead of in them.
    """

    codes: Tensor
    """(N, K) int64: 0..C-1, or `BLANK`."""
    never: Tensor
    """(N,) bool: the pattern has a tie in some column."""

    @property
    def vocab_size(self) -> int:
        return self.codes.shape[0]

    @property
    def max_token_length(self) -> int:
        return self.codes.shape[1]

    @property
    def all_blank(self) -> Tensor:
        """(N,) bool: patterns that match at every position."""
        return (self.codes == BLANK).all(dim=1)

    def decode(self, alphabet: Alphabet) -> list[str]:
        """Each pattern as K characters, `█` for a blank column and a visible sign for `<UNK>`."""
        signs = (*alphabet.signs, BLANK_SIGN)  # a blank, -1, indexes the last
        return ["".join([signs[code] for code in pattern]) for pattern in self.codes.tolist()]


def discretise(patterns: Tensor) -> Vocabulary:
    """The vocabulary that real-valued `patterns` (C, K, N) stand for, by the seed's rule.

    In each column (k, n) the largest value over C becomes the accepted character; a column whose sum is not positive is
    a blank. (Seed, "Making the Training Loop", where the patterns are decoded.)
    """
    with torch.no_grad():
        largest, codes = patterns.max(dim=0)  # (K, N): the first maximum
        blank = patterns.sum(dim=0) <= 0
        tie = ((patterns == largest).sum(dim=0) > 1) & ~blank
        return Vocabulary(codes.masked_fill(blank, BLANK).T.contiguous(), tie.any(dim=0))


def one_hot(codes: Tensor, n_characters: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(B, L) codes as (B, C, L) one-hot columns; a code outside 0..C-1 (no character) is an all-zero column."""
    categories = torch.arange(n_characters, device=codes.device)
    return (codes.unsqueeze(1) == categories[:, None]).to(dtype)
