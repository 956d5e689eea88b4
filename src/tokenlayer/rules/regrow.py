"""What rules share that prune and regrow: now and then the weakest patterns give their places to others.

As RigL does for weights (Evci et al. 2020): every so often a share of the patterns is replaced, which decays along half
a cosine and is zero from some point of the training on. New tokens begin with zero vectors.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Edit, Observation, RuleContext, TrainingProgress
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.rules.schedule import RegrowingRuleConfig
from tokenlayer.text.alphabet import BLANK

_ALWAYS_ON = 0.5  # share of the positions


@dataclass(frozen=True)
class Proposals:
    """N-grams for free places, the best first."""

    codes: Tensor
    """(R, K), blanks included."""
    scores: Tensor
    """(R,), NaN where an n-gram was drawn blindly."""


class RegrowingRule(LearningRule):
    """Replaces dead, always-on and weak patterns by `newcomers`.

    How weak a pattern is: the standard deviation of what it adds to the logits, ‖E‖ · √(f (1 - f)), where f is the
    share of the texts since the last edit that hold it.

    Args:
        context: N, K, D.
        config: schedule and lengths of n-grams.

    """

    texts: Tensor
    positions: Tensor
    n_texts: Tensor

    def __init__(self, context: RuleContext, config: RegrowingRuleConfig) -> None:
        super().__init__()
        self.context = context
        self.config = config
        N = context.vocab_size
        self.register_buffer("texts", torch.zeros(N, dtype=torch.int64))
        self.register_buffer("positions", torch.zeros(N, dtype=torch.int64))
        self.register_buffer("n_texts", torch.zeros((), dtype=torch.int64))

    def observe(self, observation: Observation) -> None:
        matches = observation.tokens.matches
        self.positions += matches.counts()
        self.texts += matches.distinct().counts()
        self.n_texts += matches.shape[0]

    def edit(
        self, progress: TrainingProgress, vocabulary: Vocabulary, embedding: Tensor, readout: Tensor | None
    ) -> Edit | None:
        if not self.config.is_due(progress):
            return None
        leaving, reasons = self._leaving(progress, embedding)
        new = self.proposals(len(leaving), progress, vocabulary, leaving)
        leaving, reasons = leaving[: len(new.codes)], reasons[: len(new.codes)]
        for count in (self.texts, self.positions, self.n_texts):
            count.zero_()
        if not len(leaving):
            return None
        vectors = embedding.new_zeros(len(leaving), embedding.shape[1])
        return Edit(leaving, new.codes, vectors, new.scores, reasons)

    @abstractmethod
    def proposals(self, wanted: int, progress: TrainingProgress, vocabulary: Vocabulary, leaving: Tensor) -> Proposals:
        """Up to `wanted` n-grams; the patterns in the places `leaving` are about to go."""

    def _leaving(self, progress: TrainingProgress, embedding: Tensor) -> tuple[Tensor, list[str]]:
        """Places of the patterns that have to go, the most useless first, and why."""
        share = self.texts / self.n_texts.clamp(min=1)
        strength = embedding.norm(dim=1) * (share * (1 - share)).sqrt()
        length = max(1, int(self.n_texts)) * self.context.texts.codes.shape[1]
        dead, always_on = self.texts == 0, self.positions > _ALWAYS_ON * length
        strength = strength.masked_fill(dead | always_on, -1)
        quota = round(self._fraction(progress) * len(strength))
        n_leaving = max(quota, int((dead | always_on).sum()))
        places = strength.argsort(stable=True)[:n_leaving]
        words = ["dead" if dead[n] else "always_on" if always_on[n] else "weak" for n in places.tolist()]
        return places, words

    def _fraction(self, progress: TrainingProgress) -> float:
        return self.config.fraction / 2 * (1 + math.cos(math.pi * progress.share / self.config.edit_until))


def padded(ngram: Tensor, max_token_length: int) -> Tensor:
    """(K,): the codes of an n-gram, blanks behind them."""
    return torch.nn.functional.pad(ngram.long(), (0, max_token_length - len(ngram)), value=BLANK)
