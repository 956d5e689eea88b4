"""The original's rule: a convolution's gradient, scaled by σ, moves every weight of every pattern (`gradients`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.rules.base import LearningRuleConfig, RuleContext

if TYPE_CHECKING:
    from tokenlayer.layer.base import TokenLayer
    from tokenlayer.layer.matchers import Matcher
    from tokenlayer.layer.vocabulary import Vocabulary
    from tokenlayer.rules.learning_rule import NoOpRule


@dataclass
class OriginalRuleConfig(LearningRuleConfig):
    """The optimizer alone moves the patterns. It does not learn tokens: experiments/original_imdb shows why."""

    def build_layer(self, vocabulary: Vocabulary, n_characters: int, matcher: Matcher) -> TokenLayer:
        """The layer with real-valued patterns, all of them zero until it is given a vocabulary or a state."""
        import torch

        from tokenlayer.original.layer import TokenizationLayer

        return TokenizationLayer(
            vocabulary.vocab_size, torch.zeros, vocabulary.max_token_length, n_characters=n_characters
        )

    def build(self, context: RuleContext) -> NoOpRule:
        from tokenlayer.rules.learning_rule import NoOpRule

        return NoOpRule()
