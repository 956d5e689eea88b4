"""The n-grams which an L1-regularised logistic regression on the training texts keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.vocabularies.labelled_ngrams import ChosenTogetherConfig

if TYPE_CHECKING:
    from tokenlayer.selection.linear import Floats, Ints
    from tokenlayer.text.corpus import TrainingTexts
    from tokenlayer.text.ngrams.presence import Presence


@dataclass
class L1NgramsConfig(ChosenTogetherConfig):
    """The n-grams that an L1-regularised logistic regression keeps, with blanks behind them."""

    standardise: bool = True
    """Regularise effects (weight times standard deviation of the presence) instead of weights, which rare n-grams need
    to be larger."""

    def choose(self, presence: Presence, texts: TrainingTexts, n_chosen: int, surcharge: Floats | None) -> Ints:
        from tokenlayer.selection.l1_path import l1_choice

        return l1_choice(
            presence, texts.labels, texts.n_classes, n_chosen, standardise=self.standardise, surcharge=surcharge
        )
