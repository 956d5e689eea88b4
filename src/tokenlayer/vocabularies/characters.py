"""Tokens of one character each: the alphabet itself as the vocabulary, for networks that read characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Vocabulary


@dataclass
class CharactersConfig(InitializerConfig):
    """The characters of the alphabet; of a larger one the first N, which are the most common."""

    def default_token_length(self) -> int:
        return 1

    def build(self, context: InitializerContext) -> Vocabulary:
        """Token n is the character n of the alphabet."""
        n_tokens = min(context.vocab_size, context.alphabet.size)
        characters = [np.array([code]) for code in range(n_tokens)]
        remedy = f"lower model.vocab_size to {n_tokens}, or let the alphabet have more characters (dataset.alphabet)"
        return vocabulary_of(characters, context, remedy)
