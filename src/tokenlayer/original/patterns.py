"""Real-valued patterns (C, K, N), and the vocabulary that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.text.alphabet import BLANK

_ONE_MEAN, _ZERO_MEAN, _STDDEV = 0.75, 0.25, 0.08


@dataclass(frozen=True)
class DiscretisedVocabulary(Vocabulary):
    """The tokens that real-valued patterns stand for.

    A pattern with two equal maxima in a column can never match, yet its first maximum is what it decodes to; so such
    ties are kept beside the codes instead of in them.
    """

    tied: Tensor
    """(N,) bool: the pattern has a tie in some column."""

    @property
    def can_match(self) -> Tensor:
        """(N,) bool: patterns without a tie."""
        return ~self.tied


def discretise(patterns: Tensor) -> DiscretisedVocabulary:
    """The vocabulary that real-valued `patterns` (C, K, N) stand for, by the original's rule.

    In each column (k, n) the largest value over C becomes the accepted character; a column whose sum is not positive is
    a blank. (Seed document, "Making the Training Loop", where the patterns are decoded.)
    """
    with torch.no_grad():
        largest, codes = patterns.max(dim=0)  # (K, N): the first maximum
        blank = patterns.sum(dim=0) <= 0
        tied = ((patterns == largest).sum(dim=0) > 1) & ~blank
        return DiscretisedVocabulary(codes.masked_fill(blank, BLANK).T.contiguous(), tied.any(dim=0))


def patterns_of(
    codes: Tensor, n_characters: int, generator: torch.Generator | None = None, *, exact: bool = False
) -> Tensor:
    """Patterns (C, K, N) that stand for `codes`, with the original's weights (seed document, "Defining the Model").

    Args:
        codes: (N, K) int64. A code of 0..C-1 gives a column with a weight near 0.75 for that character and near 0.25
            for all others; the code C one with all near 0.25, which discretises to a random character; `BLANK` one of
            zeros, which accepts any character and stays so, because σ(0) = 0 lets no gradient through.
        n_characters: C.
        generator: the source of randomness, on the CPU; None: torch's global one.
        exact: cut the noise at three standard deviations, so that the patterns discretise to `codes` without fail.
            Without it, as in the original, about one column of 7,500 becomes another character in an alphabet of 30,
            and one of 180 in an alphabet of 3,000.

    """
    codes = codes.T  # (K, N)
    # In place: with alphabets of thousands of characters this is the largest tensor of a training.
    patterns = torch.empty(n_characters, *codes.shape).normal_(0, _STDDEV, generator=generator)
    if exact:
        patterns.clamp_(-3 * _STDDEV, 3 * _STDDEV)
    k, n = ((codes >= 0) & (codes < n_characters)).nonzero(as_tuple=True)
    ones = patterns[codes[k, n], k, n] + _ONE_MEAN
    patterns += _ZERO_MEAN
    patterns[codes[k, n], k, n] = ones
    patterns[:, codes == BLANK] = 0
    return patterns


def one_hot(codes: Tensor, n_characters: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(B, L) codes as (B, C, L) one-hot columns; a code outside 0..C-1 (no character) is an all-zero column."""
    categories = torch.arange(n_characters, device=codes.device)
    return (codes.unsqueeze(1) == categories[:, None]).to(dtype)
