"""The texts that hold some n-grams, found for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.progress import tracked
from tokenlayer.text.alphabet import Codes
from tokenlayer.text.ngrams.places import Indices, Places

Numbers = npt.NDArray[np.int32]


class Held(Protocol):
    """P tokens, and the texts that hold them."""

    @property
    def texts(self) -> Numbers:
        """(entries,): texts[bounds[p]:bounds[p + 1]] are the texts that hold token p, ascending, each once."""

    @property
    def bounds(self) -> Indices:
        """(P + 1,)"""

    @property
    def n_texts(self) -> int:
        """Number of texts."""

    @property
    def occurrences(self) -> Indices:
        """(P,): how often each occurs in all texts together."""

    @property
    def reads(self) -> npt.NDArray[np.float64]:
        """(P,): occurrences of each in a text, on average."""


def tokens_read(held: Held, chosen: Indices, most: int | None) -> float:
    """Occurrences of some tokens together in a text, on average.

    Args:
        held: P tokens.
        chosen: the numbers of some.
        most: no more are read of one text; each token is taken to stand equally often in all texts that hold it, then.
            None: all are read.

    """
    if most is None:
        return float(held.reads[chosen].sum())
    frequency = np.diff(held.bounds)[chosen]
    texts = np.empty(frequency.sum(), dtype=held.texts.dtype)
    copy_segments(held.texts, held.bounds[chosen], texts, np.cumsum(frequency) - frequency, frequency)
    in_text = held.occurrences[chosen] / np.maximum(frequency, 1)
    read = np.bincount(texts, np.repeat(in_text, frequency), held.n_texts)
    return float(np.minimum(read, most).mean())


@dataclass(frozen=True)
class Presence:
    """The texts that hold each of P tokens: the columns of a sparse matrix of ones."""

    texts: Numbers
    """(entries,): texts[bounds[p]:bounds[p + 1]] are the texts that hold token p, ascending, each once."""
    bounds: Indices
    """(P + 1,)"""
    n_texts: int
    """n"""
    occurrences: Indices
    """(P,): how often each occurs in all texts together."""

    @classmethod
    def of_texts(cls, tokens: Numbers, counts: Indices, occurrences: Indices) -> Presence:
        """From the tokens of each text, each once, one text behind the other, and how many each of the n texts has."""
        texts, bounds = _transposed(tokens, counts, len(occurrences))
        return cls(texts, bounds, len(counts), occurrences)

    @property
    def reads(self) -> npt.NDArray[np.float64]:
        """(P,): occurrences of each in a text, on average."""
        reads: npt.NDArray[np.float64] = self.occurrences / max(self.n_texts, 1)
        return reads

    def __len__(self) -> int:
        """P."""
        return len(self.bounds) - 1


def ngram_presence(
    codes: Codes, ngrams: Sequence[npt.NDArray[np.integer]], none_code: int, max_token_length: int
) -> Presence:
    """The texts where each n-gram begins at a position t <= L - K: there a layer of patterns of K characters finds it.

    Args:
        codes: (n, L)
        ngrams: P different n-grams of at most K codes each.
        none_code: C.
        max_token_length: K.

    """
    found = _found(np.asarray(codes), ngrams, none_code + 1, max_token_length)
    frequency, occurrences = np.zeros(len(ngrams), dtype=np.int64), np.zeros(len(ngrams), dtype=np.int64)
    for some in found:
        frequency[some.ngrams], occurrences[some.ngrams] = some.frequency, some.occurrences
    bounds = np.concatenate([[0], np.cumsum(frequency)])
    texts = np.empty(bounds[-1], dtype=np.int32)
    while found:
        some = found.pop()
        copy_segments(
            some.texts, np.cumsum(some.frequency) - some.frequency, texts, bounds[some.ngrams], some.frequency
        )
    return Presence(texts, bounds, len(codes), occurrences)


@dataclass(frozen=True)
class _Found:
    """Some n-grams, where they are found."""

    ngrams: Indices
    """(m,): their numbers."""
    occurrences: Indices
    """(m,)"""
    frequency: Indices
    """(m,): of how many texts."""
    texts: Numbers
    """(entries,): of one n-gram behind the other's."""


def _found(
    codes: Codes, ngrams: Sequence[npt.NDArray[np.integer]], n_codes: int, max_token_length: int
) -> list[_Found]:
    """The n-grams of each length, the shortest first; all codes are below n_codes."""
    T = max(codes.shape[1] - max_token_length + 1, 0)
    beginnings = _beginnings(ngrams, n_codes)
    found: list[_Found] = []
    places: Places | None = None
    for level in tracked(beginnings, "indexing n-grams", len(beginnings)):
        beginning, character = np.divmod(level.keys, n_codes)
        if places is None:
            places = Places.of_characters(codes, T, n_codes, character)
        else:
            places = places.followed(n_codes, beginning, character)
        is_ngram = level.ngram >= 0
        whole = places.take(is_ngram)
        frequency = whole.n_texts()
        found.append(_Found(level.ngram[is_ngram], whole.number, frequency, _texts(whole, frequency)))
    return found


def _texts(places: Places, frequency: Indices) -> Numbers:
    """(entries,): the texts of n-grams with these places, one n-gram behind the other, of as many texts as given."""
    bounds = np.concatenate([[0], np.cumsum(frequency)])
    texts = np.empty(bounds[-1], dtype=np.int32)
    places.in_runs(lambda run, some: _write_texts(some, texts, bounds[run]))
    return texts


class NgramFinder:
    """Finds n-grams in one text after the other, as a layer of patterns of K characters does.

    Args:
        ngrams: P different n-grams of at most K codes each.
        none_code: C.
        max_token_length: K.

    """

    def __init__(self, ngrams: Sequence[npt.NDArray[np.integer]], none_code: int, max_token_length: int) -> None:
        self._trie = _trie(ngrams, none_code + 1)
        self._n_codes = none_code + 1
        self._max_token_length = max_token_length

    def find(self, codes: Codes, *, once: bool) -> tuple[Numbers, Indices]:
        """The n-grams (entries,) that begin in each of some texts, text by text, and how many there are in each (b,).

        Args:
            codes: (b, W)
            once: each n-gram once in a text, however often it occurs there.

        """
        T = max(codes.shape[1] - self._max_token_length + 1, 0)
        found: tuple[Numbers, Indices] = _walk(codes, T, *self._trie, self._n_codes, once)
        return found


@dataclass(frozen=True)
class _Beginnings:
    """The beginnings of one length, of n-grams that are longer or end there."""

    keys: Indices
    """Ascending: number of the beginning one character shorter · n_codes + last character."""
    ngram: Indices
    """The number of the n-gram that each is, or -1."""


def _beginnings(ngrams: Sequence[npt.NDArray[np.integer]], n_codes: int) -> list[_Beginnings]:
    """For each length from 1 on, those of P different n-grams; all codes are below n_codes."""
    lengths = np.array([len(ngram) for ngram in ngrams], dtype=np.int64)
    padded = np.zeros((len(ngrams), int(lengths.max(initial=0))), dtype=np.int64)
    for row, ngram in zip(padded, ngrams, strict=True):
        row[: len(ngram)] = ngram
    number = np.zeros(len(ngrams), dtype=np.int64)
    found = []
    for length in range(1, padded.shape[1] + 1):
        longer = np.flatnonzero(lengths >= length)
        keys, number[longer] = np.unique(number[longer] * n_codes + padded[longer, length - 1], return_inverse=True)
        ends = np.flatnonzero(lengths == length)
        ngram_of = np.full(len(keys), -1)
        ngram_of[number[ends]] = ends
        found.append(_Beginnings(keys, ngram_of))
    return found


def _trie(ngrams: Sequence[npt.NDArray[np.integer]], n_codes: int) -> tuple[Indices, Numbers, Numbers]:
    """The beginnings of n-grams, numbered from the shortest to the longest; the empty one is number 0.

    Args:
        ngrams: P different n-grams.
        n_codes: all codes are below it.

    Returns:
        The key (number of the beginning one character shorter · n_codes + last character) of each beginning but the
        empty one; a hash table of these keys; the number of the n-gram that each beginning is, or -1.

    """
    keys, token = [np.zeros(0, dtype=np.int64)], [np.full(1, -1)]
    for level in _beginnings(ngrams, n_codes):
        first_shorter = sum(map(len, token[:-1]))
        keys.append(level.keys + first_shorter * n_codes)
        token.append(level.ngram)
    every_key = np.concatenate(keys)
    return every_key, _hashed(every_key), np.concatenate(token).astype(np.int32)


@numba.njit(cache=True, nogil=True)
def _hashed(keys: Indices) -> Numbers:
    """A table of at least twice as many places as keys: at each place 1 + the number of its key, or 0."""
    bits = 1
    while (1 << bits) < 2 * len(keys):
        bits += 1
    table = np.zeros(1 << bits, dtype=np.int32)
    for i in range(len(keys)):
        place = _place(table, keys, keys[i])
        table[place] = i + 1
    return table


@numba.njit(cache=True, nogil=True)
def _place(table: Numbers, keys: Indices, key: np.int64) -> np.int64:
    """The place of a key in the table, or the free one where it would be."""
    mask = len(table) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing: 2^64 / golden ratio
    place = np.int64(mixed >> np.uint64(32)) & mask
    while table[place] and keys[table[place] - 1] != key:
        place = (place + 1) & mask
    return place


@numba.njit(cache=True, nogil=True)
def _walk(
    codes: Codes, T: int, keys: Indices, table: Numbers, token: Numbers, n_codes: int, once: bool
) -> tuple[Numbers, Indices]:
    """The n-grams of each text, in the order of the texts, each once if asked; and how many there are in each text."""
    tokens, n = np.empty(1024, dtype=np.int32), 0
    counts = np.zeros(codes.shape[0], dtype=np.int64)
    seen_in = np.full(len(token), -1, dtype=np.int32)
    for text in range(codes.shape[0]):
        before = n
        for t in range(T):
            number = 0
            for at in range(t, codes.shape[1]):
                number = table[_place(table, keys, number * n_codes + np.int64(codes[text, at]))]
                if not number:
                    break
                if token[number] < 0:
                    continue
                if not (once and seen_in[number] == text):
                    seen_in[number] = text
                    if n == len(tokens):
                        larger = np.empty(2 * n, dtype=np.int32)
                        larger[:n] = tokens
                        tokens = larger
                    tokens[n] = token[number]
                    n += 1
        counts[text] = n - before
    return tokens[:n], counts


@numba.njit(cache=True, nogil=True)
def _transposed(tokens: Numbers, counts: Indices, n_tokens: int) -> tuple[Numbers, Indices]:
    """The texts of each token and their bounds, given the tokens of each text and how many they are."""
    bounds = np.zeros(n_tokens + 1, dtype=np.int64)
    for token in tokens:  # NumPy's bincount would copy them, at twice their size
        bounds[token + 1] += 1
    bounds = np.cumsum(bounds)
    free = bounds.copy()
    texts = np.empty(len(tokens), dtype=np.int32)
    at = 0
    for text in range(len(counts)):
        for _ in range(counts[text]):
            token = tokens[at]
            texts[free[token]] = text
            free[token] += 1
            at += 1
    return texts, bounds


@numba.njit(cache=True, nogil=True)
def _write_texts(places: Places, texts: Numbers, bounds: Indices) -> None:
    """Write the texts that hold each n-gram, ascending, from its bound on."""
    for q in range(len(places.first)):
        at, last = bounds[q], -1
        for place in places.positions[places.first[q] : places.first[q] + places.number[q]]:
            text = place >> places.bits
            if text != last:
                texts[at] = text
                at += 1
            last = text


@numba.njit(cache=True, nogil=True)
def copy_segments(source: Numbers, source_first: Indices, target: Numbers, target_first: Indices, n: Indices) -> None:
    """Copy segments of n (m,) numbers each, from where each begins in the source to where it begins in the target."""
    for segment in range(len(n)):
        for i in range(n[segment]):
            target[target_first[segment] + i] = source[source_first[segment] + i]
