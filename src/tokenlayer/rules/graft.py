"""Settings of grafting, which `graft_rule` explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.rules.base import RuleContext
from tokenlayer.rules.schedule import PricingRuleConfig
from tokenlayer.selection.settings import SelectionSettings

if TYPE_CHECKING:
    from tokenlayer.rules.graft_rule import GraftRule


@dataclass
class GraftRuleConfig(SelectionSettings, PricingRuleConfig):
    """Grafting."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from super().problems()
        yield from self.selection_problems()

    def build(self, context: RuleContext) -> GraftRule:
        from tokenlayer.rules.graft_rule import GraftRule
        from tokenlayer.selection.ngram_selection import ngram_selection

        selection = ngram_selection(context.texts, context.n_characters, self.lengths(), context.max_token_length, self)
        return GraftRule(context, selection, self)
