"""The most frequent n-grams of the training texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from tokenlayer.selection.chi2 import Scores
from tokenlayer.selection.settings import budget_problems
from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.labelled_ngrams import POOL, best_ngrams, best_within, counted, n_at_most
from tokenlayer.vocabularies.ngrams import NGRAM_LENGTHS, check_at_most, length_problems, vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram, Vocabulary

_FEWER = 8  # by how much the bound falls when too few n-grams reach it


@dataclass
class FrequentNgramsConfig(InitializerConfig):
    """The most frequent n-grams, with blanks behind them."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from. The shorter an n-gram, the more frequent."""
    count_by: Literal["texts", "occurrences"] = "texts"
    """texts: the number of training texts that hold an n-gram; occurrences: how often it occurs in all of them."""
    tokens_per_text: float | None = None
    """Tokens that are found in a text, on average over the training texts, at most; null: as many as it takes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from length_problems(self.ngram_lengths)
        yield from budget_problems(self.tokens_per_text)

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(self, context: InitializerContext) -> Vocabulary:
        """The N n-grams, the most frequent first."""
        remedy = "lower model.vocab_size, add lengths to initializer.ngram_lengths, or give more training texts"
        check_at_most(context, n_at_most(context, self.ngram_lengths, 1), remedy)
        pool = context.vocab_size if self.tokens_per_text is None else max(POOL, context.vocab_size)
        frequent = self._most_frequent(context, pool)
        return vocabulary_of(best_within(*frequent, context, self.tokens_per_text), context, remedy)

    def _most_frequent(self, context: InitializerContext, n: int) -> tuple[list[Ngram], Scores]:
        fewest = max(len(context.texts) // _FEWER, 1)
        while True:
            levels = counted(context, self.ngram_lengths, fewest, once=self.count_by == "texts")
            found, counts = best_ngrams(levels, lambda counts: counts.sum(1).astype(np.float64), n)
            if len(found) == n or fewest == 1:
                return found, counts
            fewest = max(fewest // _FEWER, 1)
