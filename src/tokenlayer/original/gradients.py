"""The original's gradients, factorised: exact, yet without a (B, N, L) tensor.

The original's backward pass is that of a plain convolution with the real-valued patterns, times σ(patterns). Behind an
embedding E (N, D), the gradient that arrives at match (b, n, t) is U = g[b, t] · E[n] with g = ∂loss/∂embedded (B, L,
D), so that everything the dense route would compute from U follows from g and E:

    G[c, k, d]  = Σ_{b, t<T} [text[b, t+k] = c] · g[b, t, d]
    dP[c, k, n] = σ(P[c, k, n]) · Σ_d G[c, k, d] · E[n, d]
    dE[n, d]    = Σ_{matches (b, t, n)} g[b, t, d]
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv1d_input, conv1d_weight

from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import gradient_of_sum, sum_of_matches
from tokenlayer.original.patterns import one_hot

_LEAK = 1 / 6


def sigma(patterns: Tensor) -> Tensor:
    """The scale that the original multiplies the gradient of `patterns` by; zero outside (0, 1).

    With z = (1 - a)·x + a, a = 1/6, β = 2.5 it is z^(-β-1) / ((1 + z^-β (1-z)^β)² (1-z)^(1-β)). Written with the odds
    q = (1-z)/z this is q^1.5 / (z² (1 + q^2.5)²), which needs no power and stays finite at x = 1.
    """
    z = torch.addcmul(patterns.new_tensor(_LEAK), patterns, patterns.new_tensor(1 - _LEAK))
    odds = ((1 - z) / z).clamp_(min=0)
    root = odds.sqrt()
    scale = odds * root / (z * (1 + odds * odds * root)).square_()
    return scale.where((patterns > 0) & (patterns < 1), 0)


def character_histogram(codes: Tensor, g: Tensor, pattern_lens: int, n_characters: int) -> Tensor:
    """G (C, K, D) of codes (B, L) and g (B, L, D): the gradient seen by character c in column k, over windows t < T."""
    B, L, D = g.shape
    K = pattern_lens
    if K > L:
        return g.new_zeros(n_characters, K, D)
    # Row (b, j) holds g[b, j - k] for each k: what arrives at the character at j as the k-th of its windows.
    padded = torch.nn.functional.pad(g[:, : L - K + 1], (0, 0, K - 1, K - 1))
    rows = padded.unfold(1, K, 1).flip(-1).transpose(2, 3).reshape(B * L, K * D)
    histogram = g.new_zeros(n_characters + 1, K * D).index_add_(0, codes.long().reshape(-1), rows)
    return histogram[:n_characters].view(n_characters, K, D)


class EmbedPatternMatches(torch.autograd.Function):
    """(patterns (C, K, N), embedding (N, D), codes (B, L), matches) → embedded (B, L, D), factorised both ways.

    With `pooled` the result is the sum over each text, (B, D), without the (B, L, D) in between: every position of a
    text then has the gradient of the text.
    """

    @staticmethod
    def forward(
        ctx: Any, patterns: Tensor, embedding: Tensor, codes: Tensor, matches: Matches, pooled: bool = False
    ) -> Tensor:
        row = matches.text if pooled else matches.flat
        ctx.save_for_backward(patterns, embedding, codes, row, matches.token_id)
        ctx.pooled = pooled
        return sum_of_matches(embedding, matches, pooled=pooled)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        (g,) = grads
        patterns, embedding, codes, row, token_id = ctx.saved_tensors
        grad_patterns = grad_embedding = None
        if ctx.needs_input_grad[0]:
            C, K, N = patterns.shape
            everywhere = g.unsqueeze(1).expand(-1, codes.shape[1], -1) if ctx.pooled else g
            G = character_histogram(codes, everywhere, K, C)
            grad_patterns = (G.view(C * K, -1) @ embedding.T).view(C, K, N).mul_(sigma(patterns))
        if ctx.needs_input_grad[1]:
            grad_embedding = gradient_of_sum(g, embedding, row, token_id)
        return grad_patterns, grad_embedding, None, None, None


class DenseMatch(torch.autograd.Function):
    """(patterns (C, K, N), discretised (C, K, N), one-hot text (B, C, L)) → (B, N, L), as the original computes it.

    Costs B·T·N·C·K; for callers who ask for the dense tensor, or whose input is not a text but any tensor.
    """

    @staticmethod
    def forward(ctx: Any, patterns: Tensor, ones: Tensor, text: Tensor) -> Tensor:
        ctx.save_for_backward(patterns, text)
        wanted = ones.sum((0, 1))  # (N,)
        value = text.new_zeros(text.shape[0], len(wanted), text.shape[2])
        if text.shape[2] >= patterns.shape[1]:
            covered = torch.nn.functional.conv1d(text, ones.permute(2, 0, 1))  # (B, N, T)
            value[:, :, : covered.shape[2]] = covered
        return (value == wanted[:, None]).to(text.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        patterns, text = ctx.saved_tensors
        kernel = patterns.permute(2, 0, 1)  # (N, C, K)
        K = kernel.shape[2]
        if text.shape[2] < K:
            return torch.zeros_like(patterns), None, torch.zeros_like(text)
        upstream = grads[0][:, :, : text.shape[2] - K + 1].contiguous()
        grad_patterns = grad_text = None
        if ctx.needs_input_grad[0]:
            grad_kernel = conv1d_weight(text, kernel.shape, upstream)  # type: ignore[no-untyped-call]  # torch types none
            grad_patterns = grad_kernel.permute(1, 2, 0) * sigma(patterns)
        if ctx.needs_input_grad[2]:
            grad_text = conv1d_input(text.shape, kernel, upstream)  # type: ignore[no-untyped-call]  # likewise
        return grad_patterns, None, grad_text


def dense_matches(patterns: Tensor, text: Tensor) -> Tensor:
    """(B, N, L) matches of `patterns` (C, K, N) in one-hot `text` (B, C, L), differentiable in both."""
    with torch.no_grad():
        blank = patterns.sum(0) <= 0
        ones = ((patterns == patterns.amax(0)) & ~blank).to(text.dtype)
    result: Tensor = DenseMatch.apply(patterns, ones, text)  # type: ignore[no-untyped-call]  # torch types no apply
    return result


def dense_matches_of_codes(patterns: Tensor, codes: Tensor) -> Tensor:
    """The matches (B, N, L) of `patterns` in `codes` (B, L), as `dense_matches` finds them."""
    return dense_matches(patterns, one_hot(codes, patterns.shape[0], patterns.dtype))
