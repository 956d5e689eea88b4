"""The control: the places of weak patterns go to grams that are drawn at random from the texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tokenlayer.tokenization.rules.base import Clock, RuleContext
from tokenlayer.tokenization.rules.regrow import Newcomers, RegrowingRule, RegrowingRuleConfig, padded
from tokenlayer.tokenization.vocabulary import Vocabulary

_TRIES = 1000


class RandomRegrowRule(RegrowingRule):
    """A place in a random training text is a gram drawn by its count, as `max_cover` draws them."""

    def newcomers(self, wanted: int, clock: Clock, vocabulary: Vocabulary, leaving: Tensor) -> Newcomers:
        codes = self.context.texts.codes
        random = np.random.default_rng([self.context.seed, clock.step])
        present = {tuple(pattern) for pattern in vocabulary.codes.tolist()}
        found: list[Tensor] = []
        for _ in range(wanted * _TRIES):
            if len(found) == wanted:
                break
            length = int(random.choice(self.config.lengths()))
            at = int(random.integers(codes.shape[1] - self.context.pattern_lens + 1))
            gram = np.asarray(codes[random.integers(len(codes)), at : at + length]).astype(np.int64)
            pattern = padded(torch.from_numpy(gram), self.context.pattern_lens)
            if gram.max() < self.context.n_characters and tuple(pattern.tolist()) not in present:
                present.add(tuple(pattern.tolist()))
                found.append(pattern)
        chosen = torch.stack(found) if found else vocabulary.codes[:0]
        return Newcomers(chosen, torch.full((len(chosen),), torch.nan))


@dataclass
class RandomRegrowRuleConfig(RegrowingRuleConfig):
    """Random regrowth."""

    def build(self, context: RuleContext) -> RandomRegrowRule:
        return RandomRegrowRule(context, self)
