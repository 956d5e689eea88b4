"""Patterns of noise (`PatternsInitializerGaussian` of the original)."""

from __future__ import annotations

import torch
from torch import Tensor


class PatternsInitializerGaussian:
    """Every weight is drawn from one normal distribution: each pattern starts as K random characters.

    Args:
        mean: of the distribution.
        stddev: its standard deviation.
        n_characters: C, for a layer that is to be made before it sees a text.
        generator: the source of randomness, on the CPU; None: torch's global one.

    """

    def __init__(
        self,
        mean: float = 0.5,
        stddev: float = 0.15,
        n_characters: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.mean = mean
        self.stddev = stddev
        self.n_characters = n_characters
        self._generator = generator

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """Patterns of shape (C, K, N)."""
        return torch.empty(shape).normal_(self.mean, self.stddev, generator=self._generator)
