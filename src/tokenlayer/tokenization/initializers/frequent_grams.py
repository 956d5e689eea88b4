"""Patterns that start as the most frequent grams of the training texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.tokenization.initializers.base import InitializerConfig
from tokenlayer.tokenization.initializers.gram_patterns import GRAM_LENS, Gram
from tokenlayer.tokenization.initializers.labelled_grams import (
    PatternsInitializerLabelledGrams,
    best_grams,
    choice_problems,
)

CountBy = Literal["texts", "occurrences"]

_FEWER = 8  # by how much the bound falls when too few grams reach it


class PatternsInitializerFrequentGrams(PatternsInitializerLabelledGrams):
    """Each pattern starts as one of the N most frequent grams.

    Args:
        texts: the training texts.
        alphabet: what their codes stand for.
        gram_lens: lengths of grams to choose from.
        count_by: `texts`: the number of texts that hold the gram; `occurrences`: how often it occurs in all of them.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    mend = "lower model.n_neurons, add lengths to initializer.gram_lens, or give more training texts"

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        gram_lens: Sequence[int] = GRAM_LENS,
        count_by: CountBy = "texts",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(texts, alphabet, gram_lens, generator=generator)
        self.count_by = count_by

    def grams(self, K: int, N: int) -> list[Gram]:
        """The N grams, the most frequent first."""
        fewest = max(len(self.texts) // _FEWER, 1)
        while True:
            levels = self.counted(K, fewest, once=self.count_by == "texts")
            found = best_grams(levels, lambda counts: counts.sum(1).astype(np.int64), N)
            if len(found) == N or fewest == 1:
                return found
            fewest = max(fewest // _FEWER, 1)


@dataclass
class FrequentGramsConfig(InitializerConfig):
    """The most frequent grams, with true blanks behind them."""

    gram_lens: list[int] = field(default_factory=lambda: list(GRAM_LENS))
    """Lengths of the grams to choose from. The shorter a gram, the more frequent."""
    count_by: CountBy = "texts"
    """texts: the number of training texts that hold a gram; occurrences: how often it occurs in all of them."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from choice_problems(self.gram_lens, 1)

    def default_pattern_lens(self) -> int:
        return self.least_pattern_lens()

    def least_pattern_lens(self) -> int:
        return max(self.gram_lens, default=1)

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerFrequentGrams:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerFrequentGrams(texts, alphabet, self.gram_lens, self.count_by, generator)
