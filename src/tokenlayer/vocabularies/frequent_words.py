"""Patterns that start as the most frequent words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.selection.chi2 import best_first
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.words import CountedWords
from tokenlayer.vocabularies.words import PatternsInitializerWords, WordsConfig


class PatternsInitializerFrequentWords(PatternsInitializerWords):
    """Each pattern starts as one of the words that stand in most texts."""

    def choose(self, counted: CountedWords, n: int) -> npt.NDArray[np.int64]:
        return best_first(counted.counts.sum(1))[:n]


@dataclass
class FrequentWordsConfig(WordsConfig):
    """The words that stand in most training texts."""

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerFrequentWords:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerFrequentWords(texts, alphabet, self.longest, self.min_texts, generator)
