"""The profile of training texts: how many, how long, of which characters. Settings left open are chosen by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokenlayer.text.alphabet import count_characters

LONGEST_TEXT = 2000
"""Characters of a text that a model reads, where nothing else is said."""
ROOM = 12
"""Characters of padding behind a text, for a pattern of K = 13 to match at its very end."""
SMALLEST_ALPHABET, LARGEST_ALPHABET = 30, 5000
_COVERED = 0.999  # share of the characters of the texts
_OFTEN = 0.01  # occurrences for each text: an emoji may be more informative than its share of the characters
_SMALLEST_BATCH, _LARGEST_BATCH = 8, 32
_BATCHES = 50  # that an epoch should have

LONGEST_NGRAM = 13
"""Characters of the longest n-gram: that of the original, and long enough for any word that many texts share."""
_SHORTEST_NGRAM = 3
_RARE = 5.5  # bits that an n-gram has to have before it counts in how many texts it stands by chance: one in fifty
_LONGEST_BITS = 55.0  # information of an n-gram: in English, of 4.1 bits a character, 13 characters have 54


@dataclass(frozen=True)
class TextProfile:
    """The n training texts of a dataset, cleaned, before the alphabet is known."""

    n_texts: int
    """n"""
    lengths: tuple[int, ...]
    """(101,): percentiles 0, 1, … 100 of the texts' lengths in characters."""
    counts: tuple[int, ...]
    """Occurrences of each character that occurs, the most frequent first."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextProfile:
        """The profile of cleaned texts, one or more."""
        lengths = np.percentile([len(text) for text in texts], range(101), method="higher")
        _, counts = count_characters(texts)
        return cls(len(texts), tuple(lengths.astype(int).tolist()), tuple(counts.tolist()))

    def text_length(self) -> int:
        """L, which cuts one text in a hundred, and none that is shorter than `LONGEST_TEXT`."""
        return min(LONGEST_TEXT, max(1, self.lengths[99]) + ROOM)

    def alphabet_size(self) -> int:
        """C: as many of the most frequent characters as make up 99.9 % of the texts, or occur in some 1 % of them."""
        counts = np.array(self.counts, dtype=np.int64)
        missed = counts.sum() - counts.cumsum()
        covering = int((missed > (1 - _COVERED) * counts.sum()).sum()) + 1
        often = int((counts >= max(3.0, _OFTEN * self.n_texts)).sum())
        wanted = min(LARGEST_ALPHABET, max(SMALLEST_ALPHABET, covering, often))
        return max(1, min(wanted, len(counts)))

    def batch_size(self) -> int:
        """B: 32, or so few that an epoch has some 50 batches, but 8, or what there is."""
        wanted = 1 << max(0, self.n_texts // _BATCHES).bit_length() >> 1
        return min(self.n_texts, max(_SMALLEST_BATCH, min(_LARGEST_BATCH, wanted)))

    def bits(self) -> float:
        """Entropy of a character of the alphabet: 4.1 for English in lower case, 9 to 10 for Chinese."""
        counts = np.array(self.counts[: self.alphabet_size()], dtype=np.float64)
        share = counts / counts.sum() if len(counts) else np.ones(1)
        return float(-(share * np.log2(share)).sum())

    def ngram_lengths(self, least_bits: float, shortest: int, longest: int) -> list[int]:
        """Lengths of n-grams that are informative, and that typical texts hold.

        Args:
            least_bits: information of the shortest, as if all its characters were independent.
            shortest: the least length, at most.
            longest: the largest length, at most.

        """
        bits = max(self.bits(), 1.0)
        last = max(1, min(longest, LONGEST_NGRAM, int(_LONGEST_BITS / bits), self.lengths[90]))
        first = min(last, shortest, max(1, int(least_bits / bits)))
        return list(range(first, last + 1))

    def telling_lengths(self, longest: int) -> list[int]:
        """Lengths of n-grams that may be worth a token of at most `longest` characters."""
        return self.ngram_lengths(_RARE + math.log2(max(1, self.lengths[50])), _SHORTEST_NGRAM, longest)

    def said_of_characters(self) -> str:
        """What `ngram_lengths` chooses by, in words."""
        return f"{self.bits():.1f} bits a character, {self.lengths[50]} characters a text"
