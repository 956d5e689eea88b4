"""From n-grams, as codes, to the real-valued patterns that stand for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import BLANK
from tokenlayer.text.alphabet import Alphabet

NGRAM_LENGTHS = tuple(range(5, 14))
"""The original's lengths of n-grams."""

Ngram = npt.NDArray[np.int64]
"""Codes of a n-gram; `BLANK` where it accepts anything."""

_ONE_MEAN, _ZERO_MEAN, _STDDEV = 0.75, 0.25, 0.08  # the original's


def patterns_of(
    codes: Tensor, n_characters: int, generator: torch.Generator | None = None, *, exact: bool = False
) -> Tensor:
    """Patterns (C, K, N) that stand for `codes`, with the original's weights (seed, "Defining the Model").

    Args:
        codes: (N, K) int64. A code of 0..C-1 gives a column with a weight near 0.75 for that character and near 0.25
            for all others; the code C one with all near 0.25, which discretises to a random character; `BLANK` one of
            zeros, which accepts any character and stays so, because σ(0) = 0 lets no gradient through.
        n_characters: C.
        generator: the source of randomness, on the CPU; None: torch's global one.
        exact: cut the noise at three standard deviations, so that the patterns discretise to `codes` without fail.
            Without it, as in the original, about one column of 7,500 becomes another character in an alphabet of 30,
            and one of 180 in an alphabet of 3,000.

    """
    codes = codes.T  # (K, N)
    # In place: with alphabets of thousands of characters this is the largest tensor of a training.
    patterns = torch.empty(n_characters, *codes.shape).normal_(0, _STDDEV, generator=generator)
    if exact:
        patterns.clamp_(-3 * _STDDEV, 3 * _STDDEV)
    k, n = ((codes >= 0) & (codes < n_characters)).nonzero(as_tuple=True)
    ones = patterns[codes[k, n], k, n] + _ONE_MEAN
    patterns += _ZERO_MEAN
    patterns[codes[k, n], k, n] = ones
    patterns[:, codes == BLANK] = 0
    return patterns


class PatternsInitializerNgrams(ABC):
    """Each pattern starts as a n-gram of its own, with blanks behind it up to K.

    Args:
        alphabet: what the codes stand for.
        generator: the source of randomness of the weights, on the CPU; None: torch's global one. It has no part in the
            choice of the n-grams.

    """

    remedy: str
    """What to do about n-grams that are fewer than the patterns."""

    def __init__(self, alphabet: Alphabet, generator: torch.Generator | None = None) -> None:
        self.alphabet = alphabet
        self.n_characters: int | None = alphabet.size
        self._generator = generator

    @abstractmethod
    def ngrams(self, K: int, N: int) -> Sequence[Ngram]:
        """The first N n-grams, each of at most K codes; fewer if there are fewer.

        Raises:
            InputError: there is a n-gram that K codes cannot hold.

        """

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """Patterns of shape (C, K, N).

        Raises:
            InputError: C is not the alphabet's size, or there are no N n-grams that K columns hold.

        """
        C, K, N = shape
        check_alphabet(C, self.alphabet.size)
        ngrams = self.ngrams(K, N)
        if len(ngrams) < N:
            raise InputError(f"model.vocab_size={N}, but there are only {len(ngrams)} such patterns: {self.remedy}")
        codes = torch.full((N, K), BLANK)
        for row, ngram in zip(codes, ngrams, strict=True):
            row[: len(ngram)] = torch.from_numpy(ngram)
        return patterns_of(codes, C, self._generator, exact=True)


def check_alphabet(wanted: int, size: int) -> None:
    """Raise InputError unless patterns for `wanted` characters are those of an alphabet of `size`."""
    if wanted != size:
        raise InputError(f"patterns for {wanted} characters, but the alphabet has {size}: use one alphabet")


def check_ngram_lengths(ngram_lengths: Sequence[int], n_characters: int) -> None:
    """Raise InputError unless a corpus of `n_characters` has n-grams of all of these lengths."""
    if not ngram_lengths or min(ngram_lengths) < 1:
        raise InputError(f"ngram_lengths is {list(ngram_lengths)}: give at least one length, each at least 1")
    if n_characters < max(ngram_lengths):
        raise InputError(
            f"the corpus has {n_characters} characters, fewer than the longest n-gram"
            f" ({max(ngram_lengths)}): give more text, raise initializer.corpus.cap, or shorten"
            " initializer.ngram_lengths"
        )


def check_fit(ngram_lengths: Sequence[int], K: int) -> None:
    """Raise InputError unless patterns of K characters hold n-grams of these lengths."""
    if max(ngram_lengths) > K:
        raise InputError(
            f"patterns of {K} characters cannot hold n-grams of {max(ngram_lengths)}:"
            " raise model.max_token_length or shorten initializer.ngram_lengths"
        )


def ngram_problems(ngram_lengths: Sequence[int], filter_over: int) -> Iterator[tuple[str, str]]:
    """What cannot work in the fields `ngram_lengths` and `filter_over` of a configuration."""
    if not ngram_lengths or min(ngram_lengths) < 1:
        yield "ngram_lengths", "must hold at least one length, each at least 1"
    if filter_over < 0:
        yield "filter_over", "must not be negative"
