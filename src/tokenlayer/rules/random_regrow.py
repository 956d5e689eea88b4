"""Settings of the control: the places of weak patterns go to n-grams that are drawn at random from the texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.rules.base import RuleContext
from tokenlayer.rules.schedule import RegrowingRuleConfig

if TYPE_CHECKING:
    from tokenlayer.rules.random_regrow_rule import RandomRegrowRule


@dataclass
class RandomRegrowRuleConfig(RegrowingRuleConfig):
    """Random regrowth."""

    def build(self, context: RuleContext) -> RandomRegrowRule:
        from tokenlayer.rules.random_regrow_rule import RandomRegrowRule

        return RandomRegrowRule(context, self)
