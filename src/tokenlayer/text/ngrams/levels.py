"""The n-grams of texts, length by length: exact counts, without hashes and with a bounded memory.

An n-gram of l characters is a frequent one of l - 1 characters and a further character, and no more frequent than its
beginning: only the places of what was frequent at a length are looked at for the next (`places`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tokenlayer.progress import tracked
from tokenlayer.text.alphabet import Codes
from tokenlayer.text.ngrams.places import Indices, Places


@dataclass(frozen=True)
class Level:
    """The G frequent n-grams of one length, in the order of their codes."""

    ngrams: Indices
    """(G, length)"""
    beginning: Indices
    """(G,): the number, among the n-grams one character shorter, of the n-gram without its last character."""
    ending: Indices
    """(G,): the number of the n-gram without its first character; -1: it is not frequent."""
    places: Places
    """The places where each begins, at t <= L - K of each text. The next level, once asked for, takes their memory."""


def frequent_ngrams(
    codes: Codes, n_characters: int, max_length: int, max_token_length: int, fewest: int, *, once: bool = True
) -> Iterator[Level]:
    """The n-grams of 1, 2, ..., `max_length` characters that occur in at least `fewest` texts.

    Memory: a copy of the codes, 8 bytes for each character of the texts, and 8 for each place of the most frequent one
    in each thread.

    Args:
        codes: (n, L) codes of the texts, from 0 to C.
        n_characters: C. No n-gram holds the code C.
        max_length: the longest n-grams, at most K characters.
        max_token_length: K. A layer of patterns of K characters sees nothing that begins at a position t > L - K.
        fewest: texts, or occurrences; at least 1.
        once: count an n-gram once in each text, however often it occurs there.

    """
    codes = np.asarray(codes)
    nothing = np.zeros(1, dtype=np.int64)
    ngrams, ending, keys = np.zeros((1, 0), dtype=np.int64), nothing, nothing
    for length in tracked(range(1, max_length + 1), "counting n-grams", max_length):
        if length == 1:
            T = max(codes.shape[1] - max_token_length + 1, 0)
            places = Places.of_characters(codes, T, n_characters + 1, np.arange(n_characters))
            is_frequent = (places.n_texts() if once else places.number) >= fewest
            character, places = np.flatnonzero(is_frequent), places.take(is_frequent)
            beginning = ending = np.zeros_like(character)
        else:
            beginning, character, places = places.extended(n_characters, fewest, once=once)
            ending = _find(keys, ending[beginning], character, n_characters)
        ngrams = np.column_stack([ngrams[beginning], character])
        keys = beginning * n_characters + character
        yield Level(ngrams, beginning, ending, places)


def _find(keys: Indices, shorter: Indices, character: Indices, n_characters: int) -> Indices:
    """The place of (shorter, character) in an ascending list of keys; -1: it is not in the list, or shorter is -1."""
    if not len(keys):
        return np.full(len(shorter), -1)
    wanted = shorter * n_characters + character
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[places] == wanted) & (shorter >= 0), places, -1)
