"""Patterns of one character each: the alphabet itself as the vocabulary, for networks that read characters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.ngrams import Ngram, PatternsInitializerNgrams


class PatternsInitializerCharacters(PatternsInitializerNgrams):
    """Pattern n is the character n of the alphabet. Of a larger alphabet, the first N: the most common ones."""

    remedy = "give as many patterns as the alphabet has characters"

    def ngrams(self, K: int, N: int) -> list[Ngram]:
        """The first N characters."""
        return [np.array([code]) for code in range(min(N, self.alphabet.size))]


@dataclass
class CharactersConfig(InitializerConfig):
    """The characters of the alphabet."""

    def default_token_length(self) -> int:
        return 1

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerCharacters:
        return PatternsInitializerCharacters(alphabet, generator)
