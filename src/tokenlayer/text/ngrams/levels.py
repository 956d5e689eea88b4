"""The n-grams of texts, length by length: exact counts, without hashes and with a bounded memory.

An n-gram of l characters is a frequent one of l - 1 characters and a further character. An n-gram is no more frequent
than its beginning, so what is counted at a length is bounded by what was frequent at the one before. Every window of
the texts carries the number of the frequent n-gram at its beginning; to extend all of them by a character is a walk
over the windows, once to count and once to renumber.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.progress import tracked
from tokenlayer.text.alphabet import Codes

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]

_TABLE = 1 << 26  # entries of a table of counts; where there are more keys, the texts are walked several times


@dataclass(frozen=True)
class Level:
    """The G frequent n-grams of one length, in the order of their codes."""

    ngrams: Indices
    """(G, length)"""
    beginning: Indices
    """(G,): the number, among the n-grams one character shorter, of the n-gram without its last character."""
    ending: Indices
    """(G,): the number of the n-gram without its first character; -1: it is not frequent."""
    windows: Numbers
    """(n, T): the number of the n-gram at each position t <= L - K of each text; -1: none is frequent there."""


def frequent_ngrams(
    codes: Codes, n_characters: int, max_length: int, max_token_length: int, fewest: int, *, once: bool = True
) -> Iterator[Level]:
    """The n-grams of 1, 2, ..., `max_length` characters that occur in at least `fewest` texts.

    Memory: 8 bytes for each character of the texts, beside a table of bounded size.

    Args:
        codes: (n, L) codes of the texts.
        n_characters: C. No n-gram holds the code C or a larger one.
        max_length: the longest n-grams, at most K characters.
        max_token_length: K. A layer of patterns of K characters sees nothing that begins at a position t > L - K.
        fewest: texts, or occurrences; at least 1.
        once: count an n-gram once in each text, however often it occurs there.

    """
    codes = np.asarray(codes)
    windows = np.zeros((codes.shape[0], max(codes.shape[1] - max_token_length + 1, 0)), dtype=np.int32)
    nothing = np.zeros(1, dtype=np.int64)
    level = Level(np.zeros((1, 0), dtype=np.int64), nothing, nothing, windows)
    keys = nothing
    for length in tracked(range(1, max_length + 1), "counting n-grams", max_length):
        shorter, shorter_keys = level, keys
        last = codes[:, length - 1 :]
        keys, windows = _extend(shorter.windows, last, n_characters, len(shorter.ngrams), fewest, once)
        beginning, character = np.divmod(keys, n_characters)
        ngrams = np.column_stack([shorter.ngrams[beginning], character])
        ending = np.zeros(len(keys), dtype=np.int64)
        if length > 1:
            ending = _find(shorter_keys, shorter.ending[beginning], character, n_characters)
        level = Level(ngrams, beginning, ending, windows)
        yield level


def _extend(
    windows: Numbers, last: Codes, n_characters: int, n_shorter: int, fewest: int, once: bool
) -> tuple[Indices, Numbers]:
    """The frequent keys (number of the shorter n-gram · C + character), ascending; and the windows' new numbers."""
    numbers = np.full_like(windows, -1)
    at_once = max(1, _TABLE // n_characters)
    frequent = [np.zeros(0, dtype=np.int64)]
    n_frequent = 0
    for first in range(0, n_shorter, at_once):
        n = min(at_once, n_shorter - first)
        table = _count_keys(windows, last, first, n, n_characters, once)
        found = np.flatnonzero(table >= fewest)
        table.fill(-1)
        table[found] = np.arange(n_frequent, n_frequent + len(found))
        _renumber(windows, last, first, n, n_characters, table, numbers)
        frequent.append(found + first * n_characters)
        n_frequent += len(found)
    return np.concatenate(frequent), numbers


def _find(keys: Indices, shorter: Indices, character: Indices, n_characters: int) -> Indices:
    """The place of (shorter, character) in an ascending list of keys; -1: it is not in the list, or shorter is -1."""
    if not len(keys):
        return np.full(len(shorter), -1)
    wanted = shorter * n_characters + character
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[places] == wanted) & (shorter >= 0), places, -1)


@numba.njit(cache=True, nogil=True)
def _count_keys(windows: Numbers, last: Codes, first: int, n: int, n_characters: int, once: bool) -> Numbers:
    """The occurrences, or texts, of each key of the shorter n-grams first, ..., first + n - 1."""
    times = np.zeros(n * n_characters, dtype=np.int32)
    seen_in = np.full(n * n_characters if once else 0, -1, dtype=np.int32)
    for text in range(windows.shape[0]):
        for t in range(windows.shape[1]):
            shorter, character = np.int64(windows[text, t]) - first, np.int64(last[text, t])
            if 0 <= shorter < n and character < n_characters:
                key = shorter * n_characters + character
                if once:
                    if seen_in[key] == text:
                        continue
                    seen_in[key] = text
                times[key] += 1
    return times


@numba.njit(cache=True, nogil=True)
def _renumber(
    windows: Numbers, last: Codes, first: int, n: int, n_characters: int, number_of: Numbers, numbers: Numbers
) -> None:
    """Write the number of each window's longer n-gram, where the shorter one is first, ..., first + n - 1."""
    for text in range(windows.shape[0]):
        for t in range(windows.shape[1]):
            shorter, character = np.int64(windows[text, t]) - first, np.int64(last[text, t])
            if 0 <= shorter < n and character < n_characters:
                numbers[text, t] = number_of[shorter * n_characters + character]
