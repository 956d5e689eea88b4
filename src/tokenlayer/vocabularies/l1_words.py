"""The words which an L1-regularised logistic regression on the training texts keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.selection.budget import Chooser
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.words import WordsConfig

if TYPE_CHECKING:
    from tokenlayer.text.words import CountedWords


@dataclass
class L1WordsConfig(WordsConfig):
    """The words that an L1-regularised logistic regression keeps."""

    standardise: bool = True
    """Regularise effects (weight times standard deviation of the presence) instead of weights, which rare words need to
    be larger."""

    def chooser(self, counted: CountedWords, context: InitializerContext) -> Chooser:
        from tokenlayer.selection.l1_path import l1_choice
        from tokenlayer.text.words import word_presence

        texts = context.texts
        presence = word_presence(texts.codes, counted.words, context.alphabet)
        return lambda surcharge: l1_choice(
            presence,
            texts.labels,
            texts.n_classes,
            context.vocab_size,
            standardise=self.standardise,
            surcharge=surcharge,
        )
