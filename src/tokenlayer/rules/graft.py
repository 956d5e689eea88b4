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

    def problems_of_length(self, n_steps: int, steps_per_epoch: int) -> Iterator[tuple[str, str]]:
        """A budget that no edit sees to."""
        first, last = self.steps_between_edits(steps_per_epoch), int(self.edit_until * n_steps)
        if self.tokens_per_text is not None and first > last:
            yield (
                "tokens_per_text",
                f"{self.tokens_per_text:g} is kept by edits, of which none falls into {n_steps} steps: the first "
                f"would come after {first} (edit_interval), the last after {last} (edit_until) at most; train "
                "longer, or lower learning_rule.edit_interval",
            )

    def build(self, context: RuleContext) -> GraftRule:
        from tokenlayer.rules.graft_rule import GraftRule
        from tokenlayer.selection.ngram_selection import ngram_selection

        K, lengths = context.max_token_length, self.lengths()
        selection = ngram_selection(context.texts, context.n_characters, lengths, K, self, context.most_read)
        return GraftRule(context, selection, self)
