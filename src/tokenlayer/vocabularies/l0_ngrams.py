"""The n-grams which a logistic regression on the training texts keeps that pays for each of them (L0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.vocabularies.labelled_ngrams import ChosenTogetherConfig

if TYPE_CHECKING:
    from tokenlayer.selection.linear import Floats, Ints
    from tokenlayer.text.corpus import TrainingTexts
    from tokenlayer.text.ngrams.presence import Presence


@dataclass
class L0NgramsConfig(ChosenTogetherConfig):
    """The n-grams that an L0-regularised logistic regression keeps (best subset selection), with blanks behind them."""

    def choose(self, presence: Presence, texts: TrainingTexts, n_chosen: int, surcharge: Floats | None) -> Ints:
        from tokenlayer.selection.l0_choice import l0_choice

        return l0_choice(presence, texts.labels, texts.n_classes, n_chosen, surcharge=surcharge)
