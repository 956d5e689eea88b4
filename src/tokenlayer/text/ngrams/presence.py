"""Which of some n-grams stand in which texts, in one walk over the texts for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import Codes
from tokenlayer.text.ngrams.counts import KeyIndex, row_chunks

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Presence:
    """Which of P tokens stand in which of n texts: the rows of a sparse matrix of ones."""

    indptr: Indices
    """(n + 1,): the tokens of text i are indices[indptr[i]:indptr[i + 1]]."""
    indices: npt.NDArray[np.int32]
    """Ascending in each text, each once."""
    n_tokens: int
    """P"""


def ngram_presence(
    codes: Codes, ngrams: Sequence[npt.NDArray[np.integer]], none_code: int, max_token_length: int
) -> Presence:
    """Which n-grams begin at a position t ≤ L - K, which is where a layer of patterns of K characters finds them.

    Args:
        codes: (n, L)
        n-grams: P different n-grams of at most K codes each.
        none_code: C.
        max_token_length: K.

    """
    T = max(codes.shape[1] - max_token_length + 1, 0)
    levels = list(_levels(ngrams, none_code + 1))
    counts, found = [np.zeros(1, np.int64)], [np.empty(0, np.int32)]
    for rows in row_chunks(codes.shape[0], T):
        chunk = np.asarray(codes[rows])
        text, token = _walk(chunk, levels, none_code + 1, T)
        pairs = np.sort(text * len(ngrams) + token)  # np.unique takes fifty times as long
        pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        counts.append(np.bincount(pairs // max(len(ngrams), 1), minlength=len(chunk)))
        found.append((pairs % max(len(ngrams), 1)).astype(np.int32))
    return Presence(np.cumsum(np.concatenate(counts)), np.concatenate(found), len(ngrams))


@dataclass(frozen=True)
class _Level:
    """The beginnings, l characters long, of the n-grams."""

    index: KeyIndex
    """From the number of a beginning one character shorter, and a character, to the number of this one."""
    token: Indices
    """Which n-gram ends here, by number; -1: none."""


def _levels(ngrams: Sequence[npt.NDArray[np.integer]], n_codes: int) -> Iterator[_Level]:
    lengths = np.array([len(ngram) for ngram in ngrams], dtype=np.int64)
    padded = np.zeros((len(ngrams), int(lengths.max(initial=0))), dtype=np.int64)
    for row, ngram in zip(padded, ngrams, strict=True):
        row[: len(ngram)] = ngram
    numbers, n_shorter = np.zeros(len(ngrams), dtype=np.int64), 1
    for length in range(1, padded.shape[1] + 1):
        longer = np.flatnonzero(lengths >= length)
        keys, inverse = np.unique(numbers[longer] * n_codes + padded[longer, length - 1], return_inverse=True)
        numbers[longer] = inverse
        token = np.full(len(keys), -1, dtype=np.int64)
        ending = np.flatnonzero(lengths == length)
        token[numbers[ending]] = ending
        yield _Level(KeyIndex(keys, n_shorter * n_codes), token)
        n_shorter = len(keys)


def _walk(codes: Codes, levels: Sequence[_Level], n_codes: int, T: int) -> tuple[Indices, Indices]:
    """Text and n-gram of every occurrence."""
    L = codes.shape[1]
    begins = (np.arange(codes.shape[0])[:, None] * L + np.arange(T)).ravel()
    flat = codes.ravel()
    numbers = np.zeros(len(begins), dtype=np.int64)
    texts, tokens = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for offset, level in enumerate(levels):
        numbers = level.index(numbers * n_codes + flat[begins + offset])
        alive = np.flatnonzero(numbers >= 0)
        begins, numbers = begins[alive], numbers[alive]
        token = level.token[numbers]
        ends = np.flatnonzero(token >= 0)
        texts.append(begins[ends] // L)
        tokens.append(token[ends])
    return np.concatenate(texts), np.concatenate(tokens)
