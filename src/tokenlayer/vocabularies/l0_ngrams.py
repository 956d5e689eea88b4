"""The n-grams which a logistic regression on the training texts keeps that pays for each of them (L0)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.selection.budget import chosen_within
from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.labelled_ngrams import LABELLED_NGRAM_LENGTHS, REMEDY, choice_problems, most_telling
from tokenlayer.vocabularies.ngrams import vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Vocabulary


@dataclass
class L0NgramsConfig(InitializerConfig):
    """The n-grams that an L0-regularised logistic regression keeps (best subset selection), with blanks behind them."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(LABELLED_NGRAM_LENGTHS))
    """Lengths of the n-grams to choose from."""
    min_texts: int = 10
    """Only n-grams that stand in at least so many training texts are chosen."""
    n_candidates: int = 50_000
    """The regression chooses among so many n-grams, those of largest χ²."""
    tokens_per_text: float | None = None
    """Tokens that are found in a text, on average over the training texts, at most; null: as many as it takes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from choice_problems(self.ngram_lengths, self.min_texts, self.tokens_per_text)
        if self.n_candidates < 1:
            yield "n_candidates", "must be at least 1"

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def build(self, context: InitializerContext) -> Vocabulary:
        """The N n-grams that together, weighted, tell the class best; the one of the largest effect first."""
        from tokenlayer.selection.l0_choice import l0_choice
        from tokenlayer.text.ngrams.presence import ngram_presence

        texts, N = context.texts, context.vocab_size
        candidates, _ = most_telling(context, self.ngram_lengths, self.min_texts, self.n_candidates)
        presence = ngram_presence(texts.codes, candidates, context.alphabet.none_code, context.max_token_length)

        def choose(surcharge: npt.NDArray[np.float64] | None) -> npt.NDArray[np.int64]:
            return l0_choice(presence, texts.labels, texts.n_classes, N, surcharge=surcharge)

        chosen = chosen_within(choose, lambda: presence.reads, self.tokens_per_text)
        return vocabulary_of([candidates[i] for i in chosen], context, f"raise initializer.n_candidates, {REMEDY}")
