"""1. All patterns receive the same gradient: dP/σ has rank D."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from experiments.original_imdb.findings.common import BLUE, GREEN, GREY, ORANGE, VERMILION, Experiment, Finding, panels
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tokenlayer.data.module import DataModule
from tokenlayer.data.types import Batch
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.gradients import sigma
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.training.build import checked_matcher, initializer_context

DIMENSIONS = {1: BLUE, 2: ORANGE, 4: GREEN, 8: VERMILION}
"""D of the models → colour."""

_SMALL = {"texts": 8, "characters": 200, "patterns": 60}
_SHOWN = 16
_FLOOR = 1e-18


@dataclass(frozen=True)
class PatternGradient:
    """The gradient that the N patterns receive from one batch."""

    with_sigma: Tensor
    """(C, K, N): dP."""
    before_sigma: Tensor
    """(R, N): dP/σ, a row for each of the C·K weights that no pattern has outside (0, 1)."""
    embedding: Tensor
    """(N, D)"""

    def singular_values(self) -> Tensor:
        """Singular values of dP/σ, relative to the largest."""
        return relative_singular_values(self.before_sigma)

    def difference(self) -> float:
        """For D = 1: the largest difference of dP/(σ·E) between patterns, relative to its largest value."""
        shared = self.before_sigma / self.embedding[:, 0]
        mean = shared.mean(1, keepdim=True)
        return float((shared - mean).abs().max() / mean.abs().max())


def reproduce(experiment: Experiment) -> Finding:
    """Measure the rank of the layer's gradient on a batch of reviews, and of the same by dense convolution."""
    batch = first_batch(experiment)
    n_characters, dtype = batch.codes.shape[1], torch.float64
    own = {D: layer_gradient(build(experiment, D, n_characters), batch, dtype) for D in DIMENSIONS}
    small = Batch(
        batch.codes[: _SMALL["texts"], : _SMALL["characters"]],
        batch.labels[: _SMALL["texts"]],
        batch.rows[: _SMALL["texts"]],
    )
    dense, gap = {}, 0.0
    for D in DIMENSIONS:
        model = build(experiment, D, small.codes.shape[1], _SMALL["patterns"])
        dense[D] = dense_gradient(model, small)
        fast = layer_gradient(model, small, dtype).with_sigma
        gap = max(gap, float((fast - dense[D].with_sigma).abs().max() / dense[D].with_sigma.abs().max()))
    single = layer_gradient(build(experiment, 1, n_characters), batch, torch.float32)
    numbers: dict[str, float] = {
        "largest relative difference of dP/(σ·E) between patterns, D = 1, float32": single.difference(),
        "largest relative difference of dP/(σ·E) between patterns, D = 1, float64": own[1].difference(),
        "the same by dense convolution, small model, float64": dense[1].difference(),
        "largest relative difference of dP between the layer and dense convolution, float64": gap,
        "rank of dP itself, D = 1": rank(own[1].with_sigma.flatten(0, 1)),
        "rows and columns of dP, the smaller": min(own[1].with_sigma.flatten(0, 1).shape),
    }
    for D in DIMENSIONS:
        numbers[f"rank of dP/σ, D = {D}"] = rank(own[D].before_sigma)
        numbers[f"rank of dP/σ by dense convolution, small model, D = {D}"] = rank(dense[D].before_sigma)
    return Finding(1, "gradient_rank", numbers, _figure(own, dense))


def first_batch(experiment: Experiment) -> Batch:
    """The first batch of the training."""
    config = experiment.config
    data = DataModule(experiment.dataset, config.dataset.batch_size, config.seed, reshuffle=config.dataset.reshuffle)
    return next(iter(data.train_dataloader()))


def build(experiment: Experiment, D: int, text_length: int, vocab_size: int | None = None) -> TokenizationClassifier:
    """The original's model with D numbers for each pattern, for texts of `text_length` characters."""
    config = experiment.with_padding("noise")  # with blanks few weights would be inside (0, 1)
    model = replace(config.model, embedding_dim=D, vocab_size=vocab_size or config.model.vocab_size)
    dataset, config = experiment.dataset, replace(config, model=model)
    matcher = checked_matcher(config, dataset.alphabet)
    blank = Vocabulary.blank(model.vocab_size, config.max_token_length())
    layer = config.initializer.fill(
        lambda: config.learning_rule.build_layer(blank, dataset.alphabet.size, matcher),
        initializer_context(config, dataset, matcher),
    )
    torch.manual_seed(config.seed)
    return model.build(layer, text_length, len(dataset.class_names))


def layer_gradient(model: TokenizationClassifier, batch: Batch, dtype: torch.dtype) -> PatternGradient:
    """The gradient that the layer computes, factorised."""
    model = model.to(dtype)
    model.zero_grad()
    model.loss(model(batch.codes), batch.labels).backward()
    layer = model.tokenization
    assert isinstance(layer, TokenizationLayer)
    P, dP = layer.patterns.detach(), layer.patterns.grad
    assert dP is not None
    scale = sigma(P)
    inside = (scale > 0).all(2)
    return PatternGradient(dP.clone(), dP[inside] / scale[inside], model.embedding.weight.detach().clone())


def dense_gradient(model: TokenizationClassifier, batch: Batch) -> PatternGradient:
    """The same by autograd through a plain convolution with the (C, K, N) patterns, none of which has blanks.

    The forward pass gives the exact matches, the backward pass is that of the convolution. σ is applied at the end.
    """
    model = model.double()
    layer, head = model.tokenization, model.head
    assert isinstance(layer, TokenizationLayer)
    assert isinstance(head, FlattenHead)
    P = layer.patterns.detach().clone().requires_grad_()
    C, K, _ = P.shape
    text = (batch.codes.unsqueeze(1) == torch.arange(C)[:, None]).double()  # (B, C, L)
    with torch.no_grad():
        ones = torch.zeros_like(P).scatter_(0, P.argmax(0, keepdim=True), 1.0)
        matches = (torch.nn.functional.conv1d(text, ones.permute(2, 0, 1)) == K).double()
    convolved = torch.nn.functional.conv1d(text, P.permute(2, 0, 1))  # (B, N, T)
    passed_on = torch.nn.functional.pad(convolved + (matches - convolved).detach(), (0, K - 1))
    read = head.read(passed_on.transpose(1, 2) @ model.embedding.weight)
    output = ModelOutput(read.logits, read.embedded, read.hidden, layer(batch.codes))
    model.loss(output, batch.labels).backward()
    assert P.grad is not None
    scale = sigma(P.detach())
    inside = (scale > 0).all(2)
    return PatternGradient(P.grad * scale, P.grad[inside], model.embedding.weight.detach().clone())


def relative_singular_values(matrix: Tensor) -> Tensor:
    """Singular values, largest first, relative to the largest."""
    values = torch.linalg.svdvals(matrix)
    return values / values[0]


def rank(matrix: Tensor) -> int:
    """Number of singular values above the rounding error of the matrix's type."""
    return int((relative_singular_values(matrix) > max(matrix.shape) * torch.finfo(matrix.dtype).eps).sum())


def _figure(own: dict[int, PatternGradient], dense: dict[int, PatternGradient]) -> Figure:
    figure, (left, right) = panels("1. Every pattern gets the same gradient: before σ it has rank D", 1, 1)
    scaled = relative_singular_values(own[1].with_sigma.flatten(0, 1))[:_SHOWN]
    _, _, N = own[1].with_sigma.shape
    left.plot(
        range(1, len(scaled) + 1),
        scaled,
        ".--",
        color=GREY,
        label=f"D = 1, σ left in: rank {rank(own[1].with_sigma.flatten(0, 1))}",
    )
    _spectra(left, own)
    left.set_title(f"The layer on a batch of reviews, {N} patterns", fontsize=10, loc="left")
    _spectra(right, dense)
    small = dense[1].with_sigma.shape[2]
    right.set_title(f"Cross-check: dense convolution, {small} patterns", fontsize=10, loc="left")
    left.set_ylabel("singular value of dP/σ, largest = 1")
    return figure


def _spectra(axes: Axes, gradients: dict[int, PatternGradient]) -> None:
    for D, color in DIMENSIONS.items():
        values = gradients[D].singular_values()[:_SHOWN].clamp(min=_FLOOR)
        found = rank(gradients[D].before_sigma)
        axes.semilogy(
            range(1, len(values) + 1), values, "o-", color=color, markersize=4.5, label=f"D = {D}: rank {found}"
        )
    axes.set(xlabel="number of the singular value", ylim=(_FLOOR / 3, 10))
    axes.legend(frameon=False, fontsize=9, loc="center right")
