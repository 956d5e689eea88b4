"""What `frequent_grams`, `discriminative` and `l1_grams` share: choosing among the grams of the training texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.gram_counts import CountedGrams, Counts, count_grams
from tokenlayer.tokenization.initializers.gram_patterns import Gram, PatternsInitializerGrams, check_fit
from tokenlayer.tokenization.initializers.selection import best_first, chi_squared

LABELLED_GRAM_LENS = tuple(range(2, 14))
"""Lengths that hold what tells classes apart: most words with the spaces around them."""


class PatternsInitializerLabelledGrams(PatternsInitializerGrams):
    """Each pattern starts as a gram of the training texts, which are cut and padded as the model sees them.

    Args:
        texts: the training texts with their labels.
        alphabet: what their codes stand for.
        gram_lens: lengths of grams to choose from.
        min_texts: only grams that stand in at least so many texts are chosen.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    mend = (
        "lower model.n_neurons or initializer.min_texts, add lengths to initializer.gram_lens, or give more training"
        " texts"
    )

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        gram_lens: Sequence[int] = LABELLED_GRAM_LENS,
        min_texts: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(alphabet, generator)
        if not gram_lens or min(gram_lens) < 1:
            raise InputError(f"gram_lens is {list(gram_lens)}: give at least one length, each at least 1")
        self.gram_lens = tuple(gram_lens)
        self.min_texts = min_texts
        self.texts = texts

    def counted(self, K: int, fewest: int, *, once: bool = True) -> Iterator[CountedGrams]:
        """The grams that a pattern of K characters finds in at least `fewest` texts, length by length."""
        check_fit(self.gram_lens, K)
        return count_grams(self.texts, self.alphabet.none_code, self.gram_lens, fewest, K, once=once)

    def most_telling(self, K: int, n: int) -> list[Gram]:
        """The n grams of largest χ², but of those that stand in the same texts the shortest alone."""
        n_texts = np.bincount(self.texts.labels, minlength=self.texts.n_classes)
        levels = self.counted(K, self.min_texts)
        return best_grams(levels, lambda counts: chi_squared(counts, n_texts), n, distinct=True)


def best_grams(
    levels: Iterator[CountedGrams],
    score: Callable[[Counts], npt.NDArray[np.float64] | npt.NDArray[np.int64]],
    n: int,
    *,
    distinct: bool = False,
) -> list[Gram]:
    """The n grams of the largest score; of equal ones the shorter, then the one of smaller codes.

    Args:
        levels: counted grams, length by length.
        score: (G, n_classes) counts to (G,) scores.
        n: how many.
        distinct: leave out grams that stand in the same texts as a shorter one within them.

    """
    grams: list[Gram] = []
    scores: list[npt.NDArray[np.float64]] = [np.empty(0)]
    for level in levels:
        rows = np.flatnonzero(~level.redundant) if distinct else np.arange(len(level.grams))
        scored = score(level.counts[rows])
        best = best_first(scored)[:n]
        grams += list(level.grams[rows[best]].astype(np.int64))
        scores.append(scored[best].astype(np.float64))
    return [grams[i] for i in best_first(np.concatenate(scores))[:n]]


def choice_problems(gram_lens: Sequence[int], min_texts: int) -> Iterator[tuple[str, str]]:
    """What cannot work in the fields `gram_lens` and `min_texts` of a configuration."""
    if not gram_lens or min(gram_lens) < 1:
        yield "gram_lens", "must hold at least one length, each at least 1"
    if min_texts < 1:
        yield "min_texts", "must be at least 1"
