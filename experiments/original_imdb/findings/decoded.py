"""Decoded patterns, as in patterns_log: their codes, and where they occur."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.layer.matching import match
from tokenlayer.layer.vocabulary import BLANK_SIGN, Vocabulary
from tokenlayer.text.alphabet import BLANK, Alphabet, Codes
from tokenlayer.text.ngrams.drawing import occur_more_than

_PATTERNS_AT_ONCE = 1000
_TEXTS_AT_ONCE = 32


def stretch(pattern: str) -> str:
    """A decoded pattern from its first to its last character that is not blank."""
    return pattern.strip(BLANK_SIGN)


def occurring(stretches: Iterable[str], corpus: Codes, alphabet: Alphabet) -> set[str]:
    """The stretches that occur in the corpus. A blank inside one accepts any character; the empty one occurs."""
    wanted = set(stretches)
    found: set[str] = wanted & {""}
    by_length: dict[int, list[str]] = {}
    for text in sorted(wanted - found):
        if BLANK_SIGN not in text:
            by_length.setdefault(len(text), []).append(text)
    for length, texts in by_length.items():
        ngrams = _codes(texts, alphabet).astype(corpus.dtype)
        found.update(
            text for text, occurs in zip(texts, _occur(ngrams, corpus, length, alphabet), strict=True) if occurs
        )
    gapped = [text for text in wanted if BLANK_SIGN in text]
    if gapped:
        whole = alphabet.decode(np.asarray(corpus))
        found.update(text for text in gapped if re.search(re.escape(text).replace(BLANK_SIGN, "."), whole))
    return found


def matches_in(patterns: Iterable[str], texts: Codes, alphabet: Alphabet) -> dict[str, int]:
    """Decoded pattern → number of its matches in texts (n, L)."""
    different = sorted(set(patterns))
    codes = torch.from_numpy(np.array(texts))  # a copy, because torch wants writable arrays
    counts: dict[str, int] = {}
    for first in range(0, len(different), _PATTERNS_AT_ONCE):
        chunk = different[first : first + _PATTERNS_AT_ONCE]
        vocabulary = Vocabulary(torch.from_numpy(_codes(chunk, alphabet)))
        total = torch.zeros(len(chunk), dtype=torch.int64)
        for part in codes.split(_TEXTS_AT_ONCE):
            total += match(part, vocabulary, alphabet.size).counts()
        counts |= dict(zip(chunk, total.tolist(), strict=True))
    return counts


def _codes(patterns: Sequence[str], alphabet: Alphabet) -> npt.NDArray[np.int64]:
    code = {BLANK_SIGN: BLANK} | {sign: i for i, sign in enumerate(alphabet.signs)}
    return np.array([[code[sign] for sign in pattern] for pattern in patterns])


def _occur(ngrams: Codes, corpus: Codes, length: int, alphabet: Alphabet) -> npt.NDArray[np.bool_]:
    """(m,) bool: which of m different n-grams (m, length) occur in the corpus.

    The n-grams are appended to the corpus, each after a code that is in none of them. An n-gram that is then found more
    than once occurs in the corpus.
    """
    behind = np.full((len(ngrams), length + 1), alphabet.none_code, corpus.dtype)
    behind[:, 1:] = ngrams
    positions = len(corpus) + 1 + (length + 1) * np.arange(len(ngrams))
    return occur_more_than(1, np.concatenate([corpus, behind.ravel()]), positions, length)
