"""Keras's constants where PyTorch's differ, so that a run of the original's model gives the original's numbers.

The formulas are those of Keras 2.15; each docstring says where PyTorch's counterpart departs from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-7
"""Keras's fuzz factor: it clips probabilities, and is added inside the logarithms of binary cross-entropy."""


def dense(n_in: int, n_out: int) -> nn.Linear:
    """A `Linear` with Keras's initial values: Glorot-uniform kernel, zero bias."""
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def binary_crossentropy(probability: Tensor, label: Tensor) -> Tensor:
    """Mean binary cross-entropy of probabilities (B,) and labels (B,) in {0, 1}."""
    p = probability.clamp(EPSILON, 1 - EPSILON)
    y = label.to(p.dtype)
    return -(y * torch.log(p + EPSILON) + (1 - y) * torch.log(1 - p + EPSILON)).mean()


def categorical_crossentropy(probability: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy of probabilities (B, n_classes) and integer labels (B,)."""
    p = probability.gather(1, label.long().unsqueeze(1))
    return -torch.log(p.clamp(EPSILON, 1 - EPSILON)).mean()


class BatchNorm(nn.BatchNorm1d):
    """Keras's batch normalisation over (B, features): ε 1e-3, momentum 0.99, population variance as running variance.

    PyTorch's keeps the unbiased variance.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__(n_features, eps=1e-3, momentum=0.01)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        with torch.no_grad():
            variance, mean = torch.var_mean(input, dim=0, correction=0)
            self.running_mean.lerp_(mean, 0.01)
            self.running_var.lerp_(variance, 0.01)
        return nn.functional.batch_norm(
            input, None, None, self.weight, self.bias, training=True, momentum=0.0, eps=self.eps
        )


class KerasAdam(torch.optim.Adam):
    """Adam as Keras has it: lr · √(1-β₂ᵗ)/(1-β₁ᵗ) · m / (√v + ε), ε = 1e-7.

    PyTorch adds ε after the bias correction of v; scaling ε by 1/√(1-β₂ᵗ) at each step makes the two formulas equal.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas: decay of the two moments.
        eps: Keras's ε.

    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = EPSILON,
    ) -> None:
        super().__init__(params, lr=lr, betas=(betas[0], betas[1]), eps=eps, fused=True)
        for group in self.param_groups:
            group["keras_eps"] = eps
            group["t"] = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; `t` counts them from 1."""
        for group in self.param_groups:
            group["t"] += 1
            group["eps"] = group["keras_eps"] / math.sqrt(1 - group["betas"][1] ** group["t"])
        return super().step(closure)
