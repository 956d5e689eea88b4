"""How many patterns a batch can tell apart: by the original's gradient, and by the token gradient of grams."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tokenlayer.config.schema import TrainConfig
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import PreparedDataset
from tokenlayer.models.classifier import TokenizationClassifier
from tokenlayer.tokenization.gradients import sigma
from tokenlayer.tokenization.initializers.max_cover import MaxCoverConfig
from tokenlayer.tokenization.layer import Initializer, TokenizationLayer, VocabularyLayer
from tokenlayer.training.run import build_model, initializer

DIMENSIONS = (1, 8)
"""D of the models whose pattern gradient is looked at."""
TEXTS = 1000
"""Training texts of the batch."""


@dataclass(frozen=True)
class Spectra:
    """Singular values, largest first, relative to the largest."""

    patterns: dict[int, Tensor]
    """Of the N patterns' gradient before σ, by D."""
    grams: Tensor
    """Of the token gradients of N random grams that are no tokens, text by text."""


def spectra(config: TrainConfig) -> Spectra:
    """Both on the first training texts, from the initial weights of a run of the seed's rule.

    Args:
        config: of the run; its initializer draws grams.

    """
    dataset = prepare(config.dataset)
    patterns = {D: relative(pattern_gradient(config, dataset, D)) for D in DIMENSIONS}
    others = initializer(replace(config, seed=config.seed + 1), dataset)
    return Spectra(patterns, relative(gram_gradients(config, dataset, others)))


def pattern_gradient(config: TrainConfig, dataset: PreparedDataset, D: int) -> Tensor:
    """(R, N) dP/σ, a row for each of the C·K weights that no pattern has outside (0, 1)."""
    assert isinstance(config.initializer, MaxCoverConfig)
    noisy = replace(config.initializer, padding="noise")  # behind blanks hardly a weight is inside (0, 1)
    model = _model(replace(config, initializer=noisy, model=replace(config.model, embedding_length=D)), dataset)
    model.loss(model(_codes(dataset)), _labels(dataset)).backward()  # type: ignore[no-untyped-call]
    assert isinstance(model.tokenization, TokenizationLayer)
    patterns = model.tokenization.patterns
    assert patterns.grad is not None
    scale = sigma(patterns.detach())
    inside = (scale > 0).all(2)
    return patterns.grad[inside] / scale[inside]


def gram_gradients(config: TrainConfig, dataset: PreparedDataset, grams: Initializer) -> Tensor:
    """(TEXTS, N) what each text says of each of N grams: the gradient that its vector has, or would have, there."""
    model = _model(replace(config, model=replace(config.model, embedding_length=1)), dataset)
    codes = _codes(dataset)
    intermediates = model(codes, return_intermediates=True)
    (g,) = torch.autograd.grad(model.loss(intermediates.out, _labels(dataset)), intermediates.embedded)
    layer = VocabularyLayer(config.model.n_neurons, grams, config.pattern_lens(), dataset.alphabet.size)
    found = layer(codes).matches.distinct()
    holds = torch.zeros(TEXTS, config.model.n_neurons, dtype=torch.float64)
    holds[found.text, found.neuron] = 1
    return holds * g  # the head takes each token once a text, so that g (TEXTS, 1) is the same at every place


def rank(values: Tensor, largest_side: int) -> int:
    """Relative singular values above the rounding error of float64."""
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
