"""Drawing n-grams (runs of characters) from a corpus by how often they occur, without a table of counts.

A position drawn at random *is* an n-gram drawn by its count. What remains is to keep it only if the n-gram occurs
often enough, which one pass over the corpus answers for all drawn positions at once. The corpus may be
memory-mapped: it is read in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Codes

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_PIECE = 1 << 17  # windows hashed at once: few enough for the processor's cache
_PART = 1 << 22  # windows sorted at once
_SURPLUS = 8  # positions drawn for each n-gram wanted; in English text most n-grams of 13 characters occur only once
_GROWTH = 16  # how many times as many are drawn next, if those were too few
_MOST_DRAWN = 1 << 20  # beyond this, finding every frequent n-gram is cheaper than drawing more


class _CollisionError(Exception):
    """Two different n-grams have the same hash: choose another hash function."""


def draw_ngrams(
    corpus: Codes, length: int, n: int, filter_over: int, generator: torch.Generator | None = None
) -> Codes:
    """`n` n-grams, drawn with replacement in proportion to their counts among those that occur often enough.

    Args:
        corpus: (S,) codes of the texts, one behind the other.
        length: characters an n-gram.
        n: how many to draw.
        filter_over: an n-gram counts if it occurs more than this many times, overlapping occurrences included.
        generator: the source of randomness, on the CPU.

    Returns:
        (n, length) codes.

    Raises:
        InputError: no n-gram of this length occurs more than `filter_over` times.

    """
    windows = _windows(corpus, length)
    drawn: list[Positions] = []
    missing, candidates = n, _SURPLUS * n
    while missing and candidates <= min(_MOST_DRAWN, len(windows) // 4):
        positions = _draw(len(windows), candidates, generator)
        # Taken in the order of drawing: which of them is kept must not depend on when its count is known.
        drawn.append(positions[occur_more_than(filter_over, corpus, positions, length)][:missing])
        missing -= len(drawn[-1])
        candidates *= _GROWTH
    if missing:
        frequent = frequent_positions(corpus, length, filter_over)
        if not len(frequent):
            raise InputError(
                f"no n-gram of {length} characters occurs more than {filter_over} times in the corpus of"
                f" {len(corpus)} characters: lower initializer.filter_over, shorten initializer.ngram_lengths,"
                " or give more text"
            )
        drawn.append(frequent[_draw(len(frequent), missing, generator)])
    return windows[np.concatenate(drawn)] if n else windows[:0]


def occur_more_than(times: int, corpus: Codes, positions: Positions, length: int) -> Mask:
    """(m,): whether the n-gram at each of m `positions` occurs more than `times` times; for m far below S."""
    for hashing in _hash_functions(length):
        try:
            return _occur_more_than(times, corpus, positions, hashing)
        except _CollisionError:
            continue
    raise AssertionError("unreachable: hash functions do not run out")


def frequent_positions(corpus: Codes, length: int, times: int) -> Positions:
    """Every position, in no particular order, whose n-gram occurs more than `times` times."""
    for hashing in _hash_functions(length):
        try:
            parts = [positions for positions, _ in _frequent(corpus, times, hashing)]
        except _CollisionError:
            continue
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])
    raise AssertionError("unreachable: hash functions do not run out")


def count_frequent(corpus: Codes, length: int, times: int, none_code: int | None = None) -> int:
    """The number of different n-grams that occur more than `times` times; without those that hold `none_code`."""
    windows = _windows(corpus, length)
    for hashing in _hash_functions(length):
        n = 0
        try:
            for _, firsts in _frequent(corpus, times, hashing):
                n += len(firsts) if none_code is None else int((windows[firsts] != none_code).all(axis=1).sum())
        except _CollisionError:
            continue
        return n
    raise AssertionError("unreachable: hash functions do not run out")


class _Hashing:
    """A polynomial hash of every window of `length` codes, modulo 2^64, over random values of the codes."""

    def __init__(self, length: int, salt: int) -> None:
        self.length = length
        random = np.random.default_rng(salt)
        self._values = random.integers(0, 1 << 64, 1 << 16, dtype=np.uint64)
        self._base = int(random.integers(0, 1 << 64, dtype=np.uint64)) | 1

    def __call__(self, codes: Codes) -> Hashes:
        """(S,) codes to the (S - length + 1,) hashes of its windows."""
        # Binary powers: the hash of a + b characters follows from those of its first a and its last b.
        single = self._values.take(codes.astype(np.intp))
        hashes, length = single, 1
        for bit in bin(self.length)[3:]:
            hashes, length = self._joined(hashes, length, hashes, length), 2 * length
            if bit == "1":
                hashes, length = self._joined(hashes, length, single, 1), length + 1
        return hashes

    def _joined(self, head: Hashes, head_length: int, tail: Hashes, tail_length: int) -> Hashes:
        n = len(tail) - head_length
        joined = head[:n] * np.uint64(pow(self._base, tail_length, 1 << 64))
        joined += tail[head_length:]
        return joined

    def of_ngrams(self, ngrams: Codes) -> Hashes:
        """(m, length) n-grams to their (m,) hashes."""
        hashes = self._values[ngrams[:, 0]]
        for column in ngrams.T[1:]:
            hashes = hashes * np.uint64(self._base) + self._values[column]
        return hashes

    def windows_in(self, table: Mask, shift: np.uint64, codes: Codes) -> tuple[Positions, Hashes]:
        """Windows of (S,) codes whose hash, without its last `shift` bits, is in the table, with their hashes."""
        positions, hashes = np.empty(len(codes), np.int64), np.empty(len(codes), np.uint64)
        base, power = np.uint64(self._base), np.uint64(pow(self._base, self.length, 1 << 64))
        found = _walk(codes, self.length, self._values, base, power, table, shift, positions, hashes)
        return positions[:found], hashes[:found]

    def pieces(self, corpus: Codes) -> Iterator[tuple[int, Hashes]]:
        """Hashes of all windows of the corpus, piece by piece, each with the position of its first."""
        for start in range(0, len(corpus) - self.length + 1, _PIECE):
            yield start, self(np.asarray(corpus[start : start + _PIECE + self.length - 1]))


@numba.njit(cache=True, nogil=True)
def _walk(
    codes: Codes,
    length: int,
    values: Hashes,
    base: np.uint64,
    power: np.uint64,
    table: Mask,
    shift: np.uint64,
    positions: Positions,
    hashes: Hashes,
) -> int:
    """The number of windows found; each hash follows from that of the window before it."""
    found = 0
    window = np.uint64(0)
    for i in range(len(codes)):
        window = window * base + values[codes[i]]
        if i >= length:
            window -= values[codes[i - length]] * power
        if i >= length - 1 and table[window >> shift]:
            positions[found] = i - length + 1
            hashes[found] = window
            found += 1
    return found


class _Lookup:
    """Finds the windows whose hashes are among a few wanted ones."""

    def __init__(self, hashing: _Hashing, wanted: Hashes) -> None:
        self._hashing = hashing
        self._wanted = wanted  # ascending
        bits = min(max(16, (32 * len(wanted)).bit_length()), 23)
        self._shift = np.uint64(64 - bits)
        self._seen = np.zeros(1 << bits, dtype=np.bool_)
        self._seen[(wanted >> self._shift).view(np.int64)] = True

    def __call__(self, codes: Codes) -> tuple[Positions, Positions]:
        """Windows of (S,) codes, and for each the index of its hash in `wanted`."""
        maybe, hashes = self._hashing.windows_in(self._seen, self._shift, codes)
        which = np.searchsorted(self._wanted, hashes)
        which[which == len(self._wanted)] = 0
        equal = self._wanted[which] == hashes
        return maybe[equal], which[equal]


def _occur_more_than(times: int, corpus: Codes, positions: Positions, hashing: _Hashing) -> Mask:
    windows = _windows(corpus, hashing.length)
    ngrams = windows[positions]
    hashes, first, group = np.unique(hashing.of_ngrams(ngrams), return_index=True, return_inverse=True)
    if (ngrams[first][group] != ngrams).any():
        raise _CollisionError
    counts = np.zeros(len(hashes), dtype=np.int64)
    pending = np.arange(len(hashes))
    lookup = _Lookup(hashing, hashes)
    for start in range(0, len(windows), _PIECE):
        at, which = lookup(np.asarray(corpus[start : start + _PIECE + hashing.length - 1]))
        same = (windows[start + at] == ngrams[first[pending[which]]]).all(axis=1)
        counts[pending] += np.bincount(which[same], minlength=len(pending))
        # Frequent n-grams show after a few pieces: from there on only the rare ones are looked up.
        undecided = counts[pending] <= times
        if not undecided.all():
            pending = pending[undecided]
            lookup = _Lookup(hashing, hashes[pending])
        if not len(pending):
            break
    exceeds: Mask = counts[group] > times
    return exceeds


def _frequent(corpus: Codes, times: int, hashing: _Hashing) -> Iterator[tuple[Positions, Positions]]:
    """The positions of frequent n-grams, and one position for each of these n-grams; part by part."""
    windows = _windows(corpus, hashing.length)
    n_parts = -(-len(windows) // _PART)
    for part in range(n_parts):
        positions, hashes = _part(corpus, part, n_parts, hashing)
        order = np.argsort(hashes, kind="stable")
        positions, hashes = positions[order], hashes[order]
        begins = np.flatnonzero(np.diff(hashes, prepend=~hashes[:1]))
        counts = np.diff(begins, append=len(hashes))
        kept = np.repeat(counts > times, counts)
        firsts = np.repeat(positions[begins], counts)
        if _differ(windows, positions[kept], firsts[kept]):
            raise _CollisionError
        yield positions[kept], positions[begins[counts > times]]


def _part(corpus: Codes, part: int, n_parts: int, hashing: _Hashing) -> tuple[Positions, Hashes]:
    """The windows that fall into one of `n_parts` parts by their hash: equal n-grams fall into the same."""
    positions, hashes = [], []
    for start, piece in hashing.pieces(corpus):
        mine = np.flatnonzero((piece >> np.uint64(32)) % np.uint64(n_parts) == part)
        positions.append(start + mine)
        hashes.append(piece[mine])
    return np.concatenate(positions), np.concatenate(hashes)


def _differ(windows: Codes, some: Positions, others: Positions) -> bool:
    return any(
        bool((windows[some[i : i + _PIECE]] != windows[others[i : i + _PIECE]]).any())
        for i in range(0, len(some), _PIECE)
    )


def _hash_functions(length: int) -> Iterator[_Hashing]:
    salt = 0
    while True:
        yield _Hashing(length, salt)
        salt += 1


def _windows(corpus: Codes, length: int) -> Codes:
    """(S - length + 1, length): a view, no copy."""
    return np.lib.stride_tricks.sliding_window_view(np.asarray(corpus), length)


def _draw(below: int, n: int, generator: torch.Generator | None) -> Positions:
    drawn: Positions = torch.randint(below, (n,), generator=generator).numpy()
    return drawn
