"""The n-grams whose presence tells most about the class of a training text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.labelled_ngrams import (
    LABELLED_NGRAM_LENGTHS,
    POOL,
    REMEDY,
    best_within,
    choice_problems,
    most_telling,
    n_at_most,
)
from tokenlayer.vocabularies.ngrams import check_at_most, vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Vocabulary


@dataclass
class Chi2NgramsConfig(InitializerConfig):
    """The n-grams of largest χ² on the training labels, with blanks behind them.

    Of n-grams that stand in the same texts, one within the other, the shortest is taken; those that stand in nearly the
    same texts ("worst", "e worst") are all taken, as each is judged by itself.
    """

    ngram_lengths: list[int] = field(default_factory=lambda: list(LABELLED_NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from."""
    min_texts: int = 10
    """Only n-grams that stand in at least so many training texts are chosen."""
    tokens_per_text: float | None = None
    """Tokens that are found in a text, on average over the training texts, at most; null: as many as it takes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from choice_problems(self.ngram_lengths, self.min_texts, self.tokens_per_text)

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(self, context: InitializerContext) -> Vocabulary:
        """The N n-grams, the one of largest χ² first."""
        check_at_most(context, n_at_most(context, self.ngram_lengths, self.min_texts), REMEDY)
        pool = context.vocab_size if self.tokens_per_text is None else max(POOL, context.vocab_size)
        telling = most_telling(context, self.ngram_lengths, self.min_texts, pool)
        return vocabulary_of(best_within(*telling, context, self.tokens_per_text), context, REMEDY)
