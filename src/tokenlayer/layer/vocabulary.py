"""The common currency: N tokens of up to K characters, as integer codes.

Initializers return a `Vocabulary`, learning rules edit it, layers match it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenlayer.text.alphabet import BLANK, Alphabet

BLANK_SIGN = "█"

Ngram = npt.NDArray[np.int64]
"""(length,) codes of a token; `BLANK` where it accepts anything."""


@dataclass(frozen=True)
class Vocabulary:
    """N tokens, each a row of K columns: a code that the text must have there, or a blank that accepts anything."""

    codes: Tensor
    """(N, K) int64: 0..C-1, or `BLANK`."""

    @classmethod
    def blank(cls, vocab_size: int, max_token_length: int) -> Vocabulary:
        """`vocab_size` (N) tokens of `max_token_length` (K) blanks: what a layer holds before it is given tokens."""
        return cls(torch.full((vocab_size, max_token_length), BLANK))

    @classmethod
    def of_ngrams(cls, ngrams: Sequence[Ngram], max_token_length: int) -> Vocabulary:
        """Each n-gram as a token, with blanks behind it up to `max_token_length` (K).

        Raises:
            ValueError: an n-gram is longer than K.

        """
        codes = torch.full((len(ngrams), max_token_length), BLANK)
        for row, ngram in zip(codes, ngrams, strict=True):
            if len(ngram) > max_token_length:
                raise ValueError(f"an n-gram of {len(ngram)} codes does not fit into {max_token_length} columns")
            row[: len(ngram)] = torch.from_numpy(ngram)
        return cls(codes)

    @property
    def vocab_size(self) -> int:
        """N."""
        return self.codes.shape[0]

    @property
    def max_token_length(self) -> int:
        """K."""
        return self.codes.shape[1]

    @property
    def all_blank(self) -> Tensor:
        """(N,) bool: tokens that match at every position."""
        return (self.codes == BLANK).all(dim=1)

    @property
    def can_match(self) -> Tensor:
        """(N,) bool: tokens that some text can hold; here all of them."""
        return torch.ones(self.vocab_size, dtype=torch.bool, device=self.codes.device)

    def take(self, token_ids: Tensor | Sequence[int]) -> Vocabulary:
        """The vocabulary of some tokens, in the order given."""
        return Vocabulary(self.codes[token_ids])

    def decode(self, alphabet: Alphabet) -> list[str]:
        """Each token as K characters, `█` for a blank column and a visible sign for `<UNK>`."""
        signs = (*alphabet.signs, BLANK_SIGN)  # a blank, -1, indexes the last
        return ["".join([signs[code] for code in token]) for token in self.codes.tolist()]
