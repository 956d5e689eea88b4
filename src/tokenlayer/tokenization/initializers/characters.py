"""Patterns of one character each: the alphabet itself as the vocabulary, for networks that read characters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.tokenization.initializers.base import InitializerConfig
from tokenlayer.tokenization.initializers.gram_patterns import Gram, PatternsInitializerGrams


class PatternsInitializerCharacters(PatternsInitializerGrams):
    """Pattern n is the character n of the alphabet. Of a larger alphabet, the first N: the most common ones."""

    mend = "give as many patterns as the alphabet has characters"

    def grams(self, K: int, N: int) -> list[Gram]:
        """The first N characters."""
        return [np.array([code]) for code in range(min(N, self.alphabet.size))]


@dataclass
class CharactersConfig(InitializerConfig):
    """The characters of the alphabet."""

    def default_pattern_lens(self) -> int:
        return 1

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerCharacters:
        return PatternsInitializerCharacters(alphabet, generator)
