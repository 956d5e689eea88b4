"""Settings of the selection of n-grams, with a network (`graft`) or without (`initializer=selected`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class SelectionSettings:
    """What `NgramSelection` goes by."""

    candidates: int = 4
    """N-grams that a round looks at for each token; five times as many beyond 600 tokens."""
    penalty: float = 0.1
    """Ridge penalty of the selection, in units of each token's variance: what keeps it from fitting noise (more, if the
    texts are few or the tokens many)."""
    distillation_weight: float = 0.5
    """The share of the teacher's predictions in the selection's targets; the rest is labels. From 0 to 1."""
    min_texts: int = 30
    """An n-gram in fewer training texts is no candidate (fewer if the texts are few: one in a thousand, at least 3)."""
    max_ngrams: int = 100_000
    """N-grams in the index: it bounds memory."""
    max_characters: int = 100_000_000
    """Characters of the training texts that are indexed: it bounds time and memory."""
    tokens_per_text: float | None = None
    """Tokens that are found in a text, on average over the training texts, at most; null: as many as it takes. Those
    that `model.max_tokens` leaves out of a text do not count."""

    def selection_problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for name in ("candidates", "min_texts", "max_ngrams", "max_characters"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"
        if not 0 <= self.distillation_weight <= 1:
            yield "distillation_weight", "must be a share between 0 and 1"
        if self.penalty <= 0:
            yield "penalty", "must be above 0"
        yield from budget_problems(self.tokens_per_text)


def budget_problems(tokens_per_text: float | None) -> Iterator[tuple[str, str]]:
    """Problems of the field `tokens_per_text` of a configuration."""
    if tokens_per_text is not None and not 0 < tokens_per_text < math.inf:
        yield "tokens_per_text", "must be a number above 0, or null for no budget"
