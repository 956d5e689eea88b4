"""1. All patterns receive the same gradient: dP/σ has rank D."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from seed_findings.common import BLUE, GREEN, GREY, ORANGE, VERMILION, Experiment, Finding, panels
from tokenlayer.data.module import DataModule
from tokenlayer.data.types import Batch
from tokenlayer.models.classifier import TokenizationClassifier
from tokenlayer.tokenization.gradients import sigma
from tokenlayer.training.run import initializer

DIMENSIONS = {1: BLUE, 2: ORANGE, 4: GREEN, 8: VERMILION}
"""D of the models looked at, and the colour of each."""

_SMALL = {"texts": 8, "characters": 200, "neurons": 60}
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
        """Of dP/σ, relative to the largest."""
        return relative_singular_values(self.before_sigma)

    def difference(self) -> float:
        """For D = 1: by how much dP/(σ·E) differs between patterns, relative to its largest value."""
        shared = self.before_sigma / self.embedding[:, 0]
        mean = shared.mean(1, keepdim=True)
        return float((shared - mean).abs().max() / mean.abs().max())


def reproduce(experiment: Experiment) -> Finding:
    """Singular values of the layer's own gradient on a batch of reviews, and of one by dense convolution."""
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
        model = build(experiment, D, small.codes.shape[1], _SMALL["neurons"])
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


def build(experiment: Experiment, D: int, n_characters: int, n_neurons: int | None = None) -> TokenizationClassifier:
    """The seed's model with D numbers to a pattern, for texts of `n_characters`."""
    config = experiment.with_padding("noise")  # blanks would leave few weights inside (0, 1)
    model = replace(config.model, embedding_length=D, n_neurons=n_neurons or config.model.n_neurons)
    K = config.model.pattern_lens or config.initializer.default_pattern_lens()
    torch.manual_seed(config.seed)
    patterns = initializer(config, experiment.dataset)
    dataset = experiment.dataset
    return model.build(patterns, K, dataset.alphabet.size, n_characters, len(dataset.class_names))


def layer_gradient(model: TokenizationClassifier, batch: Batch, dtype: torch.dtype) -> PatternGradient:
    """The layer's own gradient, which it computes factorised."""
    model = model.to(dtype)
    model.zero_grad()
    model.loss(model(batch.codes), batch.labels).backward()
    P, dP = model.tokenization.patterns.detach(), model.tokenization.patterns.grad
    assert dP is not None
    scale = sigma(P)
    inside = (scale > 0).all(2)
    return PatternGradient(dP.clone(), dP[inside] / scale[inside], model.embedding.weight.detach().clone())


def dense_gradient(model: TokenizationClassifier, batch: Batch) -> PatternGradient:
    """The same by autograd through a plain convolution with the (C, K, N) patterns, none of which has blanks.

    Forward passes on the exact matches, backward sees the convolution; σ is not applied before it is asked for.
    """
    model = model.double()
    P = model.tokenization.patterns.detach().clone().requires_grad_()
    C, K, _ = P.shape
    text = (batch.codes.unsqueeze(1) == torch.arange(C)[:, None]).double()  # (B, C, L)
    with torch.no_grad():
        ones = torch.zeros_like(P).scatter_(0, P.argmax(0, keepdim=True), 1.0)
        matches = (torch.nn.functional.conv1d(text, ones.permute(2, 0, 1)) == K).double()
    convolved = torch.nn.functional.conv1d(text, P.permute(2, 0, 1))  # (B, N, T)
    passed_on = torch.nn.functional.pad(convolved + (matches - convolved).detach(), (0, K - 1))
    head = model.head.read(passed_on.transpose(1, 2) @ model.embedding.weight)
    model.loss(model.probabilities(head.logits), batch.labels).backward()
    assert P.grad is not None
    scale = sigma(P.detach())
    inside = (scale > 0).all(2)
    return PatternGradient(P.grad * scale, P.grad[inside], model.embedding.weight.detach().clone())


def relative_singular_values(matrix: Tensor) -> Tensor:
    """Singular values, largest first, relative to the largest."""
    values = torch.linalg.svdvals(matrix)
    return values / values[0]


def rank(matrix: Tensor) -> int:
    """The number of singular values above the rounding error of the matrix's type."""
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
