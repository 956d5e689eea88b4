"""Patterns that start as n-grams of the corpus (seed, "Defining the Model").

The original spells its class `PatternsInitilizerMaxCover`. In spite of the name it does not maximise cover:
it draws n-grams at random by their frequency.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import BLANK
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.drawing import draw_ngrams
from tokenlayer.vocabularies.base import CorpusConfig, InitializerConfig
from tokenlayer.vocabularies.ngrams import (
    NGRAM_LENGTHS,
    check_alphabet,
    check_fit,
    check_ngram_lengths,
    ngram_problems,
    patterns_of,
)

Padding = Literal["noise", "blank"]


class PatternsInitializerMaxCover:
    """Each pattern starts as a n-gram: its length is drawn uniformly, then the n-gram in proportion to its count.

    Args:
        text_corpus: the texts, as one string or as (S,) codes of the alphabet `chars`.
        chars: the alphabet.
        ngram_lengths: the lengths to draw from.
        filter_over: only n-grams that occur more than this many times are drawn; shorter ones where none of a length is.
        padding: what follows a n-gram shorter than K. `noise` (as in the original): weights near 0.25, like all
            that are not the n-gram's, which discretise to random characters. `blank`: zeros, which accept any
            character and stay so, because σ(0) = 0 lets no gradient through.
        generator: the source of randomness, on the CPU; None: torch's global one.

    Raises:
        InputError: `ngram_lengths` is empty or holds a length below 1, or the corpus is shorter than the longest
            n-gram.

    """

    def __init__(
        self,
        text_corpus: str | Codes,
        chars: str,
        ngram_lengths: Sequence[int] = NGRAM_LENGTHS,
        filter_over: int = 1,
        *,
        padding: Padding = "noise",
        generator: torch.Generator | None = None,
    ) -> None:
        alphabet = Alphabet(chars)
        self.n_characters: int | None = alphabet.size
        self._alphabet = alphabet
        self.ngram_lengths = tuple(ngram_lengths)
        self.filter_over = filter_over
        self.padding = padding
        self._generator = generator
        self._corpus = alphabet.encode(text_corpus) if isinstance(text_corpus, str) else text_corpus
        check_ngram_lengths(self.ngram_lengths, len(self._corpus))

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """Patterns of shape (C, K, N).

        Raises:
            InputError: K is shorter than the longest n-gram, C is not the alphabet's size, or no n-gram, not even a single
                character, occurs more than `filter_over` times.

        """
        C, K, N = shape
        check_alphabet(C, self._alphabet.size)
        check_fit(self.ngram_lengths, K)
        return patterns_of(self._draw(K, N), C, self._generator)

    def _draw(self, K: int, N: int) -> Tensor:
        """(N, K) codes, padded."""
        lengths = torch.tensor(self.ngram_lengths)[
            torch.randint(len(self.ngram_lengths), (N,), generator=self._generator)
        ]
        ngrams = np.full((N, K), BLANK if self.padding == "blank" else self._alphabet.none_code)
        for length in sorted(set(self.ngram_lengths)):
            rows = (lengths == length).numpy()
            drawn = self._drawn(length, int(rows.sum()))
            ngrams[rows, : drawn.shape[1]] = drawn
        return torch.from_numpy(ngrams)

    def _drawn(self, length: int, n: int) -> Codes:
        """(n, length) codes, or of the next shorter n-grams that do occur often enough."""
        missing: InputError | None = None
        for shorter in range(length, 0, -1):
            try:
                return draw_ngrams(self._corpus, shorter, n, self.filter_over, self._generator)
            except InputError as error:
                missing = missing or error
        assert missing is not None
        raise missing


@dataclass
class MaxCoverConfig(InitializerConfig):
    """Patterns that start as n-grams of the corpus, drawn by their frequency."""

    ngram_lengths: list[int] | None = field(default_factory=lambda: list(NGRAM_LENGTHS))
    """Lengths of the n-grams; each pattern draws its own, uniformly. null: chosen by the training texts."""
    filter_over: int = 1
    """Only n-grams that occur more than this many times are drawn."""
    padding: Padding = "noise"
    """What follows a n-gram shorter than the pattern. noise: random characters, as the seed has it, so that
    hardly anything but the longest n-grams can match; blank: columns that accept anything."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    """The texts that the n-grams come from."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from ngram_problems(NGRAM_LENGTHS if self.ngram_lengths is None else self.ngram_lengths, self.filter_over)

    def wanted_corpus(self) -> CorpusConfig:
        return self.corpus

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths or [1])

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerMaxCover:
        assert corpus is not None, "the caller gives the corpus that wanted_corpus names"
        assert self.ngram_lengths is not None, "chosen by the caller"
        return PatternsInitializerMaxCover(
            corpus,
            alphabet.chars,
            self.ngram_lengths,
            self.filter_over,
            padding=self.padding,
            generator=generator,
        )
