"""Small texts, and a rule between their gradients and their edits, without a network."""

import numpy as np
import torch

from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.tokenization.layer import Tokenized
from tokenlayer.tokenization.matching import PatternIndex
from tokenlayer.tokenization.rules.base import Clock, LearningRule, Observation, RuleContext
from tokenlayer.tokenization.vocabulary import Vocabulary

C, L, K = 6, 30, 5


def context(texts: TrainingTexts, n_neurons: int, D: int = 1, seed: int = 0) -> RuleContext:
    return RuleContext(n_neurons, K, C, D, texts, seed)


def uniform_texts(n: int = 200, seed: int = 0) -> TrainingTexts:
    random = np.random.default_rng(seed)
    return TrainingTexts(random.integers(0, C, (n, L)).astype(np.uint8), random.integers(0, 2, n), 2)


def vocabulary_of(*grams: tuple[int, ...]) -> Vocabulary:
    codes = torch.full((len(grams), K), -1)
    for n, gram in enumerate(grams):
        codes[n, : len(gram)] = torch.tensor(gram)
    return Vocabulary(codes, torch.zeros(len(grams), dtype=torch.bool))


def observe(
    rule: LearningRule,
    vocabulary: Vocabulary,
    texts: TrainingTexts,
    rows: np.ndarray,
    gradient: torch.Tensor,
    clock: Clock,
    counts_once: bool = True,
) -> None:
    """A step on some rows of the texts, with a token gradient that is given."""
    codes = torch.from_numpy(texts.codes[rows]).long()
    matches = PatternIndex(vocabulary, C).match(codes)
    N, D = vocabulary.n_neurons, gradient.shape[-1]
    rule.observe(
        Observation(
            clock=clock,
            tokens=Tokenized(codes, None, vocabulary, matches),
            rows=torch.from_numpy(rows),
            gradient=gradient,
            counts_once=counts_once,
            embedding=torch.zeros(N, D),
            embedding_gradient=torch.zeros(N, D),
        )
    )
