"""Decoded patterns, as patterns_log has them: what they are as codes, and where they occur."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.grams import occur_more_than
from tokenlayer.tokenization.matching import match
from tokenlayer.tokenization.vocabulary import BLANK, BLANK_SIGN, Vocabulary

_PATTERNS_AT_ONCE = 1000
_TEXTS_AT_ONCE = 32


def stretch(pattern: str) -> str:
    """A decoded pattern from its first to its last character that is not blank."""
    return pattern.strip(BLANK_SIGN)


def occurring(stretches: Iterable[str], corpus: Codes, alphabet: Alphabet) -> set[str]:
    """Those that occur anywhere in the corpus; a blank inside one accepts any character, an empty one occurs."""
    wanted = set(stretches)
    found: set[str] = wanted & {""}
    by_length: dict[int, list[str]] = {}
    for text in sorted(wanted - found):
        if BLANK_SIGN not in text:
            by_length.setdefault(len(text), []).append(text)
    for length, texts in by_length.items():
        grams = _codes(texts, alphabet).astype(corpus.dtype)
        found.update(
            text for text, occurs in zip(texts, _occur(grams, corpus, length, alphabet), strict=True) if occurs
        )
    gapped = [text for text in wanted if BLANK_SIGN in text]
    if gapped:
        whole = alphabet.decode(np.asarray(corpus))
        found.update(text for text in gapped if re.search(re.escape(text).replace(BLANK_SIGN, "."), whole))
    return found


def matches_in(patterns: Iterable[str], texts: Codes, alphabet: Alphabet) -> dict[str, int]:
    """How often each decoded pattern matches in texts (n, L)."""
    different = sorted(set(patterns))
    codes = torch.from_numpy(np.array(texts))  # a copy: torch wants arrays that it may write to
    counts: dict[str, int] = {}
    for first in range(0, len(different), _PATTERNS_AT_ONCE):
        chunk = different[first : first + _PATTERNS_AT_ONCE]
        vocabulary = Vocabulary(torch.from_numpy(_codes(chunk, alphabet)), torch.zeros(len(chunk), dtype=torch.bool))
        total = torch.zeros(len(chunk), dtype=torch.int64)
        for part in codes.split(_TEXTS_AT_ONCE):
            total += match(part, vocabulary, alphabet.size).counts()
        counts |= dict(zip(chunk, total.tolist(), strict=True))
    return counts


def _codes(patterns: Sequence[str], alphabet: Alphabet) -> npt.NDArray[np.int64]:
    code = {BLANK_SIGN: BLANK} | {sign: i for i, sign in enumerate(alphabet.signs)}
    return np.array([[code[sign] for sign in pattern] for pattern in patterns])


def _occur(grams: Codes, corpus: Codes, length: int, alphabet: Alphabet) -> npt.NDArray[np.bool_]:
    """Whether each of m different grams (m, length) occurs in the corpus.

    The grams are put behind the corpus, each after a code that is in none of them: one that is there more than once
    occurs in the corpus.
    """
    behind = np.full((len(grams), length + 1), alphabet.none_code, corpus.dtype)
    behind[:, 1:] = grams
    positions = len(corpus) + 1 + (length + 1) * np.arange(len(grams))
    return occur_more_than(1, np.concatenate([corpus, behind.ravel()]), positions, length)
