"""What the rest of the network needs to know of a token layer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import Vocabulary


class TokenLayer(nn.Module, ABC):
    """N tokens of up to K characters that mark where each of them occurs in a text."""

    vocab_size: int
    """N."""
    max_token_length: int
    """K."""

    @abstractmethod
    def forward(self, text: Tensor) -> Tokenized:
        """Find the tokens in a batch of integer codes (B, L), where C means no character of the alphabet."""

    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The present tokens."""

    @abstractmethod
    def set_vocabulary(self, vocabulary: Vocabulary, generator: torch.Generator | None = None) -> None:
        """Take over the tokens of a vocabulary of N rows and K columns.

        Args:
            vocabulary: the tokens.
            generator: the source of randomness for a layer that adds noise to its tokens; None: torch's global one.

        """

    def character_gradient(self) -> Tensor | None:
        """(N,): how strongly the loss of the last step pulls at the characters of each token.

        None where no gradient moves characters.
        """
        return None


def checked_codes(codes: Tensor, n_characters: int) -> Tensor:
    """Codes (B, L) as int64.

    Raises:
        ValueError: a code is not in 0..C.

    """
    codes = codes.long()
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) <= n_characters:
        raise ValueError(f"codes must be 0..{n_characters}, where {n_characters} means no character of the alphabet")
    return codes
