"""Patterns that start as the words whose presence tells most about the class of a training text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.selection.chi2 import best_first, chi_squared
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.words import CountedWords
from tokenlayer.vocabularies.words import PatternsInitializerWords, WordsConfig


class PatternsInitializerChi2Words(PatternsInitializerWords):
    """Each pattern starts as one of the N words of largest χ²."""

    def choose(self, counted: CountedWords, n: int) -> npt.NDArray[np.int64]:
        return best_first(chi_squared(counted.counts, self.texts_by_class()))[:n]


@dataclass
class Chi2WordsConfig(WordsConfig):
    """The words of largest χ² on the training labels."""

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerChi2Words:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerChi2Words(texts, alphabet, self.longest, self.min_texts, generator)
