"""Patterns that start as the grams which an L1-regularised logistic regression on the training texts keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.gram_presence import gram_presence
from tokenlayer.tokenization.initializers.base import InitializerConfig
from tokenlayer.tokenization.initializers.gram_patterns import Gram
from tokenlayer.tokenization.initializers.l1_selection import l1_choice
from tokenlayer.tokenization.initializers.labelled_grams import (
    LABELLED_GRAM_LENS,
    PatternsInitializerLabelledGrams,
    choice_problems,
)


class PatternsInitializerL1Grams(PatternsInitializerLabelledGrams):
    """Each pattern starts as one of the N grams that together, weighted, tell the class best.

    Args:
        texts: the training texts with their labels.
        alphabet: what their codes stand for.
        gram_lens: lengths of grams to choose from.
        min_texts: only grams that stand in at least so many texts are chosen.
        n_candidates: grams of largest χ² that the regression chooses from.
        standardise: see `l1_choice`.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    mend = (
        "raise initializer.n_candidates, lower model.n_neurons or initializer.min_texts, add lengths to"
        " initializer.gram_lens, or give more training texts"
    )

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        gram_lens: Sequence[int] = LABELLED_GRAM_LENS,
        min_texts: int = 1,
        n_candidates: int = 50_000,
        *,
        standardise: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(texts, alphabet, gram_lens, min_texts, generator)
        self.n_candidates = n_candidates
        self.standardise = standardise

    def grams(self, K: int, N: int) -> list[Gram]:
        """The N grams, that of largest weight first."""
        texts = self.texts
        candidates = self.most_telling(K, self.n_candidates)
        presence = gram_presence(texts.codes, candidates, self.alphabet.none_code, K)
        chosen = l1_choice(presence, texts.labels, texts.n_classes, N, standardise=self.standardise)
        return [candidates[i] for i in chosen]


@dataclass
class L1GramsConfig(InitializerConfig):
    """The grams that an L1-regularised logistic regression keeps, with true blanks behind them."""

    gram_lens: list[int] = field(default_factory=lambda: list(LABELLED_GRAM_LENS))
    """Lengths of the grams to choose from."""
    min_texts: int = 10
    """Only grams that stand in at least so many training texts are chosen."""
    n_candidates: int = 50_000
    """The regression chooses among so many grams, those of largest χ²."""
    standardise: bool = True
    """Regularise effects (weight times standard deviation of the presence) instead of weights, which rare grams need to
    be larger."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from choice_problems(self.gram_lens, self.min_texts)
        if self.n_candidates < 1:
            yield "n_candidates", "must be at least 1"

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
    ) -> PatternsInitializerL1Grams:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerL1Grams(
            texts,
            alphabet,
            self.gram_lens,
            self.min_texts,
            self.n_candidates,
            standardise=self.standardise,
            generator=generator,
        )
