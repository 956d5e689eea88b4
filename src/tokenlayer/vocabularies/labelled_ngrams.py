"""What `frequent_ngrams`, `chi2_ngrams` and `l1_ngrams` share: choosing among the n-grams of the training texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.errors import InputError
from tokenlayer.selection.chi2 import best_first, chi_squared
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.counts import CountedNgrams, Counts, count_ngrams
from tokenlayer.vocabularies.ngrams import Ngram, PatternsInitializerNgrams, check_fit

LABELLED_NGRAM_LENGTHS = tuple(range(2, 14))
"""Lengths that hold what tells classes apart: most words with the spaces around them."""


class PatternsInitializerLabelledNgrams(PatternsInitializerNgrams):
    """Each pattern starts as a n-gram of the training texts, which are cut and padded as the model sees them.

    Args:
        texts: the training texts with their labels.
        alphabet: what their codes stand for.
        ngram_lengths: lengths of n-grams to choose from.
        min_texts: only n-grams that stand in at least so many texts are chosen.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    remedy = (
        "lower model.vocab_size or initializer.min_texts, add lengths to initializer.ngram_lengths, or give more training"
        " texts"
    )

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        ngram_lengths: Sequence[int] = LABELLED_NGRAM_LENGTHS,
        min_texts: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(alphabet, generator)
        if not ngram_lengths or min(ngram_lengths) < 1:
            raise InputError(f"ngram_lengths is {list(ngram_lengths)}: give at least one length, each at least 1")
        self.ngram_lengths = tuple(ngram_lengths)
        self.min_texts = min_texts
        self.texts = texts

    def counted(self, K: int, fewest: int, *, once: bool = True) -> Iterator[CountedNgrams]:
        """The n-grams that a pattern of K characters finds in at least `fewest` texts, length by length."""
        check_fit(self.ngram_lengths, K)
        return count_ngrams(self.texts, self.alphabet.none_code, self.ngram_lengths, fewest, K, once=once)

    def most_telling(self, K: int, n: int) -> list[Ngram]:
        """The n n-grams of largest χ², but of those that stand in the same texts the shortest alone."""
        n_texts = np.bincount(self.texts.labels, minlength=self.texts.n_classes)
        levels = self.counted(K, self.min_texts)
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
    """What cannot work in the fields `ngram_lengths` and `min_texts` of a configuration."""
    if not ngram_lengths or min(ngram_lengths) < 1:
        yield "ngram_lengths", "must hold at least one length, each at least 1"
    if min_texts < 1:
        yield "min_texts", "must be at least 1"
