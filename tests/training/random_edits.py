"""The smallest rule that edits: now and then it puts random n-grams in random places."""

from dataclasses import dataclass

import torch

from tokenlayer.rules.base import Edit, LearningRuleConfig, RuleContext
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.text.alphabet import BLANK


class RandomEdits(LearningRule):
    def __init__(self, context: RuleContext, every: int, replaced: int) -> None:
        super().__init__()
        self.context = context
        self.every = every
        self.replaced = replaced
        self.register_buffer("n_edits", torch.zeros((), dtype=torch.int64))

    def observe(self, observation):
        pass

    def edit(self, progress, vocabulary, embedding, readout=None):
        if (progress.step + 1) % self.every:
            return None
        generator = torch.Generator().manual_seed(self.context.seed * 1000 + progress.step)
        R, K = self.replaced, self.context.max_token_length
        codes = torch.randint(0, self.context.n_characters, (R, K), generator=generator)
        codes[:, 2:] = BLANK
        self.n_edits += 1
        return Edit(
            token_ids=torch.randperm(self.context.vocab_size, generator=generator)[:R],
            codes=codes,
            embedding=torch.randn(R, self.context.embedding_dim, generator=generator),
            scores=torch.rand(R, generator=generator),
            reasons=["weak" if i % 2 else "dead" for i in range(R)],
        )

    def figures(self):
        return {"edits": float(self.n_edits)}


@dataclass
class RandomEditsConfig(LearningRuleConfig):
    """Random edits."""

    every: int = 4
    """Steps between two edits."""
    replaced: int = 5
    """Tokens replaced in each."""

    def build(self, context: RuleContext) -> RandomEdits:
        return RandomEdits(context, self.every, self.replaced)
