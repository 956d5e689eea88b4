"""Patterns that start as the n-grams which an L1-regularised logistic regression on the training texts keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from tokenlayer.selection.l1_logistic import l1_choice
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.presence import ngram_presence
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.labelled_ngrams import (
    LABELLED_NGRAM_LENGTHS,
    PatternsInitializerLabelledNgrams,
    choice_problems,
)
from tokenlayer.vocabularies.ngrams import Ngram


class PatternsInitializerL1Ngrams(PatternsInitializerLabelledNgrams):
    """Each pattern starts as one of the N n-grams that together, weighted, tell the class best.

    Args:
        texts: the training texts with their labels.
        alphabet: what their codes stand for.
        ngram_lengths: lengths of n-grams to choose from.
        min_texts: only n-grams that stand in at least so many texts are chosen.
        n_candidates: n-grams of largest χ² that the regression chooses from.
        standardise: see `l1_choice`.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    remedy = (
        "raise initializer.n_candidates, lower model.vocab_size or initializer.min_texts, add lengths to"
        " initializer.ngram_lengths, or give more training texts"
    )

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        ngram_lengths: Sequence[int] = LABELLED_NGRAM_LENGTHS,
        min_texts: int = 1,
        n_candidates: int = 50_000,
        *,
        standardise: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(texts, alphabet, ngram_lengths, min_texts, generator)
        self.n_candidates = n_candidates
        self.standardise = standardise

    def ngrams(self, K: int, N: int) -> list[Ngram]:
        """The N n-grams, that of largest weight first."""
        texts = self.texts
        candidates = self.most_telling(K, self.n_candidates)
        presence = ngram_presence(texts.codes, candidates, self.alphabet.none_code, K)
        chosen = l1_choice(presence, texts.labels, texts.n_classes, N, standardise=self.standardise)
        return [candidates[i] for i in chosen]


@dataclass
class L1NgramsConfig(InitializerConfig):
    """The n-grams that an L1-regularised logistic regression keeps, with true blanks behind them."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(LABELLED_NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from."""
    min_texts: int = 10
    """Only n-grams that stand in at least so many training texts are chosen."""
    n_candidates: int = 50_000
    """The regression chooses among so many n-grams, those of largest χ²."""
    standardise: bool = True
    """Regularise effects (weight times standard deviation of the presence) instead of weights, which rare n-grams need to
    be larger."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from choice_problems(self.ngram_lengths, self.min_texts)
        if self.n_candidates < 1:
            yield "n_candidates", "must be at least 1"

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerL1Ngrams:
        assert texts is not None, "the caller gives the training texts"
        return PatternsInitializerL1Ngrams(
            texts,
            alphabet,
            self.ngram_lengths,
            self.min_texts,
            self.n_candidates,
            standardise=self.standardise,
            generator=generator,
        )
