"""The token layer: a vocabulary, matched exactly, whose tokens a learning rule replaces as wholes."""

from __future__ import annotations

import torch
from torch import Tensor

from tokenlayer.layer.base import TokenLayer, checked_codes
from tokenlayer.layer.matchers import EveryMatch, Matcher
from tokenlayer.layer.matching import PatternIndex
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import Vocabulary


class VocabularyLayer(TokenLayer):
    """N tokens of up to K characters; no gradient moves their characters.

    Args:
        vocabulary: the first tokens.
        n_characters: C, the size of the alphabet.
        matcher: which occurrences of a token count as matches; by default all.

    """

    codes: Tensor
    """(N, K), a buffer."""

    def __init__(self, vocabulary: Vocabulary, n_characters: int, matcher: Matcher | None = None) -> None:
        super().__init__()
        self.vocab_size = vocabulary.vocab_size
        self.max_token_length = vocabulary.max_token_length
        self.n_characters = n_characters
        self.matcher = matcher or EveryMatch()
        self.register_buffer("codes", vocabulary.codes.clone())
        self._index: tuple[int, Tensor, PatternIndex] | None = None

    def vocabulary(self) -> Vocabulary:
        """The present tokens."""
        return self.index().vocabulary

    def index(self) -> PatternIndex:
        """The vocabulary, prepared for matching; prepared again when the tokens have changed."""
        version = self.codes._version  # counts changes in place: edits, and loaded checkpoints
        if self._index is None or self._index[0] != version or self._index[1] is not self.codes:
            self._index = version, self.codes, PatternIndex(Vocabulary(self.codes.clone()), self.n_characters)
        return self._index[2]

    @torch.no_grad()
    def set_vocabulary(self, vocabulary: Vocabulary, generator: torch.Generator | None = None) -> None:
        """Take over the tokens of a vocabulary of the same shape."""
        self.codes.copy_(vocabulary.codes)

    @torch.no_grad()
    def replace(self, token_ids: Tensor, codes: Tensor) -> None:
        """Put the tokens `codes` (R, K), blanks included, in the places `token_ids` (R,)."""
        self.codes[token_ids] = codes.to(self.codes)

    def forward(self, text: Tensor) -> Tokenized:
        """Find the tokens in a batch of integer codes (B, L), where C means no character."""
        codes = checked_codes(text, self.n_characters)
        index = self.index()
        return Tokenized(codes, index.vocabulary, self.matcher(codes, index))

    def extra_repr(self) -> str:
        return f"vocab_size={self.vocab_size}, max_token_length={self.max_token_length}"
