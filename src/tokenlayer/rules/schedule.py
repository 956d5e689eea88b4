"""The schedule of edits and the lengths of n-grams: what the rules that replace tokens have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Choice, Plan
from tokenlayer.rules.base import LearningRuleConfig, RuleContext, TrainingProgress

_ROUNDS = 8  # of edits, if they went on to the end


@dataclass
class EditingRuleConfig(LearningRuleConfig):
    """Configuration of a rule that replaces patterns by n-grams every so often, until some point of the training."""

    open_fields: ClassVar[tuple[str, ...]] = ("ngram_lengths", "edit_interval")

    ngram_lengths: list[int] | None = None
    """Lengths of the n-grams that may become tokens; null: chosen by the training texts."""
    edit_interval: float | None = None
    """Epochs between two edits; null: chosen by their number."""
    edit_until: float = 0.6
    """Share of the training after which the vocabulary stays as it is."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.ngram_lengths is not None and min(self.ngram_lengths, default=0) < 1:
            yield "ngram_lengths", "must hold at least one length, each at least 1"
        if self.edit_interval is not None and self.edit_interval <= 0:
            yield "edit_interval", "must be above 0"
        if not 0 < self.edit_until <= 1:
            yield "edit_until", "must be a share above 0, at most 1"

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:
        """Lengths that tell something in the script of the texts; of many epochs, more between two edits."""
        yield Choice("ngram_lengths", texts.telling_lengths(plan.longest_token), texts.said_of_characters())
        yield Choice("edit_interval", max(0.5, plan.epochs / _ROUNDS), f"{plan.epochs} epochs")

    def min_token_length(self) -> int:
        return max(self.ngram_lengths or [1])

    def lengths(self) -> list[int]:
        """`ngram_lengths`, ascending, once they are chosen."""
        assert self.ngram_lengths is not None, "settled"
        return sorted(self.ngram_lengths)

    def steps_between_edits(self, steps_per_epoch: int) -> int:
        """`edit_interval` in steps, once it is chosen."""
        assert self.edit_interval is not None, "settled"
        return max(1, round(self.edit_interval * steps_per_epoch))

    def is_due(self, progress: TrainingProgress) -> bool:
        """True if an edit follows the step's update."""
        interval = self.steps_between_edits(progress.steps_per_epoch)
        return (progress.step + 1) % interval == 0 and progress.share <= self.edit_until


@dataclass
class PricingRuleConfig(EditingRuleConfig):
    """Configuration of a rule that prices n-grams by a gradient."""

    token_gradient: Literal["model", "linear"] = "model"
    """Whose: the model's own, as its head supplies it, or that of a linear path beside the model, which would add a
    token's presence to the logits. No such path is trained: it is looked at where it is zero."""

    def gradient_length(self, context: RuleContext) -> int:
        """Length of a text's token gradient, at each place."""
        return context.n_outputs if self.token_gradient == "linear" else context.embedding_dim


@dataclass
class RegrowingRuleConfig(EditingRuleConfig):
    """Schedule of a rule that prunes and regrows."""

    edit_interval: float = 0.25
    """Epochs between two edits."""
    edit_until: float = 0.75
    """Share of the training after which the vocabulary stays as it is."""
    fraction: float = 0.5
    """Share of the tokens that the first edit replaces; it decays to zero at `edit_until` along half a cosine."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        yield from super().problems()
        if not 0 < self.fraction <= 1:
            yield "fraction", "must be a share above 0, at most 1"
