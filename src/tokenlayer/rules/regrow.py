"""The schedule of rules that prune and regrow, which `regrow_rule` explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenlayer.rules.schedule import EditingRuleConfig


@dataclass
class RegrowingRuleConfig(EditingRuleConfig):
    """Schedule of a rule that prunes and regrows."""

    edit_interval: float = 0.25
    """Epochs between two edits."""
    edit_until: float = 0.75
    """Share of the training after which the vocabulary stays as it is."""
    fraction: float = 0.5
    """Share of the patterns that the first edit replaces; the share decays to zero at `edit_until` along half a cosine."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from super().problems()
        if not 0 < self.fraction <= 1:
            yield "fraction", "must be a share above 0, at most 1"
