"""Settings of growing, which `grow_rule` explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.rules.base import RuleContext
from tokenlayer.rules.schedule import PricingRuleConfig, RegrowingRuleConfig

if TYPE_CHECKING:
    from tokenlayer.rules.grow_rule import GrowRule


@dataclass
class GrowRuleConfig(RegrowingRuleConfig, PricingRuleConfig):
    """Growth by the token gradient."""

    memory_mb: int = 32
    """MiB of the table of scores."""
    windows_per_step: int = 131_072
    """N-grams scored in a step, of its first texts: it bounds time."""
    kept_texts: int = 2048
    """The latest texts, on which a choice is evaluated exactly."""
    n_parts: int = 1
    """Parts of a text in which an n-gram is scored apart. With 1, the place of a token counts for nothing in its
    choice; with a few it may be chosen for what its place tells, at so many times the memory for a score."""
    shuffle: bool = False
    """The control: scores are exchanged among the n-grams at random, all else being the same."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from super().problems()
        for name in ("memory_mb", "windows_per_step", "kept_texts", "n_parts"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"
        if self.min_token_length() > 255:
            yield "ngram_lengths", "must be below 256"

    def build(self, context: RuleContext) -> GrowRule:
        from tokenlayer.rules.grow_rule import GrowRule

        return GrowRule(context, self)
