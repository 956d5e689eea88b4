"""The n-grams which together cover most characters of the corpus, chosen greedily.

This is what the name of the original's `PatternsInitilizerMaxCover` promises.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.progress import working
from tokenlayer.text.alphabet import Codes
from tokenlayer.vocabularies.base import CorpusConfig, InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import (
    NGRAM_LENGTHS,
    check_at_most,
    check_corpus,
    check_fit,
    length_problems,
    vocabulary_of,
)

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram, Vocabulary

CAP = 5_000_000
"""Characters that are enough to tell which n-grams cover most, and that take seconds."""

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_REMEDY = (
    "these cover all that n-grams of these lengths can; lower model.vocab_size or initializer.filter_over, add lengths"
    " to initializer.ngram_lengths, raise initializer.corpus.cap, or give more text"
)
_FEWER = 4  # by how much the bound falls when the n-grams above it are used up


def greedy_cover(
    codes: Codes, none_code: int, ngram_lengths: Sequence[int], n: int, filter_over: int = 1
) -> list[Ngram]:
    """The n-grams that a greedy choice by characters covered anew takes, in its order.

    Every n-gram of these lengths is a candidate. Of equal ones the shorter is taken, then the one that begins earlier.
    Any n candidates cover at most 1/(1 - 1/e) = 1.58 times as many characters as these (Nemhauser, Wolsey and Fisher
    1978, "An analysis of approximations for maximizing submodular set functions").

    Args:
        codes: (S,) the corpus.
        none_code: C. An n-gram that holds it matches nothing, and is no candidate.
        ngram_lengths: lengths of the candidates.
        n: how many to choose.
        filter_over: a candidate occurs more than this many times, overlapping occurrences included.

    Returns:
        n n-grams; fewer where no further one covers anything anew.

    """
    # A plain array: np.memmap makes every one of the many small slices costly.
    codes = np.array(codes)
    covered = np.zeros(len(codes), dtype=np.bool_)
    chosen: list[Ngram] = []
    # What an n-gram covers is bounded by what its occurrences do one by one. N-grams below a bound wait until the best
    # of those above it has fallen there: there are millions of them, and few are ever needed.
    bound = max(1, len(codes) // (_FEWER * max(n, 1)))
    with working("choosing n-grams that cover the texts", n) as work:
        while len(chosen) < n:
            candidates = _candidates(codes, none_code, ngram_lengths, filter_over, covered, bound)
            for best in _greedy(list(candidates), covered, n - len(chosen), bound):
                first = best.positions[0]
                chosen.append(codes[first : first + best.length].astype(np.int64))
                work.step()
            if bound == 1:
                break
            bound = max(1, bound // _FEWER)
    return chosen


@dataclass(frozen=True)
class _Candidate:
    """An n-gram of the corpus."""

    length: int
    positions: Positions
    """The positions where it begins, ascending."""
    at_most: int
    """Bounds the characters that it covers anew."""

    def key(self, gain: int) -> tuple[int, int, int]:
        """The smallest is the best."""
        return -gain, self.length, int(self.positions[0])

    def gain(self, covered: Mask) -> int:
        """Characters that it would cover anew."""
        reached = self._reached()
        fresh = ~covered[reached]
        # An occurrence that begins within the one before counts from where that ends.
        overlap = self.length - np.diff(self.positions)
        if (overlap > 0).any():
            fresh[1:] &= np.arange(self.length) >= overlap[:, None]
        return int(np.count_nonzero(fresh))

    def cover(self, covered: Mask) -> None:
        """Mark the characters under it."""
        covered[self._reached()] = True

    def _reached(self) -> Positions:
        return self.positions[:, None] + np.arange(self.length)


def _greedy(candidates: Sequence[_Candidate], covered: Mask, n: int, at_least: int) -> Iterator[_Candidate]:
    """The best candidate again and again, at most n, while it covers `at_least` so many characters anew.

    Gains only shrink as more is covered, so that a candidate whose gain is still the best after it was computed anew is
    the best of all (lazy evaluation: Minoux 1978).
    """
    heap = [(*candidate.key(candidate.at_most), i) for i, candidate in enumerate(candidates)]
    heapq.heapify(heap)
    while heap and n:
        i = heap[0][-1]
        gain = candidates[i].gain(covered)
        entry = (*candidates[i].key(gain), i)
        if gain < at_least:
            heapq.heappop(heap)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)
        else:
            heapq.heappop(heap)
            candidates[i].cover(covered)
            n -= 1
            yield candidates[i]


def _candidates(
    codes: Codes, none_code: int, ngram_lengths: Sequence[int], filter_over: int, covered: Mask, at_least: int
) -> Iterator[_Candidate]:
    """Every n-gram that may cover `at_least` so many characters anew.

    An n-gram occurs at most as often as its beginning and its end, so that only those positions are looked at for a
    length where both of these are frequent enough for the longest.
    """
    uncovered = np.concatenate([[0], np.cumsum(~covered)])  # before each position
    fewest = max(filter_over + 1, -(-at_least // max(ngram_lengths)))
    for length, positions, begins in _frequent(codes, none_code, max(ngram_lengths), fewest):
        if length not in ngram_lengths or not len(begins):
            continue
        at_most = np.add.reduceat(uncovered[positions + length] - uncovered[positions], begins)
        ends = np.append(begins[1:], len(positions))
        for i in np.flatnonzero(at_most >= at_least):
            yield _Candidate(length, positions[begins[i] : ends[i]].copy(), int(at_most[i]))


def _frequent(codes: Codes, none_code: int, longest: int, fewest: int) -> Iterator[tuple[int, Positions, Positions]]:
    """For each length up to `longest`, the occurrences of the n-grams that occur at least `fewest` times.

    Yields:
        the length; positions, n-gram by n-gram, ascending within each; the index at which each n-gram begins there.

    """
    n_codes = none_code + 1
    ids = np.zeros(len(codes) + 1, dtype=np.int64)  # of the frequent n-gram at each position, -1: none; all begin alike
    for length in range(1, longest + 1):
        begins = np.flatnonzero((ids[: len(codes) - length + 1] >= 0) & (ids[1 : len(codes) - length + 2] >= 0))
        last = codes[begins + length - 1]
        begins, last = begins[last != none_code], last[last != none_code]
        keys = ids[begins] * n_codes + last
        order = np.argsort(keys, kind="stable")
        positions, keys = begins[order], keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(starts, append=len(keys))
        kept = counts >= fewest
        positions, counts = positions[np.repeat(kept, counts)], counts[kept]
        yield length, positions, np.cumsum(counts) - counts
        ids[:] = -1
        ids[positions] = np.repeat(np.arange(len(counts)), counts)


@dataclass
class GreedyCoverConfig(InitializerConfig):
    """The n-grams that together cover most characters of the corpus, with blanks behind them.

    Token after token, the n-gram is taken under whose occurrences most characters lie that none before covers.
    """

    ngram_lengths: list[int] = field(default_factory=lambda: list(NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from. Short ones cover most."""
    filter_over: int = 1
    """Only n-grams that occur more than this many times are chosen."""
    corpus: CorpusConfig = field(default_factory=lambda: CorpusConfig(cap=CAP))
    """The texts that the n-grams come from, and whose characters are to be covered."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from length_problems(self.ngram_lengths)
        if self.filter_over < 0:
            yield "filter_over", "must not be negative"

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(self, context: InitializerContext) -> Vocabulary:
        """The N n-grams, in the order of choice."""
        corpus = context.corpus(self.corpus)
        check_corpus(self.ngram_lengths, len(corpus))
        check_fit(self.ngram_lengths, context.max_token_length)
        check_at_most(context, len(set(self.ngram_lengths)) * len(corpus) // (self.filter_over + 1), _REMEDY)
        none_code = context.alphabet.none_code
        chosen = greedy_cover(corpus, none_code, self.ngram_lengths, context.vocab_size, self.filter_over)
        return vocabulary_of(chosen, context, _REMEDY)
