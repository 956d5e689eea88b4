"""The most frequent words of the training texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.selection.budget import Chooser, best_under
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.words import WordsConfig

if TYPE_CHECKING:
    from tokenlayer.text.words import CountedWords


@dataclass
class FrequentWordsConfig(WordsConfig):
    """The words that stand in most training texts."""

    def chooser(self, counted: CountedWords, context: InitializerContext) -> Chooser:
        n_texts = counted.counts.sum(1)
        return lambda surcharge: best_under(surcharge, n_texts)[: context.vocab_size]
