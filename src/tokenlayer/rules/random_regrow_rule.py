"""The control: the places of weak patterns go to n-grams that are drawn at random from the texts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import TrainingProgress
from tokenlayer.rules.regrow import Proposals, RegrowingRule, padded

_TRIES = 1000


class RandomRegrowRule(RegrowingRule):
    """A place in a random training text is an n-gram drawn by its count, as `max_cover` draws them."""

    def proposals(self, wanted: int, progress: TrainingProgress, vocabulary: Vocabulary, leaving: Tensor) -> Proposals:
        codes = self.context.texts.codes
        random = np.random.default_rng([self.context.seed, progress.step])
        present = {tuple(pattern) for pattern in vocabulary.codes.tolist()}
        found: list[Tensor] = []
        for _ in range(wanted * _TRIES):
            if len(found) == wanted:
                break
            length = int(random.choice(self.config.lengths()))
            at = int(random.integers(codes.shape[1] - self.context.max_token_length + 1))
            ngram = np.asarray(codes[random.integers(len(codes)), at : at + length]).astype(np.int64)
            pattern = padded(torch.from_numpy(ngram), self.context.max_token_length)
            if ngram.max() < self.context.n_characters and tuple(pattern.tolist()) not in present:
                present.add(tuple(pattern.tolist()))
                found.append(pattern)
        chosen = torch.stack(found) if found else vocabulary.codes[:0]
        return Proposals(chosen, torch.full((len(chosen),), torch.nan))
