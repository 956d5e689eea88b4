"""The words whose presence tells most about the class of a training text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.selection.chi2 import best_first, chi_squared
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.words import WordsConfig

if TYPE_CHECKING:
    from tokenlayer.text.words import CountedWords


@dataclass
class Chi2WordsConfig(WordsConfig):
    """The words of largest χ² on the training labels."""

    def choose(self, counted: CountedWords, context: InitializerContext) -> npt.NDArray[np.int64]:
        n_texts = np.bincount(context.texts.labels, minlength=context.texts.n_classes)
        return best_first(chi_squared(counted.counts, n_texts))[: context.vocab_size]
