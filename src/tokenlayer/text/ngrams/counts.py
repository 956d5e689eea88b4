"""Which n-grams stand in how many labelled texts: exact counts, length by length, with a bounded memory.

A n-gram of l characters is one of l - 1 that is frequent, and a further character: the pair of the shorter n-gram's number
and the character's code is its key. So there are no hashes that could collide, and what is counted at a length is
bounded by what was frequent at the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import Codes
from tokenlayer.text.corpus import TrainingTexts

Keys = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_CELLS = 1 << 22  # characters looked at at once
_TABLE = 1 << 26  # entries of a table; above, keys are sorted


@dataclass(frozen=True)
class CountedNgrams:
    """The G frequent n-grams of one length."""

    ngrams: Codes
    """(G, length)"""
    counts: Counts
    """(G, n_classes): texts of each class that hold it, or its occurrences there."""
    redundant: Mask
    """(G,): stands in as many texts of each class as a n-gram within it, one character shorter, that was counted too:
    in the same texts."""


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

    Memory: 4 bytes for each character of the texts, and for each class 8 bytes for each frequent n-gram of a length times
    C + 1.

    Args:
        texts: n labelled texts of L characters.
        none_code: C. No n-gram holds it.
        ngram_lengths: lengths of n-grams, each at most K.
        fewest: of texts, or of occurrences; at least 1.
        max_token_length: K: of n-grams that begin at a position t > L - K a layer of such patterns sees nothing.
        once: count a n-gram once in each text, however often it occurs there.

    """
    T = max(texts.codes.shape[1] - max_token_length + 1, 0)
    ids = np.zeros((len(texts), T), dtype=np.int32)  # of the frequent n-gram at each position; -1: none
    shorter = CountedNgrams(np.zeros((1, 0), texts.codes.dtype), np.zeros((1, 1), np.int64), np.zeros(1, np.bool_))
    for length in range(1, max(ngram_lengths) + 1):
        level = _Level(texts, none_code, ids, length, len(shorter.ngrams))
        counts = level.count(once=once)
        frequent = np.flatnonzero(counts.sum(1) >= fewest)
        keys = level.keys[frequent] if level.keys is not None else frequent
        ngrams = np.column_stack([shorter.ngrams[keys // level.n_codes], keys % level.n_codes]).astype(
            texts.codes.dtype
        )
        suffix = level.renumber(keys)
        counts = counts[frequent]
        redundant = np.zeros(len(ngrams), dtype=np.bool_)
        if once and length - 1 in ngram_lengths:
            redundant = (counts == shorter.counts[keys // level.n_codes]).all(1)
            redundant |= (suffix >= 0) & (counts == shorter.counts[suffix]).all(1)
        shorter = CountedNgrams(ngrams, counts, redundant)
        if length in ngram_lengths:
            yield shorter


class _Level:
    """The windows of one length.

    Args:
        texts: n texts.
        none_code: C.
        ids: (n, T) numbers of the n-grams one character shorter, changed in place by `renumber`.
        length: of the n-grams.
        n_shorter: how many numbers there are.

    """

    def __init__(self, texts: TrainingTexts, none_code: int, ids: npt.NDArray[np.int32], length: int, n_shorter: int):
        self.n_codes = none_code + 1
        self.keys: Keys | None = None
        """The keys that occur, ascending, where there are too many others for a table."""
        self._texts = texts
        self._ids = ids
        self._length = length
        self._below = n_shorter * self.n_codes
        if self._below * texts.n_classes > _TABLE:
            found = [np.unique(keys) for _, keys in self._chunks()]
            self.keys = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
            self.keys = self.keys[self.keys >= 0]

    def count(self, *, once: bool) -> Counts:
        """(keys, n_classes)"""
        n = self._below if self.keys is None else len(self.keys)
        index = None if self.keys is None else KeyIndex(self.keys, self._below)
        counts = np.zeros(n * self._texts.n_classes, dtype=np.int64)
        for rows, found in self._chunks():
            keys = found if index is None else index(found)
            counted = keys >= 0
            if once:
                keys.sort(axis=1)
                counted = keys >= 0
                counted[:, 1:] &= keys[:, 1:] != keys[:, :-1]
            labels = np.repeat(self._texts.labels[rows], counted.sum(1))
            counts += np.bincount(keys[counted] + labels * n, minlength=len(counts))
        return counts.reshape(self._texts.n_classes, n).T

    def renumber(self, frequent: Keys) -> Keys:
        """Let the windows have the numbers of the frequent keys; the former number behind the first character of each.

        That number, of one place where the n-gram stands, is -1 where the layer sees no window there.
        """
        index = KeyIndex(frequent, self._below)
        suffix = np.full(len(frequent), -1, dtype=np.int64)
        for rows, keys in self._chunks():
            ids = index(keys)
            # A window's keys are made before its neighbour's number changes: a chunk holds whole texts.
            is_frequent = ids[:, :-1] >= 0
            suffix[ids[:, :-1][is_frequent]] = self._ids[rows][:, 1:][is_frequent]
            self._ids[rows] = ids
        return suffix

    def _chunks(self) -> Iterator[tuple[slice, Keys]]:
        """Rows of texts, and the keys (rows, T) of their windows; -1: none."""
        T = self._ids.shape[1]
        for rows in row_chunks(len(self._texts), T):
            last = np.asarray(self._texts.codes[rows, self._length - 1 : self._length - 1 + T]).astype(np.int64)
            ids = self._ids[rows]
            yield rows, np.where((ids < 0) | (last == self.n_codes - 1), -1, ids * np.int64(self.n_codes) + last)


class KeyIndex:
    """The places of keys in an ascending list of them.

    Args:
        keys: (n,) ascending.
        below: bounds all keys.

    """

    def __init__(self, keys: Keys, below: int) -> None:
        self._keys = keys
        self._table = None
        if below < _TABLE:
            self._table = np.full(below + 1, -1, dtype=np.int32)  # the key -1 reads the last entry
            self._table[keys] = np.arange(len(keys))

    def __call__(self, keys: Keys) -> Keys:
        """The place of each key, of any shape; -1: it is not in the list."""
        if self._table is not None:
            return self._table[keys].astype(np.int64)
        if not len(self._keys):
            return np.full(keys.shape, -1)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, places, -1)


def row_chunks(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows of `width` characters that take a bounded memory."""
    size = max(1, _CELLS // max(width, 1))
    return (slice(start, start + size) for start in range(0, n, size))
