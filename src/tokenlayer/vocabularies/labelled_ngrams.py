"""What `frequent_ngrams`, `chi2_ngrams` and `l1_ngrams` share: choosing among the n-grams of the training texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.selection.chi2 import best_first, chi_squared
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.ngrams import check_fit, length_problems

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram
    from tokenlayer.text.ngrams.counts import CountedNgrams, Counts

LABELLED_NGRAM_LENGTHS = tuple(range(2, 14))
"""Lengths that hold what tells classes apart: most words with the spaces around them."""

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


def most_telling(context: InitializerContext, ngram_lengths: Sequence[int], min_texts: int, n: int) -> list[Ngram]:
    """The n n-grams of largest χ²; of those that stand in the same texts, one within the other, only the shortest."""
    n_texts = np.bincount(context.texts.labels, minlength=context.texts.n_classes)
    levels = counted(context, ngram_lengths, min_texts)
    return best_ngrams(levels, lambda counts: chi_squared(counts, n_texts), n, distinct=True)


def best_ngrams(
    levels: Iterator[CountedNgrams],
    score: Callable[[Counts], npt.NDArray[np.float64] | npt.NDArray[np.int64]],
    n: int,
    *,
    distinct: bool = False,
) -> list[Ngram]:
    """The n n-grams of the largest score; of equal ones the shorter, then the one of smaller codes.

    Args:
        levels: counted n-grams, length by length.
        score: (G, n_classes) counts to (G,) scores.
        n: how many.
        distinct: leave out n-grams that stand in the same texts as a shorter one within them.

    """
    ngrams: list[Ngram] = []
    scores: list[npt.NDArray[np.float64]] = [np.empty(0)]
    for level in levels:
        rows = np.flatnonzero(~level.redundant) if distinct else np.arange(len(level.ngrams))
        scored = score(level.counts[rows])
        best = best_first(scored)[:n]
        ngrams += list(level.ngrams[rows[best]].astype(np.int64))
        scores.append(scored[best].astype(np.float64))
    return [ngrams[i] for i in best_first(np.concatenate(scores))[:n]]


def choice_problems(ngram_lengths: Sequence[int], min_texts: int) -> Iterator[tuple[str, str]]:
    """Problems of the fields `ngram_lengths` and `min_texts` of a configuration."""
    yield from length_problems(ngram_lengths)
    if min_texts < 1:
        yield "min_texts", "must be at least 1"
