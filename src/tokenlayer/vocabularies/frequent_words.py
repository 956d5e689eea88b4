"""The most frequent words of the training texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.selection.chi2 import best_first
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.words import WordsConfig

if TYPE_CHECKING:
    from tokenlayer.text.words import CountedWords


@dataclass
class FrequentWordsConfig(WordsConfig):
    """The words that stand in most training texts."""

    def choose(self, counted: CountedWords, context: InitializerContext) -> npt.NDArray[np.int64]:
        return best_first(counted.counts.sum(1))[: context.vocab_size]
