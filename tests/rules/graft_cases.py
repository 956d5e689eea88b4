"""Small texts, and a rule between their gradients and their edits, without a network."""

import numpy as np
import torch

from tokenlayer.layer.matching import PatternIndex
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Observation, RuleContext, TrainingProgress
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.text.corpus import TrainingTexts

C, L, K = 6, 30, 5


def context(texts: TrainingTexts, vocab_size: int, D: int = 1, seed: int = 0) -> RuleContext:
    return RuleContext(vocab_size, K, C, D, 1, texts, seed)


def uniform_texts(n: int = 200, seed: int = 0) -> TrainingTexts:
    random = np.random.default_rng(seed)
    return TrainingTexts(random.integers(0, C, (n, L)).astype(np.uint8), random.integers(0, 2, n), 2)


def vocabulary_of(*ngrams: tuple[int, ...]) -> Vocabulary:
    codes = torch.full((len(ngrams), K), -1)
    for n, ngram in enumerate(ngrams):
        codes[n, : len(ngram)] = torch.tensor(ngram)
    return Vocabulary(codes)


def observe(
    rule: LearningRule,
    vocabulary: Vocabulary,
    texts: TrainingTexts,
    rows: np.ndarray,
    gradient: torch.Tensor,
    progress: TrainingProgress,
    binary_features: bool = True,
) -> None:
    """A step on some rows of the texts, with a token gradient that is given."""
    codes = torch.from_numpy(texts.codes[rows]).long()
    matches = PatternIndex(vocabulary, C).match(codes)
    N, D = vocabulary.vocab_size, gradient.shape[-1]
    rule.observe(
        Observation(
            progress=progress,
            tokens=Tokenized(codes, vocabulary, matches),
            rows=torch.from_numpy(rows),
            gradient=gradient,
            binary_features=binary_features,
            embedding=torch.zeros(N, D),
            embedding_gradient=torch.zeros(N, D),
        )
    )
