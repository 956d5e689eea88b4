"""The number of patterns that a batch can tell apart: by the original's gradient, and by token gradients of n-grams."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import PreparedDataset
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.gradients import sigma
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.max_cover import MaxCoverConfig
from tokenlayer.training.build import build_model, checked_matcher, initializer_context
from tokenlayer.training.config import TrainConfig
from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig

DIMENSIONS = (1, 8)
"""D of the models whose pattern gradient is computed."""
TEXTS = 1000
"""Training texts in the batch."""


@dataclass(frozen=True)
class Spectra:
    """Singular values, largest first, relative to the largest."""

    patterns: dict[int, Tensor]
    """D → singular values of the gradient of N patterns before σ."""
    ngrams: Tensor
    """Singular values of the token gradients, text by text, of N random n-grams that are no tokens."""


def spectra(config: TrainConfig) -> Spectra:
    """Both on the first training texts, from the initial weights of a run of the original's rule.

    Args:
        config: the run's configuration, with random n-grams as initializer.

    """
    dataset = prepare(config.dataset)
    patterns = {D: relative(pattern_gradient(config, dataset, D)) for D in DIMENSIONS}
    others = replace(config, seed=config.seed + 1)
    context = initializer_context(others, dataset, checked_matcher(others, dataset.alphabet))
    return Spectra(patterns, relative(ngram_gradients(config, dataset, config.initializer.build(context))))


def pattern_gradient(config: TrainConfig, dataset: PreparedDataset, D: int) -> Tensor:
    """(R, N) dP/σ, a row for each of the C·K weights that lie inside (0, 1) in all patterns."""
    ngrams = config.initializer
    assert isinstance(ngrams, RandomNgramsConfig)
    assert ngrams.ngram_lengths is not None, "a run has chosen them"
    # Noise behind the n-grams, as in the original: of a blank no weight lies inside (0, 1).
    noisy = MaxCoverConfig(ngrams.ngram_lengths, ngrams.filter_over, padding="noise", corpus=ngrams.corpus)
    model = _model(replace(config, initializer=noisy, model=replace(config.model, embedding_dim=D)), dataset)
    output: ModelOutput = model(_codes(dataset))
    model.loss(output, _labels(dataset)).backward()  # type: ignore[no-untyped-call]  # torch's
    assert isinstance(model.tokenization, TokenizationLayer)
    patterns = model.tokenization.patterns
    assert patterns.grad is not None
    scale = sigma(patterns.detach())
    inside = (scale > 0).all(2)
    return patterns.grad[inside] / scale[inside]


def ngram_gradients(config: TrainConfig, dataset: PreparedDataset, ngrams: Vocabulary) -> Tensor:
    """(TEXTS, N) the gradient that each of N n-grams has in each text: that of its embedding, if it were a token."""
    model = _model(replace(config, model=replace(config.model, embedding_dim=1)), dataset)
    codes = _codes(dataset)
    output: ModelOutput = model(codes)
    (g,) = torch.autograd.grad(model.loss(output, _labels(dataset)), output.embedded)
    found = VocabularyLayer(ngrams, dataset.alphabet.size)(codes).matches.distinct()
    holds = torch.zeros(TEXTS, ngrams.vocab_size, dtype=torch.float64)
    holds[found.text, found.token_id] = 1
    return holds * g  # the head counts a token once in a text, so that g (TEXTS, 1) is the same at every place


def rank(values: Tensor, largest_side: int) -> int:
    """Number of relative singular values above the rounding error of float64."""
    return int((values > largest_side * torch.finfo(torch.float64).eps).sum())


def relative(matrix: Tensor) -> Tensor:
    """Singular values relative to the largest."""
    values = torch.linalg.svdvals(matrix)
    return values / values[0]


def _model(config: TrainConfig, dataset: PreparedDataset) -> TokenizationClassifier:
    torch.manual_seed(config.seed)
    return build_model(config, dataset).double()


def _codes(dataset: PreparedDataset) -> Tensor:
    return torch.from_numpy(dataset.splits["train"].codes[:TEXTS].copy())


def _labels(dataset: PreparedDataset) -> Tensor:
    return torch.from_numpy(dataset.splits["train"].labels[:TEXTS])
