"""The places of n-grams in texts, sorted by the n-gram: to make them longer is to sort each one's places once more.

Suffixes of texts are sorted by their first characters, one character more at a time (a radix sort, the most significant
character first), each n-gram's places among themselves and in their own piece of one array. The places stay in the
order of the texts, so that those in one text are neighbours: texts are counted without a table of what was seen where.
What follows a place in its text is read for several characters at once and sorted along with the places, because the
places of one n-gram lie so far apart in the texts that the processor would wait for each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.text.alphabet import Codes
from tokenlayer.threads import in_threads

R = TypeVar("R")
Indices = npt.NDArray[np.int64]
Positions = npt.NDArray[np.signedinteger]
Words = npt.NDArray[np.uint32]

_WORD = 32  # bits
_MOST = 1 << 31  # places that 32 bits can number
_RUNS = 4  # of n-grams for each thread, which takes another when it is done with one


class Places(NamedTuple):
    """The places where each of G n-grams of one length begins in some texts; what is compiled takes it as it is."""

    codes: Words
    """(n · L,): what is read at each character of the texts: its code, and of those behind it as many as a word holds,
    the first in the lowest bits."""
    code_bits: int
    """Bits of a code, in a word."""
    text_length: int
    """L"""
    length: int
    """Characters of each n-gram."""
    positions: Positions
    """positions[first[q]:first[q] + number[q]] are the places, ascending, of n-gram q: text · 2^bits + t, which a shift
    divides. What lies between belongs to none."""
    ahead: Words
    """For each position the word that was read last behind its n-gram, of which characters may be part of it now."""
    first: Indices
    """(G,)"""
    number: Indices
    """(G,): how often each occurs."""
    bits: int
    """2^bits > L."""

    @classmethod
    def of_characters(cls, codes: Codes, T: int, n_codes: int, characters: Indices) -> Places:
        """The places t < T of some characters in each of the texts.

        Args:
            codes: (n, L)
            T: places of a text that count.
            n_codes: all codes are below it.
            characters: (G,) different codes.

        """
        group = np.full(n_codes, -1)
        group[characters] = np.arange(len(characters))
        runs = _runs(np.ones(len(codes), dtype=np.int64))
        counts = np.array(in_threads(lambda run: _count(codes[run], T, group, len(characters)), runs))
        # Of each character those of the first texts come first.
        free = (np.cumsum(counts.T) - counts.T.ravel()).reshape(counts.T.shape).T.copy()
        first = free[0].copy()
        bits = codes.shape[1].bit_length()
        dtype: type[np.signedinteger] = np.int32 if len(codes) << bits <= _MOST else np.int64
        positions = np.empty(int(counts.sum()), dtype=dtype)
        in_threads(
            lambda i: _fill(codes[runs[i]], runs[i].start, T, bits, group, free[i], positions), list(range(len(runs)))
        )
        return cls(
            codes=_words(codes),
            code_bits=min(8 * codes.itemsize, _WORD),
            text_length=codes.shape[1],
            length=1,
            positions=positions,
            ahead=np.empty(len(positions), dtype=np.uint32),
            first=first,
            number=counts.sum(0),
            bits=bits,
        )

    def take(self, ngrams: slice | Indices | npt.NDArray[np.bool_]) -> Places:
        """Those of some of the n-grams."""
        return self._replace(first=self.first[ngrams], number=self.number[ngrams])

    def in_runs(self, work: Callable[[slice, Places], R]) -> list[R]:
        """What `work` returns for one run of n-grams, and their places, after the other; in several threads."""
        return in_threads(lambda run: work(run, self.take(run)), _runs(self.number))

    def n_texts(self) -> Indices:
        """(G,): the number of texts that hold each n-gram."""
        parts: list[Indices] = self.in_runs(lambda _, some: _count_texts(some))
        return np.concatenate(parts)

    def extended(self, n_characters: int, fewest: int, *, once: bool) -> tuple[Indices, Indices, Places]:
        """The n-grams of one character more that occur in at least `fewest` texts, whose places overwrite these.

        Args:
            n_characters: C. Codes from C on extend none.
            fewest: texts, or occurrences.
            once: count an n-gram once in each text.

        Returns:
            The number of the n-gram that each extends, ascending, its last character, and their places.

        """

        def extend(run: slice, some: Places) -> tuple[Indices, Indices, Indices, Indices]:
            beginning, character, first, number = _extend_frequent(some, n_characters, fewest, once)
            return run.start + beginning, character, first, number

        beginning, character, first, number = map(np.concatenate, zip(*self.in_runs(extend), strict=True))
        return beginning, character, self._replace(length=self.length + 1, first=first, number=number)

    def followed(self, n_codes: int, beginning: Indices, character: Indices) -> Places:
        """The places of G' n-grams of one character more, which overwrite these.

        Args:
            n_codes: all codes are below it.
            beginning: (G',) the number of the n-gram that each extends, ascending.
            character: (G',) its last character.

        """
        longer = self._replace(length=self.length + 1, first=np.empty_like(beginning), number=np.empty_like(beginning))
        bounds = np.searchsorted(beginning, np.arange(len(self.first) + 1))
        self.in_runs(lambda run, some: _extend_by(some, n_codes, bounds[run.start :], character, longer))
        return longer


def _runs(sizes: Indices) -> list[slice]:
    """Runs of things, of about equal sizes altogether."""
    n_threads = torch.get_num_threads()
    n = 1 if n_threads == 1 else _RUNS * n_threads
    inner = np.searchsorted(np.cumsum(sizes), np.arange(1, n) * (int(sizes.sum()) // n))
    bounds = np.unique([0, *inner, len(sizes)]).tolist()
    return [slice(start, end) for start, end in itertools.pairwise(bounds)] or [slice(0, 0)]


def _words(codes: Codes) -> Words:
    """(n · L,): at each character of texts (n, L) its code and those behind it, in a word: a view of a copy."""
    flat = np.concatenate([codes.reshape(-1), np.zeros(_WORD // 8, dtype=codes.dtype)])
    return np.ndarray(codes.size, dtype=np.uint32, buffer=flat, strides=(flat.itemsize,))


@numba.njit(cache=True, nogil=True)
def _count(codes: Codes, T: int, group: Indices, n_groups: int) -> Indices:
    """(n_groups,): places t < T of each group of codes."""
    counts = np.zeros(n_groups, dtype=np.int64)
    for text in range(codes.shape[0]):
        for t in range(T):
            if group[codes[text, t]] >= 0:
                counts[group[codes[text, t]]] += 1
    return counts


@numba.njit(cache=True, nogil=True)
def _fill(
    codes: Codes, first_text: int, T: int, bits: int, group: Indices, free: Indices, positions: Positions
) -> None:
    """Write the places of each group from where `free` says on, which is moved along."""
    for text in range(codes.shape[0]):
        for t in range(T):
            g = group[codes[text, t]]
            if g >= 0:
                positions[free[g]] = ((first_text + text) << bits) + t
                free[g] += 1


@numba.njit(cache=True, nogil=True)
def _count_texts(places: Places) -> Indices:
    """(G,): texts that hold each n-gram."""
    counts = np.zeros(len(places.first), dtype=np.int64)
    for q in range(len(places.first)):
        last = -1
        for place in places.positions[places.first[q] : places.first[q] + places.number[q]]:
            text = place >> places.bits
            counts[q] += text != last
            last = text
    return counts


@numba.njit(cache=True, nogil=True)
def _read_ahead(places: Places, positions: Positions, ahead: Words) -> tuple[int, int]:
    """Read what follows these positions, where nothing of it is known any more.

    Returns:
        By how much a word is to be shifted, and the mask of what is the code of the next character then.

    """
    at_once = _WORD // places.code_bits
    shift = (places.length - 1) % at_once * places.code_bits
    if not shift:
        within = (1 << places.bits) - 1
        for i in range(len(positions)):  # short and without branches: the processor waits for many words at once
            start = (positions[i] >> places.bits) * places.text_length + (positions[i] & within)
            ahead[i] = places.codes[start + places.length]
    return shift, (1 << places.code_bits) - 1


@numba.njit(cache=True, nogil=True)
def _sort(
    positions: Positions,
    ahead: Words,
    shift: int,
    mask: int,
    slots: Indices,
    n_kept: np.int64,
    spare: tuple[Positions, Words],
) -> None:
    """Sort places by the code that follows, given the slot (n_codes,) of the first with each code; -1: they go.

    The slots are moved along.
    """
    for i in range(len(positions)):
        code = (np.int64(ahead[i]) >> shift) & mask
        if code < len(slots) and slots[code] >= 0:
            spare[0][slots[code]], spare[1][slots[code]] = positions[i], ahead[i]
            slots[code] += 1
    for i in range(n_kept):
        positions[i], ahead[i] = spare[0][i], spare[1][i]


@numba.njit(cache=True, nogil=True)
def _spare(places: Places) -> tuple[Positions, Words]:
    """Room for the places of the most frequent n-gram."""
    largest = np.int64(0)
    for number in places.number:
        largest = max(largest, number)
    return np.empty(largest, dtype=places.positions.dtype), np.empty(largest, dtype=places.ahead.dtype)


@numba.njit(cache=True, nogil=True)
def _extend_frequent(places: Places, C: int, fewest: int, once: bool) -> tuple[Indices, Indices, Indices, Indices]:
    """Number of the shorter n-gram, last character, first place and number of places of each longer one."""
    most = np.int64(0)
    for number in places.number:
        most += min(number // fewest, C)
    beginning, character = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    firsts, numbers, n = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64), 0
    times, texts = np.zeros(C, dtype=np.int64), np.zeros(C, dtype=np.int64)
    seen_in, slots, met = np.empty(C, dtype=np.int64), np.full(C, -1, dtype=np.int64), np.empty(C, dtype=np.int64)
    spare = _spare(places)
    for q in range(len(places.first)):
        first, last = places.first[q], places.first[q] + places.number[q]
        positions, ahead = places.positions[first:last], places.ahead[first:last]
        shift, mask = _read_ahead(places, positions, ahead)
        n_met = 0
        for i in range(len(positions)):
            text, code = positions[i] >> places.bits, (np.int64(ahead[i]) >> shift) & mask
            if code >= C:
                continue
            if not times[code]:
                met[n_met] = code
                n_met += 1
                seen_in[code] = -1
            times[code] += 1
            texts[code] += seen_in[code] != text
            seen_in[code] = text
        met[:n_met].sort()
        n_kept = np.int64(0)
        for code in met[:n_met]:
            slots[code] = -1
            if (texts[code] if once else times[code]) >= fewest:
                slots[code] = n_kept
                beginning[n], character[n], firsts[n], numbers[n] = q, code, first + n_kept, times[code]
                n_kept += times[code]
                n += 1
            times[code] = texts[code] = 0
        _sort(positions, ahead, shift, mask, slots, n_kept, spare)
    return beginning[:n], character[:n], firsts[:n], numbers[:n]


@numba.njit(cache=True, nogil=True)
def _extend_by(places: Places, n_codes: int, bounds: Indices, character: Indices, longer: Places) -> None:
    """Write the first place and the number of the longer n-grams bounds[q]:bounds[q + 1] of each shorter one."""
    times, slots = np.zeros(n_codes, dtype=np.int64), np.full(n_codes, -1, dtype=np.int64)
    spare = _spare(places)
    for q in range(len(places.first)):
        first, last = places.first[q], places.first[q] + places.number[q]
        positions, ahead = places.positions[first:last], places.ahead[first:last]
        shift, mask = _read_ahead(places, positions, ahead)
        for word in ahead:
            times[(np.int64(word) >> shift) & mask] += 1
        n_kept = np.int64(0)
        for q_longer in range(bounds[q], bounds[q + 1]):
            code = character[q_longer]
            slots[code] = n_kept
            longer.first[q_longer], longer.number[q_longer] = first + n_kept, times[code]
            n_kept += times[code]
        for word in ahead:
            times[(np.int64(word) >> shift) & mask] = 0
        _sort(positions, ahead, shift, mask, slots, n_kept, spare)
        for code in character[bounds[q] : bounds[q + 1]]:
            slots[code] = -1
