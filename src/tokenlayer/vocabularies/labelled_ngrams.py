"""What initializers of n-grams by counts and labels share: choosing among those of the training texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.selection.budget import best_under, chosen_within
from tokenlayer.selection.chi2 import Scores, best_first, chi_squared
from tokenlayer.selection.settings import budget_problems
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.ngrams import check_fit, length_problems

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram
    from tokenlayer.text.ngrams.counts import CountedNgrams, Counts

LABELLED_NGRAM_LENGTHS = tuple(range(2, 14))
"""Lengths that hold what tells classes apart: most words with the spaces around them."""

POOL = 50_000
"""N-grams among which a budget chooses."""

REMEDY = (
    "lower model.vocab_size or initializer.min_texts, add lengths to initializer.ngram_lengths, or give more training"
    " texts"
)
"""What a user can do where there are fewer n-grams than tokens."""


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

    def reads() -> Scores:
        return ngram_presence(context.texts.codes, ngrams, context.alphabet.none_code, context.max_token_length).reads

    chosen = chosen_within(
        lambda surcharge: best_under(surcharge, scores)[: context.vocab_size], reads, tokens_per_text
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
