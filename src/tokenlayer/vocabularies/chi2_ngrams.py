"""Patterns that start as the n-grams whose presence tells most about the class of a training text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.labelled_ngrams import (
    LABELLED_NGRAM_LENGTHS,
    PatternsInitializerLabelledNgrams,
    choice_problems,
)
from tokenlayer.vocabularies.ngrams import Ngram


class PatternsInitializerChi2Ngrams(PatternsInitializerLabelledNgrams):
    """Each pattern starts as one of the N n-grams of largest χ².

    Of n-grams that stand in the same texts, one within the other, the shortest is taken; those that stand in nearly the
    same texts ("worst", "e worst") are all taken, as each is judged by itself.
    """

    def ngrams(self, K: int, N: int) -> list[Ngram]:
        """The N n-grams, that of largest χ² first."""
        return self.most_telling(K, N)


@dataclass
class Chi2NgramsConfig(InitializerConfig):
    """The n-grams of largest χ² on the training labels, with true blanks behind them."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(LABELLED_NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from."""
    min_texts: int = 10
    """Only n-grams that stand in at least so many training texts are chosen."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from choice_problems(self.ngram_lengths, self.min_texts)

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerChi2Ngrams:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerChi2Ngrams(texts, alphabet, self.ngram_lengths, self.min_texts, generator)
