"""The number of labelled texts of each class that hold each n-gram, length by length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.levels import Level, frequent_ngrams
from tokenlayer.text.ngrams.places import Places

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CountedNgrams:
    """The G frequent n-grams of one length."""

    ngrams: Codes
    """(G, length)"""
    counts: Counts
    """(G, n_classes): texts of each class that hold it, or its occurrences there."""
    redundant: Mask
    """(G,): it stands in as many texts of each class as an n-gram within it, one character shorter, that was counted
    too: in the same texts."""


def count_ngrams(
    texts: TrainingTexts,
    none_code: int,
    ngram_lengths: Sequence[int],
    fewest: int,
    max_token_length: int,
    *,
    once: bool = True,
) -> Iterator[CountedNgrams]:
    """The n-grams of each of these lengths, the shortest first, that occur in at least `fewest` texts.

    Args:
        texts: n labelled texts of L characters.
        none_code: C. No n-gram holds it.
        ngram_lengths: lengths of n-grams, each at most K.
        fewest: texts, or occurrences; at least 1.
        max_token_length: K. A layer of patterns of K characters sees nothing that begins at a position t > L - K.
        once: count an n-gram once in each text, however often it occurs there.

    """
    shorter = np.zeros((0, texts.n_classes), dtype=np.int64)
    levels = frequent_ngrams(texts.codes, none_code, max(ngram_lengths), max_token_length, fewest, once=once)
    for length, level in enumerate(levels, start=1):
        if length not in ngram_lengths:
            continue
        counts = class_counts(level, texts.labels, texts.n_classes, once=once)
        redundant = np.zeros(len(counts), dtype=np.bool_)
        if once and length - 1 in ngram_lengths:
            redundant = (counts == shorter[level.beginning]).all(1)
            redundant |= (level.ending >= 0) & (counts == shorter[level.ending]).all(1)
        yield CountedNgrams(level.ngrams.astype(texts.codes.dtype), counts, redundant)
        shorter = counts


def class_counts(
    level: Level, labels: npt.NDArray[np.int64], n_classes: int, *, once: bool = True, ngrams: range | None = None
) -> Counts:
    """(G, n_classes) int64: the texts of each class that hold each n-gram, or its occurrences there.

    Args:
        level: the n-grams of one length.
        labels: (n,)
        n_classes: number of different labels.
        once: count an n-gram once in each text.
        ngrams: numbers, without gaps, of the n-grams to count; None: all of them.

    """
    ngrams = range(len(level.ngrams)) if ngrams is None else ngrams
    counts = np.zeros((len(ngrams), n_classes), dtype=np.int64)
    places = level.places.take(slice(ngrams.start, ngrams.stop))
    places.in_runs(lambda run, some: _count_classes(some, labels, counts[run], once))
    return counts


def class_weights(
    level: Level, labels: npt.NDArray[np.int64], n_classes: int, weights: npt.NDArray[np.float64], ngrams: range
) -> npt.NDArray[np.float64]:
    """(G, n_classes): the sum of the weights (n,) of the texts of each class that hold each n-gram.

    Args:
        level: the n-grams of one length.
        labels: (n,)
        n_classes: number of different labels.
        weights: (n,)
        ngrams: numbers, without gaps, of the n-grams whose texts are summed up.

    """
    sums = np.zeros((len(ngrams), n_classes))
    places = level.places.take(slice(ngrams.start, ngrams.stop))
    places.in_runs(lambda run, some: _sum_classes(some, labels, weights, sums[run]))
    return sums


@numba.njit(cache=True, nogil=True)
def _count_classes(places: Places, labels: npt.NDArray[np.int64], counts: Counts, once: bool) -> None:
    for q in range(len(places.first)):
        last = -1
        for place in places.positions[places.first[q] : places.first[q] + places.number[q]]:
            text = place >> places.bits
            counts[q, labels[text]] += not once or text != last
            last = text


@numba.njit(cache=True, nogil=True)
def _sum_classes(
    places: Places,
    labels: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
) -> None:
    for q in range(len(places.first)):
        last = -1
        for place in places.positions[places.first[q] : places.first[q] + places.number[q]]:
            text = place >> places.bits
            if text != last:
                sums[q, labels[text]] += weights[text]
            last = text
