"""Patterns that start as the grams whose presence tells most about the class of a training text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.tokenization.initializers.base import InitializerConfig
from tokenlayer.tokenization.initializers.gram_patterns import Gram
from tokenlayer.tokenization.initializers.labelled_grams import (
    LABELLED_GRAM_LENS,
    PatternsInitializerLabelledGrams,
    choice_problems,
)


class PatternsInitializerDiscriminative(PatternsInitializerLabelledGrams):
    """Each pattern starts as one of the N grams of largest χ².

    Of grams that stand in the same texts, one within the other, the shortest is taken; those that stand in nearly the
    same texts ("worst", "e worst") are all taken, as each is judged by itself.
    """

    def grams(self, K: int, N: int) -> list[Gram]:
        """The N grams, that of largest χ² first."""
        return self.most_telling(K, N)


@dataclass
class DiscriminativeConfig(InitializerConfig):
    """The grams of largest χ² on the training labels, with true blanks behind them."""

    gram_lens: list[int] = field(default_factory=lambda: list(LABELLED_GRAM_LENS))
    """Lengths of the grams to choose from."""
    min_texts: int = 10
    """Only grams that stand in at least so many training texts are chosen."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from choice_problems(self.gram_lens, self.min_texts)

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
    ) -> PatternsInitializerDiscriminative:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerDiscriminative(texts, alphabet, self.gram_lens, self.min_texts, generator)
