"""No rule: the patterns stay what the initializer made them, and only embedding and head are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokenlayer.rules.base import LearningRuleConfig, RuleContext

if TYPE_CHECKING:
    from tokenlayer.rules.learning_rule import NoOpRule


@dataclass
class FrozenRuleConfig(LearningRuleConfig):
    """A fixed vocabulary: what every learned one has to beat."""

    keeps_vocabulary: ClassVar[bool] = True

    def build(self, context: RuleContext) -> NoOpRule:
        from tokenlayer.rules.learning_rule import NoOpRule

        return NoOpRule()
