"""Patterns that start as the words which an L1-regularised logistic regression on the training texts keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.selection.l1_logistic import l1_choice
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.words import CountedWords, word_presence
from tokenlayer.vocabularies.words import PatternsInitializerWords, WordsConfig


class PatternsInitializerL1Words(PatternsInitializerWords):
    """Each pattern starts as one of the N words that together, weighted, tell the class best.

    Args:
        texts: the training texts with their labels.
        alphabet: what their codes stand for.
        longest: longer words are not chosen.
        min_texts: only words that stand in at least so many texts are chosen.
        standardise: see `l1_choice`.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        longest: int,
        min_texts: int,
        *,
        standardise: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(texts, alphabet, longest, min_texts, generator)
        self.standardise = standardise

    def choose(self, counted: CountedWords, n: int) -> npt.NDArray[np.int64]:
        presence = word_presence(self.texts.codes, counted.words, self.alphabet)
        return l1_choice(presence, self.texts.labels, self.texts.n_classes, n, standardise=self.standardise)


@dataclass
class L1WordsConfig(WordsConfig):
    """The words that an L1-regularised logistic regression keeps."""

    standardise: bool = True
    """Regularise effects (weight times standard deviation of the presence) instead of weights, which rare words need to
    be larger."""

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerL1Words:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerL1Words(
            texts, alphabet, self.longest, self.min_texts, standardise=self.standardise, generator=generator
        )
