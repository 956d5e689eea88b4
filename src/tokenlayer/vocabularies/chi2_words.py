"""The words whose presence tells most about the class of a training text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.selection.budget import Chooser, best_under
from tokenlayer.selection.chi2 import chi_squared
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.words import WordsConfig

if TYPE_CHECKING:
    from tokenlayer.text.words import CountedWords


@dataclass
class Chi2WordsConfig(WordsConfig):
    """The words of largest χ² on the training labels."""

    def chooser(self, counted: CountedWords, context: InitializerContext) -> Chooser:
        scores = chi_squared(counted.counts, np.bincount(context.texts.labels, minlength=context.texts.n_classes))
        return lambda surcharge: best_under(surcharge, scores)[: context.vocab_size]
