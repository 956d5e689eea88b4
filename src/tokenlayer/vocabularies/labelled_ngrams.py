"""What initializers of n-grams by counts and labels share: choosing among those of the training texts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.selection.budget import best_under, chosen_within
from tokenlayer.selection.chi2 import Scores, best_first, chi_squared
from tokenlayer.selection.settings import budget_problems
from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import check_fit, length_problems, vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram, Vocabulary
    from tokenlayer.selection.linear import Floats, Ints
    from tokenlayer.text.corpus import TrainingTexts
    from tokenlayer.text.ngrams.counts import CountedNgrams, Counts
    from tokenlayer.text.ngrams.presence import Presence

LABELLED_NGRAM_LENGTHS = tuple(range(2, 14))
"""Lengths that hold what tells classes apart: most words with the spaces around them."""

POOL = 50_000
"""N-grams among which a budget chooses."""

REMEDY = (
    "lower model.vocab_size or initializer.min_texts, add lengths to initializer.ngram_lengths, or give more training"
    " texts"
)
"""What a user can do where there are fewer n-grams than tokens."""


@dataclass
class ChosenTogetherConfig(InitializerConfig):
    """N n-grams that a sparse classifier on the training texts chooses together, with blanks behind them."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(LABELLED_NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from."""
    min_texts: int = 10
    """Only n-grams that stand in at least so many training texts are chosen."""
    n_candidates: int = 50_000
    """The classifier chooses among so many n-grams, those of largest χ²."""
    tokens_per_text: float | None = None
    """Tokens that are found in a text, on average over the training texts, at most; null: as many as it takes."""

    @abstractmethod
    def choose(self, presence: Presence, texts: TrainingTexts, n_chosen: int, surcharge: Floats | None) -> Ints:
        """The numbers of the chosen n-grams, the one of the largest effect first.

        Args:
            presence: P candidates in the training texts.
            texts: their labels.
            n_chosen: how many to choose, at most P.
            surcharge: (P,) by which an n-gram costs more than another; None: all cost the same.

        """

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from choice_problems(self.ngram_lengths, self.min_texts, self.tokens_per_text)
        if self.n_candidates < 1:
            yield "n_candidates", "must be at least 1"

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(self, context: InitializerContext) -> Vocabulary:
        """The N n-grams that together, weighted, tell the class best; the one of the largest effect first."""
        from tokenlayer.text.ngrams.presence import ngram_presence

        texts, N = context.texts, context.vocab_size
        candidates, _ = most_telling(context, self.ngram_lengths, self.min_texts, self.n_candidates)
        presence = ngram_presence(texts.codes, candidates, context.alphabet.none_code, context.max_token_length)
        chosen = chosen_within(
            lambda surcharge: self.choose(presence, texts, N, surcharge),
            lambda: presence,
            self.tokens_per_text,
            context.most_read,
        )
        return vocabulary_of([candidates[i] for i in chosen], context, f"raise initializer.n_candidates, {REMEDY}")


def counted(
    context: InitializerContext, ngram_lengths: Sequence[int], fewest: int, *, once: bool = True
) -> Iterator[CountedNgrams]:
    """The n-grams that a token of K characters finds in at least `fewest` training texts, length by length.

    Raises:
        InputError: K is below the longest of the lengths.

    """
    from tokenlayer.text.ngrams.counts import count_ngrams

    check_fit(ngram_lengths, context.max_token_length)
    return count_ngrams(
        context.texts, context.alphabet.none_code, ngram_lengths, fewest, context.max_token_length, once=once
    )


def n_at_most(context: InitializerContext, ngram_lengths: Sequence[int], fewest: int) -> int:
    """A bound on the number of n-grams that a token of K characters finds in at least `fewest` training texts."""
    n_texts, L = context.texts.codes.shape
    return int(len(set(ngram_lengths)) * n_texts * max(L - context.max_token_length + 1, 0) // fewest)


def most_telling(
    context: InitializerContext, ngram_lengths: Sequence[int], min_texts: int, n: int
) -> tuple[list[Ngram], Scores]:
    """The n n-grams of largest χ², with their χ²; of some in the same texts, one within the other, the shortest."""
    n_texts = np.bincount(context.texts.labels, minlength=context.texts.n_classes)
    levels = counted(context, ngram_lengths, min_texts)
    return best_ngrams(levels, lambda counts: chi_squared(counts, n_texts), n, distinct=True)


def best_within(
    ngrams: list[Ngram], scores: Scores, context: InitializerContext, tokens_per_text: float | None
) -> list[Ngram]:
    """The N n-grams of the largest scores, of those that are given, within a budget of tokens that stand in a text.

    Raises:
        InputError: no N of them keep to the budget.

    """
    from tokenlayer.text.ngrams.presence import ngram_presence

    chosen = chosen_within(
        lambda surcharge: best_under(surcharge, scores)[: context.vocab_size],
        lambda: ngram_presence(context.texts.codes, ngrams, context.alphabet.none_code, context.max_token_length),
        tokens_per_text,
        context.most_read,
    )
    return [ngrams[i] for i in chosen]


def best_ngrams(
    levels: Iterator[CountedNgrams], score: Callable[[Counts], Scores], n: int, *, distinct: bool = False
) -> tuple[list[Ngram], Scores]:
    """The n n-grams of the largest score, and their scores; of equal ones the shorter, then that of smaller codes.

    Args:
        levels: counted n-grams, length by length.
        score: (G, n_classes) counts to (G,) scores.
        n: how many.
        distinct: leave out n-grams that stand in the same texts as a shorter one within them.

    """
    ngrams: list[Ngram] = []
    scores: list[Scores] = [np.empty(0)]
    for level in levels:
        rows = np.flatnonzero(~level.redundant) if distinct else np.arange(len(level.ngrams))
        scored = score(level.counts[rows])
        best = best_first(scored)[:n]
        ngrams += list(level.ngrams[rows[best]].astype(np.int64))
        scores.append(scored[best].astype(np.float64))
    every = np.concatenate(scores)
    best = best_first(every)[:n]
    return [ngrams[i] for i in best], every[best]


def choice_problems(
    ngram_lengths: Sequence[int], min_texts: int, tokens_per_text: float | None
) -> Iterator[tuple[str, str]]:
    """Problems of the fields `ngram_lengths`, `min_texts` and `tokens_per_text` of a configuration."""
    yield from length_problems(ngram_lengths)
    if min_texts < 1:
        yield "min_texts", "must be at least 1"
    yield from budget_problems(tokens_per_text)
