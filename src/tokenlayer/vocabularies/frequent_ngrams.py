"""Patterns that start as the most frequent n-grams of the training texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.labelled_ngrams import (
    PatternsInitializerLabelledNgrams,
    best_ngrams,
    choice_problems,
)
from tokenlayer.vocabularies.ngrams import NGRAM_LENGTHS, Ngram

CountBy = Literal["texts", "occurrences"]

_FEWER = 8  # by how much the bound falls when too few n-grams reach it


class PatternsInitializerFrequentNgrams(PatternsInitializerLabelledNgrams):
    """Each pattern starts as one of the N most frequent n-grams.

    Args:
        texts: the training texts.
        alphabet: what their codes stand for.
        ngram_lengths: lengths of n-grams to choose from.
        count_by: `texts`: the number of texts that hold the n-gram; `occurrences`: how often it occurs in all of them.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    remedy = "lower model.vocab_size, add lengths to initializer.ngram_lengths, or give more training texts"

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        ngram_lengths: Sequence[int] = NGRAM_LENGTHS,
        count_by: CountBy = "texts",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(texts, alphabet, ngram_lengths, generator=generator)
        self.count_by = count_by

    def ngrams(self, K: int, N: int) -> list[Ngram]:
        """The N n-grams, the most frequent first."""
        fewest = max(len(self.texts) // _FEWER, 1)
        while True:
            levels = self.counted(K, fewest, once=self.count_by == "texts")
            found = best_ngrams(levels, lambda counts: counts.sum(1).astype(np.int64), N)
            if len(found) == N or fewest == 1:
                return found
            fewest = max(fewest // _FEWER, 1)


@dataclass
class FrequentNgramsConfig(InitializerConfig):
    """The most frequent n-grams, with true blanks behind them."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from. The shorter a n-gram, the more frequent."""
    count_by: CountBy = "texts"
    """texts: the number of training texts that hold a n-gram; occurrences: how often it occurs in all of them."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from choice_problems(self.ngram_lengths, 1)

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
    ) -> PatternsInitializerFrequentNgrams:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerFrequentNgrams(texts, alphabet, self.ngram_lengths, self.count_by, generator)
