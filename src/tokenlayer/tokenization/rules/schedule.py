"""When a rule edits, and of what lengths its grams are: what the rules that replace patterns have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tokenlayer.tokenization.rules.base import Clock, LearningRuleConfig


@dataclass
class EditingRuleConfig(LearningRuleConfig):
    """Configuration of a rule that replaces patterns by grams every so often, until some point of the training."""

    gram_lens: list[int] | None = field(default_factory=lambda: list(range(3, 14)))
    """Lengths of the grams that may become tokens; null: chosen by the training texts."""
    every: float | None = 0.5
    """Epochs between two edits; null: chosen by their number."""
    stop: float = 0.6
    """Share of the training after which the vocabulary stays as it is."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.gram_lens is not None and min(self.gram_lens, default=0) < 1:
            yield "gram_lens", "must hold at least one length, each at least 1"
        if self.every is not None and self.every <= 0:
            yield "every", "must be above 0"
        if not 0 < self.stop <= 1:
            yield "stop", "must be a share above 0, at most 1"

    def least_pattern_lens(self) -> int:
        return max(self.gram_lens or [1])

    def lengths(self) -> list[int]:
        """`gram_lens`, ascending, once they are chosen."""
        assert self.gram_lens is not None, "chosen by the texts"
        return sorted(self.gram_lens)

    def is_due(self, clock: Clock) -> bool:
        """Whether an edit follows the step's update."""
        assert self.every is not None, "chosen by the number of epochs"
        every = max(1, round(self.every * clock.steps_per_epoch))
        return (clock.step + 1) % every == 0 and clock.progress <= self.stop
