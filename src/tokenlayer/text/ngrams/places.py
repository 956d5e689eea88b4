"""The places of n-grams in texts, sorted by the n-gram: to make them longer is to sort each one's places once more.

Suffixes of texts are sorted by their first characters, one character more at a time (a radix sort, the most significant
character first), each n-gram's places among themselves and in their own piece of one array. The places stay in the
order of the texts, so that those in one text are neighbours: texts are counted without a table of what was seen where.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.text.alphabet import Codes
from tokenlayer.threads import in_threads

R = TypeVar("R")
Indices = npt.NDArray[np.int64]
Positions = npt.NDArray[np.signedinteger]

_RUNS = 4  # of n-grams for each thread, which takes another when it is done with one


@dataclass(frozen=True)
class Places:
    """Where each of G n-grams of one length begins in n texts of L characters."""

    positions: Positions
    """positions[first[q]:first[q] + number[q]] are the places, ascending, of n-gram q: text · L + t. What lies between
    belongs to none."""
    first: Indices
    """(G,)"""
    number: Indices
    """(G,): how often each occurs."""
    text_length: int
    """L"""

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
        first, number = free[0].copy(), counts.sum(0)
        positions = np.empty(int(number.sum()), dtype=np.int32 if codes.size < 1 << 31 else np.int64)
        in_threads(lambda i: _fill(codes[runs[i]], runs[i].start, T, group, free[i], positions), list(range(len(runs))))
        return cls(positions, first, number, codes.shape[1])

    def take(self, ngrams: slice | Indices | npt.NDArray[np.bool_]) -> Places:
        """Those of some of the n-grams."""
        return Places(self.positions, self.first[ngrams], self.number[ngrams], self.text_length)

    def in_runs(self, work: Callable[[slice, Positions, Indices, Indices], R]) -> list[R]:
        """What `work` returns for one run of n-grams after the other, in several threads.

        It is called with the run, all positions, and the first and the number of those of each n-gram of the run.
        """
        return in_threads(lambda run: work(run, self.positions, self.first[run], self.number[run]), _runs(self.number))

    def n_texts(self) -> Indices:
        """(G,): the number of texts that hold each n-gram."""
        parts = self.in_runs(lambda _, *places: _count_texts(*places, self.text_length))
        return np.concatenate(parts)

    def extended(
        self, codes: Codes, length: int, n_characters: int, fewest: int, *, once: bool
    ) -> tuple[Indices, Indices, Places]:
        """The n-grams of one character more that occur in at least `fewest` texts.

        These places are overwritten by theirs.

        Args:
            codes: (n, L)
            length: characters of an n-gram so far.
            n_characters: C. Codes from C on extend none.
            fewest: texts, or occurrences.
            once: count an n-gram once in each text.

        Returns:
            The number of the n-gram that each extends, ascending, its last character, and their places.

        """
        parts = self.in_runs(
            lambda run, *places: (
                run.start,
                _extend_frequent(*places, codes.reshape(-1), length, codes.shape[1], n_characters, fewest, once),
            )
        )
        beginning = np.concatenate([start + found[0] for start, found in parts])
        character, first, number = (np.concatenate([found[i] for _, found in parts]) for i in (1, 2, 3))
        return beginning, character, Places(self.positions, first, number, self.text_length)

    def followed(self, codes: Codes, length: int, n_codes: int, beginning: Indices, character: Indices) -> Places:
        """The places of G' n-grams of one character more.

        These places are overwritten by theirs.

        Args:
            codes: (n, L)
            length: characters of an n-gram so far.
            n_codes: all codes are below it.
            beginning: (G',) the number of the n-gram that each extends, ascending.
            character: (G',) its last character.

        """
        first, number = np.empty_like(beginning), np.empty_like(beginning)
        bounds = np.searchsorted(beginning, np.arange(len(self.first) + 1))
        self.in_runs(
            lambda run, *places: _extend_by(
                *places, codes.reshape(-1), length, n_codes, bounds[run.start :], character, first, number
            )
        )
        return Places(self.positions, first, number, self.text_length)


def _runs(sizes: Indices) -> list[slice]:
    """Runs of things, of about equal sizes altogether."""
    n_threads = torch.get_num_threads()
    n = 1 if n_threads == 1 else _RUNS * n_threads
    ends = np.cumsum(sizes)
    inner = np.searchsorted(ends, np.arange(1, n) * (int(ends[-1]) // n)) if len(ends) else []
    bounds = np.unique([0, *inner, len(sizes)]).tolist()
    return [slice(start, end) for start, end in itertools.pairwise(bounds)] or [slice(0, 0)]


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
def _fill(codes: Codes, first_text: int, T: int, group: Indices, free: Indices, positions: Positions) -> None:
    """Write the places of each group from where `free` says on, which is moved along."""
    for text in range(codes.shape[0]):
        before = (first_text + text) * codes.shape[1]
        for t in range(T):
            g = group[codes[text, t]]
            if g >= 0:
                positions[free[g]] = before + t
                free[g] += 1


@numba.njit(cache=True, nogil=True)
def _count_texts(positions: Positions, first: Indices, number: Indices, L: int) -> Indices:
    """(G,): texts that hold each n-gram."""
    counts = np.zeros(len(first), dtype=np.int64)
    for q in range(len(first)):
        end = np.int64(0)  # of the text
        for place in positions[first[q] : first[q] + number[q]]:
            if place >= end:
                end = (place // L + 1) * L
                counts[q] += 1
    return counts


@numba.njit(cache=True, nogil=True)
def _rearrange(own: Positions, following: Codes, slots: Indices, n_codes: int, spare: Positions, n_kept: int) -> None:
    """Sort the places of an n-gram by the code that follows it, given where each code's begin; -1: they are dropped."""
    for i in range(len(own)):
        code = following[i]
        if code < n_codes and slots[code] >= 0:
            spare[slots[code]] = own[i]
            slots[code] += 1
    own[:n_kept] = spare[:n_kept]


@numba.njit(cache=True, nogil=True)
def _extend_frequent(  # noqa: PLR0912  # a compiled inner loop
    positions: Positions,
    first: Indices,
    number: Indices,
    codes: Codes,
    length: int,
    L: int,
    C: int,
    fewest: int,
    once: bool,
) -> tuple[Indices, Indices, Indices, Indices]:
    """Number of the shorter n-gram, last character, first place and number of places of each longer one."""
    largest, most = np.int64(0), np.int64(0)
    for q in range(len(first)):
        largest = max(largest, number[q])
        most += min(number[q] // fewest, C)
    beginning, character = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    firsts, numbers, n = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64), 0
    following, spare = np.empty(largest, dtype=codes.dtype), np.empty(largest, dtype=positions.dtype)
    times, texts = np.zeros(C, dtype=np.int64), np.zeros(C, dtype=np.int64)
    seen_in, slots, met = np.empty(C, dtype=np.int64), np.empty(C, dtype=np.int64), np.empty(C, dtype=np.int64)
    for q in range(len(first)):
        own = positions[first[q] : first[q] + number[q]]
        for i in range(len(own)):  # a loop without branches, in which the processor waits for many codes at once
            following[i] = codes[own[i] + length]
        n_met, text, end = 0, np.int64(-1), np.int64(0)
        for i in range(len(own)):
            place, code = own[i], following[i]
            if code >= C:
                continue
            if place >= end:
                text = place // L
                end = (text + 1) * L
            if not times[code]:
                met[n_met] = code
                n_met += 1
                seen_in[code] = -1
            times[code] += 1
            if seen_in[code] != text:
                seen_in[code] = text
                texts[code] += 1
        met[:n_met].sort()
        n_kept = np.int64(0)
        for code in met[:n_met]:
            slots[code] = -1
            if (texts[code] if once else times[code]) >= fewest:
                slots[code] = n_kept
                beginning[n], character[n], firsts[n], numbers[n] = q, code, first[q] + n_kept, times[code]
                n_kept += times[code]
                n += 1
            times[code] = texts[code] = 0
        _rearrange(own, following, slots, C, spare, n_kept)
    return beginning[:n], character[:n], firsts[:n], numbers[:n]


@numba.njit(cache=True, nogil=True)
def _extend_by(
    positions: Positions,
    first: Indices,
    number: Indices,
    codes: Codes,
    length: int,
    n_codes: int,
    bounds: Indices,
    character: Indices,
    firsts: Indices,
    numbers: Indices,
) -> None:
    """Write first place and number of places of the longer n-grams bounds[q]:bounds[q + 1] of each shorter one."""
    largest = np.int64(0)
    for q in range(len(first)):
        largest = max(largest, number[q])
    following, spare = np.empty(largest, dtype=codes.dtype), np.empty(largest, dtype=positions.dtype)
    times, slots = np.zeros(n_codes, dtype=np.int64), np.full(n_codes, -1, dtype=np.int64)
    for q in range(len(first)):
        own = positions[first[q] : first[q] + number[q]]
        for i in range(len(own)):
            following[i] = codes[own[i] + length]
        for code in following[: len(own)]:
            times[code] += 1
        n_kept = np.int64(0)
        for longer in range(bounds[q], bounds[q + 1]):
            code = character[longer]
            slots[code] = n_kept
            firsts[longer], numbers[longer] = first[q] + n_kept, times[code]
            n_kept += times[code]
        _rearrange(own, following, slots, n_codes, spare, n_kept)
        for code in following[: len(own)]:
            times[code] = 0
        slots[character[bounds[q] : bounds[q + 1]]] = -1
