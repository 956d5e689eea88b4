"""Means and standard deviations of the dense tensors that are never made.

For a layer's tensor X with the batch first, the seed logs mean(X) and the population standard deviation of the batch
mean of X ("Making the Training Loop"). Each function returns both, as scalar tensors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches

Moments = tuple[Tensor, Tensor]
"""(mean over everything, population std of the batch mean or of the parameter)."""


def layer_moments(x: Tensor) -> Moments:
    """Of any tensor (B, …)."""
    return parameter_moments(x.mean(0))


def parameter_moments(x: Tensor) -> Moments:
    """Mean and population standard deviation over all elements.

    In two passes: as exact as `torch.std_mean`, which takes six times as long on a CPU.
    """
    mean = x.mean()
    return mean, torch.linalg.vector_norm(x - mean) / math.sqrt(x.numel())


def match_moments(matches: Matches, dtype: torch.dtype) -> Moments:
    """Of the dense output (B, N, L), from its M ones."""
    B, N, L = matches.shape
    _, texts = torch.unique(matches.token_id * L + matches.position, return_counts=True)  # m[n, t] where it is not 0
    frequency = texts.to(torch.float64) / B
    mean = frequency.sum() / (N * L)
    variance = frequency.square().sum() / (N * L) - mean.square()
    return mean.to(dtype), variance.clamp(min=0).sqrt().to(dtype)


def match_gradient_moments(g: Tensor, embedding: Tensor) -> Moments:
    """Of U[b, n, t] = g[b, t] · E[n], the gradient of the dense output, from g (B, L, D) and E (N, D)."""
    g_mean = g.mean(0).double()  # ḡ (L, D)
    E = embedding.detach().double()
    count = g_mean.shape[0] * E.shape[0]
    mean = g_mean.sum(0) @ E.sum(0) / count
    variance = ((g_mean.T @ g_mean) * (E.T @ E)).sum() / count - mean.square()
    return mean.to(g.dtype), variance.clamp(min=0).sqrt().to(g.dtype)
