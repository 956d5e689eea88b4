"""The words of encoded texts: maximal runs of characters between spaces.

A word also ends where a text does, where it is cut, and at a character that is none of the alphabet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.presence import Presence

# A code stands as a character of a private plane, whatever it means: no sign of an alphabet is a space there.
_PLANE = 0xF0000

Word = str
"""A word, its codes as characters of a private plane."""


@dataclass(frozen=True)
class CountedWords:
    """W words, and how many texts hold them."""

    words: Sequence[Word]
    """(W,) in alphabetical order."""
    counts: npt.NDArray[np.int64]
    """(W, n_classes): texts of each class."""


def space_code(alphabet: Alphabet) -> int:
    """The code of the space. Raises InputError: the alphabet has none, and so no words."""
    if " " not in alphabet.symbols:
        raise InputError(
            f"the alphabet {alphabet.chars!r} has no space, so that its texts have no words: use an initializer of "
            "n-grams (l1_ngrams, chi2_ngrams)"
        )
    return alphabet.symbols.index(" ")


def count_words(texts: TrainingTexts, alphabet: Alphabet, longest: int, min_texts: int) -> CountedWords:
    """The words of at most `longest` characters that stand in at least `min_texts` texts, each counted once in a text.

    Raises:
        InputError: the alphabet has no space.

    """
    counters: list[Counter[Word]] = [Counter() for _ in range(texts.n_classes)]
    for words, label in zip(split_words(texts.codes, alphabet), texts.labels, strict=True):
        counters[label].update(set(words))
    total = sum(counters, Counter())
    kept = sorted(word for word, count in total.items() if count >= min_texts and 0 < len(word) <= longest)
    counts = np.array([[counter[word] for counter in counters] for word in kept], dtype=np.int64)
    return CountedWords(kept, counts.reshape(len(kept), texts.n_classes))


def word_presence(codes: Codes, words: Sequence[Word], alphabet: Alphabet) -> Presence:
    """The texts (n, L) that hold each of W different words."""
    number = {word: i for i, word in enumerate(words)}
    found = [Counter(number[word] for word in text if word in number) for text in split_words(codes, alphabet)]
    counts = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    numbers = np.fromiter(chain.from_iterable(found), dtype=np.int32, count=int(counts.sum()))
    times = np.fromiter(chain.from_iterable(each.values() for each in found), dtype=np.int64, count=len(numbers))
    return Presence.of_texts(numbers, counts, np.bincount(numbers, times, len(words)).astype(np.int64))


def split_words(codes: Codes, alphabet: Alphabet) -> Iterator[list[Word]]:
    """The words of each text of codes (n, L), and empty strings between boundaries."""
    points = (_PLANE + np.arange(alphabet.size + 1)).astype("<u4")
    points[[space_code(alphabet), alphabet.none_code]] = ord(" ")
    for text in codes:
        yield points[text].tobytes().decode("utf-32-le").split(" ")


def word_codes(word: Word) -> npt.NDArray[np.int64]:
    """(length,)"""
    return np.array([ord(sign) - _PLANE for sign in word], dtype=np.int64)
