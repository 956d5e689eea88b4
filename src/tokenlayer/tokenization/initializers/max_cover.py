"""Patterns that start as grams of the corpus (seed, "Defining the Model").

The original spells its class `PatternsInitilizerMaxCover`. In spite of the name it does not maximise cover:
it draws grams at random by their frequency.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.grams import draw_grams
from tokenlayer.tokenization.initializers.base import CorpusConfig, InitializerConfig

GRAM_LENS = tuple(range(5, 14))
"""The original's lengths of grams."""

Padding = Literal["noise", "blank"]

_ONE_MEAN, _ZERO_MEAN, _STDDEV = 0.75, 0.25, 0.08


class PatternsInitializerMaxCover:
    """Each pattern starts as a gram: its length is drawn uniformly, then the gram in proportion to its count.

    Args:
        text_corpus: the texts, as one string or as (S,) codes of the alphabet `chars`.
        chars: the alphabet.
        gram_lens: the lengths to draw from.
        filter_over: only grams that occur more than this many times are drawn.
        padding: what follows a gram shorter than K. `noise` (as in the original): weights near 0.25, like all
            that are not the gram's, which discretise to random characters. `blank`: zeros, which accept any
            character and stay so, because σ(0) = 0 lets no gradient through.
        generator: the source of randomness, on the CPU; None: torch's global one.

    Raises:
        InputError: `gram_lens` is empty or holds a length below 1, or the corpus is shorter than the longest
            gram.

    """

    def __init__(
        self,
        text_corpus: str | Codes,
        chars: str,
        gram_lens: Sequence[int] = GRAM_LENS,
        filter_over: int = 1,
        *,
        padding: Padding = "noise",
        generator: torch.Generator | None = None,
    ) -> None:
        alphabet = Alphabet(chars)
        self.n_characters: int | None = alphabet.size
        self.gram_lens = tuple(gram_lens)
        self.filter_over = filter_over
        self.padding = padding
        self._generator = generator
        self._corpus = alphabet.encode(text_corpus) if isinstance(text_corpus, str) else text_corpus
        if not self.gram_lens or min(self.gram_lens) < 1:
            raise InputError(f"gram_lens is {list(self.gram_lens)}: give at least one length, each at least 1")
        if len(self._corpus) < max(self.gram_lens):
            raise InputError(
                f"the corpus has {len(self._corpus)} characters, fewer than the longest gram"
                f" ({max(self.gram_lens)}): give more text, raise initializer.corpus.cap, or shorten"
                " initializer.gram_lens"
            )

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """Patterns of shape (C, K, N).

        Raises:
            InputError: K is shorter than the longest gram, C is not the alphabet's size, or no gram of a
                length that was drawn occurs more than `filter_over` times.

        """
        C, K, N = shape
        if self.n_characters != C:
            raise InputError(f"patterns for {C} characters, but the alphabet has {self.n_characters}: use one alphabet")
        if max(self.gram_lens) > K:
            raise InputError(
                f"patterns of {K} characters cannot hold grams of {max(self.gram_lens)}:"
                " raise model.pattern_lens or shorten initializer.gram_lens"
            )
        grams, lengths = self._draw(K, N)
        codes = torch.from_numpy(grams.astype(np.int64)).T  # (K, N)
        is_one = codes == torch.arange(C)[:, None, None]  # (C, K, N)
        noise = torch.empty(shape).normal_(0, _STDDEV, generator=self._generator)
        patterns = noise + torch.where(is_one, _ONE_MEAN, _ZERO_MEAN)
        if self.padding == "blank":
            patterns[:, torch.arange(K)[:, None] >= lengths] = 0
        return patterns

    def _draw(self, K: int, N: int) -> tuple[Codes, Tensor]:
        """(N, K) codes, C past the end of each gram, and the (N,) lengths."""
        lengths = torch.tensor(self.gram_lens)[torch.randint(len(self.gram_lens), (N,), generator=self._generator)]
        grams = np.full((N, K), self.n_characters, dtype=self._corpus.dtype)
        for length in sorted(set(self.gram_lens)):
            rows = (lengths == length).numpy()
            grams[rows, :length] = draw_grams(self._corpus, length, int(rows.sum()), self.filter_over, self._generator)
        return grams, lengths


@dataclass
class MaxCoverConfig(InitializerConfig):
    """Patterns that start as grams of the corpus, drawn by their frequency."""

    gram_lens: list[int] = field(default_factory=lambda: list(GRAM_LENS))
    """Lengths of the grams; each pattern draws its own, uniformly."""
    filter_over: int = 1
    """Only grams that occur more than this many times are drawn."""
    padding: Padding = "noise"
    """What follows a gram shorter than the pattern. noise: random characters, as the seed has it, so that
    hardly anything but the longest grams can match; blank: columns that accept anything."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    """The texts that the grams come from."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if not self.gram_lens or min(self.gram_lens) < 1:
            yield "gram_lens", "must hold at least one length, each at least 1"
        if self.filter_over < 0:
            yield "filter_over", "must not be negative"

    def wanted_corpus(self) -> CorpusConfig:
        return self.corpus

    def default_pattern_lens(self) -> int:
        return max(self.gram_lens)

    def build(
        self, corpus: Codes | None, alphabet: Alphabet, generator: torch.Generator | None = None
    ) -> PatternsInitializerMaxCover:
        assert corpus is not None, "the caller gives the corpus that wanted_corpus names"
        return PatternsInitializerMaxCover(
            corpus,
            alphabet.chars,
            self.gram_lens,
            self.filter_over,
            padding=self.padding,
            generator=generator,
        )
