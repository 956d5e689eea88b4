"""Patterns of noise (`PatternsInitializerGaussian` of the original)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.original.initializer import OriginalInitializerConfig
from tokenlayer.vocabularies.base import InitializerContext


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


@dataclass
class GaussianConfig(OriginalInitializerConfig):
    """Patterns of noise."""

    mean: float = 0.5
    """Mean of the normal distribution that every weight is drawn from."""
    stddev: float = 0.15
    """Its standard deviation."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.stddev < 0:
            yield "stddev", "must not be negative"

    def patterns(self, context: InitializerContext) -> Tensor:
        """Random patterns (C, K, N)."""
        initializer = PatternsInitializerGaussian(self.mean, self.stddev, generator=context.generator)
        return initializer((context.alphabet.size, context.max_token_length, context.vocab_size))
