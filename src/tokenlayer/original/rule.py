"""The original's rule: a convolution's gradient, scaled by σ, moves every weight of every pattern (`gradients`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tokenlayer.rules.base import LearningRuleConfig, NoOpRule, RuleContext


@dataclass
class OriginalRuleConfig(LearningRuleConfig):
    """The optimizer alone moves the patterns. It does not learn tokens: experiments/seed_imdb shows why."""

    trains_characters: ClassVar[bool] = True

    def build(self, context: RuleContext) -> NoOpRule:
        return NoOpRule()
