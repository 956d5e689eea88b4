"""An exact inverted index of the training texts: which texts hold which n-grams, to score any n-gram at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import BLANK
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.counts import Mask, class_counts, class_weights
from tokenlayer.text.ngrams.levels import Level, frequent_ngrams
from tokenlayer.text.ngrams.places import Places
from tokenlayer.text.ngrams.presence import copy_segments, ngram_presence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.int32]
Fingerprints = npt.NDArray[np.uint64]
Score = Callable[[Any, Any], Floats]
"""From the texts of each class that hold each n-gram (G, n_classes), and all texts of each class, to scores (G,): from
integers, or from sums of weights."""

_COUNTS = 1 << 22  # n-grams times classes that are counted in one walk over the texts
_STANDS_FOR = 0.95  # of the texts that hold an n-gram: a longer one that so many of them hold says the same


@dataclass(frozen=True)
class NgramIndex:
    """P n-grams, and the texts that hold each."""

    ngrams: Ints
    """(P, K) codes, padded with blanks."""
    bounds: Ints
    """(P + 1,)"""
    texts: Texts
    """(entries,): texts[bounds[q]:bounds[q + 1]] are the texts, ascending, that hold n-gram q."""
    n_texts: int
    """Number of texts that are indexed: the first so many of the training texts."""
    occurrences: Ints
    """(P,): how often each occurs in these texts."""

    def __len__(self) -> int:
        return len(self.ngrams)

    @property
    def frequency(self) -> Ints:
        """(P,): number of texts that hold each n-gram."""
        return np.diff(self.bounds)

    @property
    def reads(self) -> Floats:
        """(P,): occurrences of each n-gram in a text, on average."""
        reads: Floats = self.occurrences / self.n_texts
        return reads

    def sums(self, values: npt.NDArray[np.floating]) -> Floats:
        """(P,) or (P, D): for each n-gram the sum of `values`, (n_texts,) or (n_texts, D), over its texts."""
        columns = np.ascontiguousarray(values.reshape(self.n_texts, -1).T, dtype=np.float64)
        return _sums_of_texts(self.texts, self.bounds, columns).reshape(len(self), *values.shape[1:])

    def texts_of(self, ngrams: Ints) -> tuple[Texts, Ints]:
        """The texts of some n-grams (m,), one n-gram behind the other, and their bounds (m + 1,)."""
        if np.array_equal(ngrams, np.arange(len(self))):
            return self.texts, self.bounds  # not copied: they are the largest arrays of a training
        frequency = self.frequency[ngrams]
        bounds = np.concatenate([[0], np.cumsum(frequency)])
        texts = np.empty(bounds[-1], dtype=self.texts.dtype)
        copy_segments(self.texts, self.bounds[ngrams], texts, bounds, frequency)
        return texts, bounds

    def find(self, patterns: Ints) -> Ints:
        """(m,): for each of the patterns (m, K), blanks included, the number of its n-gram, or -1."""
        if not len(self):
            return np.full(len(patterns), -1)
        known, wanted = _keys(self.ngrams - BLANK), _keys(patterns - BLANK)
        order = known.argsort(kind="stable")
        at = np.searchsorted(known, wanted, sorter=order)
        at = order[np.minimum(at, len(known) - 1)]
        return np.where(known[at] == wanted, at, -1)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What it consists of, for a file."""
        return {
            "ngrams": self.ngrams,
            "bounds": self.bounds,
            "texts": self.texts,
            "n_texts": np.array(self.n_texts),
            "occurrences": self.occurrences,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> NgramIndex:
        """From `arrays`."""
        return cls(arrays["ngrams"], arrays["bounds"], arrays["texts"], int(arrays["n_texts"]), arrays["occurrences"])


def index_ngrams(
    texts: TrainingTexts,
    n_characters: int,
    lengths: Sequence[int],
    max_token_length: int,
    score: Score,
    *,
    min_texts: int,
    max_ngrams: int,
    max_characters: int,
) -> NgramIndex:
    """Index the n-grams of the training texts that are worth a look.

    N-grams are left out that stand in fewer than `min_texts` texts, or in all; that a longer one, indexed too, stands
    for (it is in 95 % of their texts: "wonderful" for "onderfu"); and, beyond `max_ngrams`, those whose presence says
    least about the class by itself (a screening by marginal association: Fan & Lv 2008). The weights of texts count in
    this last choice alone: the others are of n-grams that are rare, or the same, whatever the texts weigh.

    Args:
        texts: the labelled training texts.
        n_characters: C.
        lengths: lengths of n-grams, at most K.
        max_token_length: K. As in matching, an n-gram counts where a window of K characters has room: at t ≤ L - K.
        score: what presence says about the class by itself, such as χ².
        min_texts: a rarer n-gram is none.
        max_ngrams: bound of P.
        max_characters: bound of the characters that are read, from the first text on: it bounds time and memory.

    """
    n_texts = max(1, min(len(texts), max_characters // texts.codes.shape[1]))
    first = texts.first(n_texts)
    levels = frequent_ngrams(first.codes, n_characters, max(lengths), max_token_length, min_texts)
    ngrams = _chosen(levels, first, lengths, max_token_length, score, max_ngrams)
    unpadded = [ngram[ngram != BLANK] for ngram in ngrams]
    presence = ngram_presence(first.codes, unpadded, n_characters, max_token_length)
    return NgramIndex(ngrams, presence.bounds, presence.texts, n_texts, presence.occurrences)


def _chosen(
    levels: Iterator[Level],
    texts: TrainingTexts,
    lengths: Sequence[int],
    max_token_length: int,
    score: Score,
    max_ngrams: int,
) -> Ints:
    """(P, K): the n-grams, padded, that are worth a look."""
    found = shorter = _Candidates.none(max_token_length)
    for level in levels:
        longer = _Candidates.none(max_token_length)
        if level.ngrams.shape[1] in lengths:
            longer = _candidates(level, texts, max_token_length, score)
            if len(shorter.ngrams):
                shorter = shorter.take(~_stood_for(level, shorter.frequency, longer.frequency))
        found = _best(found, shorter, max_ngrams, len(texts))
        shorter = longer
    return _best(found, shorter, max_ngrams, len(texts)).ngrams


@dataclass(frozen=True)
class _Candidates:
    """N-grams that may come to be indexed."""

    ngrams: Ints
    """(P, K)"""
    frequency: Ints
    """(P,): number of texts that hold each."""
    score: Floats
    """(P,)"""
    fingerprint: Fingerprints
    """(P,): equal, but for chance of 2⁻⁶⁴, if and only if the sets of texts are."""

    @classmethod
    def none(cls, max_token_length: int) -> _Candidates:
        nothing = np.zeros(0, dtype=np.int64)
        ngrams = np.zeros((0, max_token_length), dtype=np.int64)
        return cls(ngrams, nothing, nothing.astype(np.float64), nothing.astype(np.uint64))

    def take(self, kept: Ints | Mask) -> _Candidates:
        return _Candidates(self.ngrams[kept], self.frequency[kept], self.score[kept], self.fingerprint[kept])


def _candidates(level: Level, texts: TrainingTexts, max_token_length: int, score: Score) -> _Candidates:
    """All n-grams of one length."""
    frequency, scores = _scored(level, texts, score)
    padded = np.full((len(scores), max_token_length), BLANK)
    padded[:, : level.ngrams.shape[1]] = level.ngrams
    random = np.random.default_rng(0).integers(0, 1 << 64, len(texts), dtype=np.uint64)
    fingerprint = np.zeros(len(scores), dtype=np.uint64)
    level.places.in_runs(lambda run, some: _sum_up(some, random, fingerprint[run]))
    return _Candidates(padded, frequency, scores, fingerprint)


def _scored(level: Level, texts: TrainingTexts, score: Score) -> tuple[Ints, Floats]:
    """(G,), (G,): the texts that hold each n-gram, and its score.

    Counts of all n-grams by class would be the largest array of a training of many classes.
    """
    n_texts = np.bincount(texts.labels, texts.weights, minlength=texts.n_classes)
    frequency, scores = np.zeros(len(level.ngrams), dtype=np.int64), np.zeros(len(level.ngrams))
    at_once = max(1, _COUNTS // texts.n_classes)
    for first in range(0, len(scores), at_once):
        some = range(first, min(first + at_once, len(scores)))
        counts = class_counts(level, texts.labels, texts.n_classes, ngrams=some)
        frequency[some.start : some.stop] = counts.sum(1)
        held: Any = counts
        if texts.weights is not None:
            held = class_weights(level, texts.labels, texts.n_classes, texts.weights, some)
        scores[some.start : some.stop] = score(held, n_texts)
    return frequency, scores


def _stood_for(level: Level, frequency: Ints, of_longer: Ints) -> Mask:
    """The n-grams, of these frequencies, that one of the level's n-grams of one more character stands for."""
    is_stood_for = np.zeros(len(frequency), dtype=np.bool_)
    for part in (level.beginning, level.ending):
        stands_for = (part >= 0) & (of_longer >= _STANDS_FOR * frequency[part])
        is_stood_for[part[stands_for]] = True
    return is_stood_for


def _best(some: _Candidates, more: _Candidates, max_ngrams: int, n_texts: int) -> _Candidates:
    """One n-gram (the longest) of both for each set of texts but that of all, and no more than `max_ngrams`.

    Args:
        some: the best so far.
        more: longer n-grams.
        max_ngrams: so many of the highest scores are kept.
        n_texts: an n-gram in so many texts is in all.

    """
    more = more.take(more.frequency < n_texts)
    both = _Candidates(
        ngrams=np.concatenate([more.ngrams, some.ngrams]),
        frequency=np.concatenate([more.frequency, some.frequency]),
        score=np.concatenate([more.score, some.score]),
        fingerprint=np.concatenate([more.fingerprint, some.fingerprint]),
    )
    _, first = np.unique(both.fingerprint, return_index=True)
    best = first[np.argsort(-both.score[first], kind="stable")[:max_ngrams]]
    return both.take(np.sort(best))


@numba.njit(cache=True, nogil=True)
def _sum_up(places: Places, values: Fingerprints, sums: Fingerprints) -> None:
    """Add to each n-gram's sum (G,), modulo 2^64, the `values` (n,) of the texts that hold it."""
    for q in range(len(places.first)):
        last = -1
        for place in places.positions[places.first[q] : places.first[q] + places.number[q]]:
            text = place >> places.bits
            if text != last:
                sums[q] += values[text]
            last = text


def _keys(ngrams: Ints) -> npt.NDArray[np.void]:
    """(m,): each n-gram as one value, which sorts as its codes do, the first code before the others."""
    flat = np.ascontiguousarray(ngrams.astype(">u4"))
    return flat.view(np.dtype((np.void, flat.shape[1] * 4))).ravel()


@numba.njit(cache=True, nogil=True)
def _sums_of_texts(texts: npt.NDArray[np.int32], bounds: Ints, columns: Floats) -> Floats:
    """(P, D): for each n-gram the sums of each of D columns (D, n) over the texts that hold it."""
    sums = np.zeros((len(bounds) - 1, len(columns)))
    for q in range(len(sums)):
        for d in range(len(columns)):
            total = 0.0
            for at in range(bounds[q], bounds[q + 1]):
                total += columns[d, texts[at]]
            sums[q, d] = total
    return sums
